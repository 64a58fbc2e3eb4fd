# Python, uv and the default dlt. In: PYTHON, assets/{uv,default}.txt. Out: /opt/uv, /opt/venv, compiled, and the
# standard library's bytecode.
set -eu
# By the base image's own PATH, in which there are no packages yet.
python=$(command -v python3) || { echo "DLTPOD-ERROR the base image has no python3" >&2; exit 1; }
. /dev/dltpod/assets/common.sh
found=$("$python" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$found" = "$PYTHON" ] || { echo "DLTPOD-ERROR the base image has Python $found, not $PYTHON" >&2; exit 1; }

"$python" -m venv "$TMPDIR/pip"
(
  if [ -s /dev/dltpod/pip ]; then set -a; . /dev/dltpod/pip; fi
  "$TMPDIR/pip/bin/pip" install -q --disable-pip-version-check --no-compile --require-hashes --target /opt/uv -r /dev/dltpod/assets/uv.txt
)
/opt/uv/bin/uv venv -q --python "$python" --no-project /opt/venv
/opt/uv/bin/uv pip sync -q --require-hashes --compile-bytecode /dev/dltpod/assets/default.txt
# Neither python:X-slim nor Debian's packages bring the standard library's bytecode; each start would compile it.
stdlib=$("$python" -I -S -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
"$python" -I -S -m compileall -q --invalidation-mode unchecked-hash -x '/(tests?|idlelib|lib2to3|ensurepip|turtledemo)/' "$stdlib" >/dev/null || true
mkdir -p /opt/dltpod /opt/verified_sources /opt/custom_sources
"$python" -I -S /dev/dltpod/assets/packages.py
fixed_times /opt "$stdlib"
