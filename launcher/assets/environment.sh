# What one source's environment adds, from wheels alone: no foreign code is run. In: environment/{requirements.txt,lock.txt,
# unhashed.txt,verified/}, each of them optional, and the wheels of `built`. Out: /opt/venv, /opt/verified_sources,
# /opt/dltpod/packages.json.
set -eu
. /dev/dltpod/assets/common.sh

# Installed beside the wheel cache, by hard links, and written into the layer once it is whole.
staged=$TMPDIR/venv
install="/opt/uv/bin/uv pip ${DLTPOD_OFFLINE:+--offline} --no-progress"
cd "$given"
for file in requirements.txt unhashed.txt; do [ ! -s "$file" ] || take_wheels "$file"; done
export UV_PYTHON=/opt/venv/bin/python UV_LINK_MODE=hardlink
"$python" -I -S /dev/dltpod/assets/place.py seed "$staged"
if [ -e lock.txt ]; then
  $install sync --no-build --prefix "$staged" --require-hashes lock.txt
  [ ! -s unhashed.txt ] || $install install --no-build --prefix "$staged" --no-deps -r unhashed.txt
elif [ -s requirements.txt ]; then
  $install install --no-build --prefix "$staged" --exact -r requirements.txt
fi
cd /
# uv's note on when it saw a local package's files: of no use here, and different each time.
find "$staged" -name uv_cache.json -type f -execdir sed -i '/\/uv_cache\.json,/d' RECORD \; -delete
find /dev/dltpod/cache/bytecode -type f -mtime +90 -delete 2>/dev/null || true
"$python" -I -S -W ignore /dev/dltpod/assets/place.py move "$staged" /dev/dltpod/cache/bytecode

if [ -d "$given/verified" ]; then
  cp -R "$given/verified/." /opt/verified_sources/
  "$python" -I -S -m compileall -q --invalidation-mode unchecked-hash /opt/verified_sources >/dev/null || true
fi
"$python" -I -S /dev/dltpod/assets/packages.py
fixed_times /opt
