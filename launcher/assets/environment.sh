# What one source's environment adds. In: environment/{system.txt,requirements.txt,lock.txt,packages/,verified/},
# each of them optional. Out: Debian packages, /opt/venv, /opt/verified_sources, /opt/dltpod/packages.json.
set -eu
. /dev/dltpod/assets/common.sh
given=/dev/dltpod/environment

if [ -s "$given/system.txt" ]; then
  # An update removes the lists of every other release, so each release has its own.
  DLTPOD_LISTS=/dev/dltpod/apt/lists/$(. /etc/os-release && echo "$ID-${VERSION_ID:-0}")-$(dpkg --print-architecture)
  export DLTPOD_LISTS
  mkdir -p /dev/dltpod/apt/archives/partial "$DLTPOD_LISTS/partial"
  # Builds share this cache; apt's own locks don't wait.
  flock /dev/dltpod/apt/lock sh -eu -c '
    set -- -qq -o Dir::Cache=/dev/dltpod/apt -o Dir::State::Lists="$DLTPOD_LISTS" -o Acquire::Retries=3 -o APT::Keep-Downloaded-Packages=true \
      -o Binary::apt-get::APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0
    apt-get update "$@" || echo "DLTPOD-NOTE the package lists could not be updated" >&2
    DEBIAN_FRONTEND=noninteractive xargs apt-get install "$@" -y --no-install-recommends <'"$given"'/system.txt'
  rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig /var/cache/debconf/*-old /var/lib/dpkg/*-old
  fixed_times /usr /etc /var /opt
fi

# Installed beside the wheel cache, by hard links, and written into the layer once it is whole.
staged=$TMPDIR/venv
install="/opt/uv/bin/uv pip ${DLTPOD_OFFLINE:+--offline} --no-progress"
export UV_PYTHON=/opt/venv/bin/python UV_LINK_MODE=hardlink
/opt/venv/bin/python /dev/dltpod/assets/place.py seed "$staged"
if [ -s "$given/lock.txt" ]; then
  cd "$given"
  $install sync --prefix "$staged" --require-hashes lock.txt
  [ ! -s unhashed.txt ] || $install install --prefix "$staged" --no-deps -r unhashed.txt
elif [ -s "$given/requirements.txt" ]; then
  cd "$given"
  $install install --prefix "$staged" --exact -r requirements.txt
fi
cd /
# uv's note on when it saw a local package's files: of no use here, and different each time.
find "$staged" -name uv_cache.json | while read -r note; do
  rm "$note"
  sed -i '/\/uv_cache\.json,/d' "${note%/*}/RECORD"
done
find /dev/dltpod/cache/bytecode -type f -mtime +90 -delete 2>/dev/null || true
/opt/venv/bin/python -W ignore /dev/dltpod/assets/place.py move "$staged" /dev/dltpod/cache/bytecode

if [ -d "$given/verified" ]; then
  cp -R "$given/verified/." /opt/verified_sources/
  /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/verified_sources >/dev/null || true
fi
/opt/venv/bin/python /dev/dltpod/assets/packages.py
fixed_times /opt
