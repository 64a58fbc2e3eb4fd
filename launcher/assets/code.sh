# code.sh FROM TO: copies Python code in place, compiled.
set -eu
# Nothing that a package of the image brings takes part: see common.sh.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
python=$(readlink -f /opt/venv/bin/python)
: >/dev/dltpod-started
umask 022
rm -rf "$2"
cp -R "$1" "$2"
chmod -R u=rwX,go=rX "$2"
# A source that doesn't compile is the run's own failure to tell, not the build's.
"$python" -I -S -m compileall -q --invalidation-mode unchecked-hash "$2" >/dev/null || true
find "$(dirname "$2")" -xdev -cnewer /dev/dltpod-started -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
