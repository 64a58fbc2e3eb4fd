# What the steps of the Dockerfile share. Sourced.

# The image's own PATH begins with what packages install: a wheel may bring a `touch` or a `sh`, and this is root.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# The base image's interpreter, for the same reason: no package lies beside it. -I -S keeps out all else.
[ ! -e /opt/venv/bin/python ] || python=$(readlink -f /opt/venv/bin/python)
umask 022
export PYC_INVALIDATION_MODE=UNCHECKED_HASH
given=/dev/dltpod/environment

# Certificates, proxies and index settings of the host: they reach this step and stay in no layer. uv fills in
# ${NAME}, of capitals, in any address that a package asks for: nothing with a password is in a variable of such a
# name. Addresses of indexes come in uv.toml; of the proxies the names in small letters do.
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY
if [ -s /dev/dltpod/settings ]; then set -a; . /dev/dltpod/settings; set +a; fi
if [ -s /dev/dltpod/ca.pem ]; then
  export SSL_CERT_FILE=/dev/dltpod/ca.pem PIP_CERT=/dev/dltpod/ca.pem REQUESTS_CA_BUNDLE=/dev/dltpod/ca.pem \
    CURL_CA_BUNDLE=/dev/dltpod/ca.pem GIT_SSL_CAINFO=/dev/dltpod/ca.pem
fi
[ ! -s /dev/dltpod/uv.toml ] || export UV_CONFIG_FILE=/dev/dltpod/uv.toml

# The cache that builds share is mounted in steps that run no foreign code. The others have one of their own.
cache=/dev/dltpod/cache
[ -d "$cache" ] || { cache=/var/tmp/dltpod; mkdir -p "$cache"; }
export UV_CACHE_DIR=$cache/uv PIP_CACHE_DIR=$cache/pip UV_LINK_MODE=copy UV_NO_PROGRESS=1 \
  UV_PYTHON_DOWNLOADS=never HOME=/dev/shm VIRTUAL_ENV=/opt/venv

# Neither the layer's /tmp (its times would differ) nor memory (nothing there may be executed): the cache's own disk.
find "$cache" -maxdepth 1 -name 'tmp.*' -mmin +1440 -exec rm -rf {} +
TMPDIR=$(mktemp -d "$cache/tmp.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR" /var/tmp/dltpod' EXIT

# fixed_times PATH...: what this step made (ctime can't be forged) gets one time, so that equal inputs make equal
# layers. Bytecode here is unchecked-hash, so no source's time matters to it.
fixed_times() {
  epoch=${SOURCE_DATE_EPOCH:-0}
  find "$@" -xdev -cnewer /dev/dltpod-started -newermt "@$epoch" -exec touch -h -d "@$epoch" {} +
}

# made_wheels: the wheels that the step `built` made, by path. It ran foreign code: only plain files count, and only
# those whose name is a wheel's, for a name goes into lines of a file and a command of sed, which can run programs.
made_wheels() {
  for wheel in /dev/dltpod/wheels/wheels/*/*.whl; do
    [ -f "$wheel" ] && [ ! -L "$wheel" ] && [ ! -L "${wheel%/*}" ] || continue
    case ${wheel#/dev/dltpod/wheels/wheels/} in *[!A-Za-z0-9._+!/-]*) continue ;; esac
    case $(basename "${wheel%/*}") in *[!0-9]*) continue ;; esac
    echo "$wheel"
  done
}

# take_wheels FILE...: these wheels in place of each @@N@@. A path of its content's own, so that uv takes no other
# build's wheel for it. What was not made is left out.
take_wheels() {
  for wheel in $(made_wheels); do
    number=$(basename "${wheel%/*}")
    place=$given/wheels/$(sha256sum <"$wheel" | cut -c1-32)
    mkdir -p "$place"
    cp "$wheel" "$place/"
    sed -i "s|@@$number@@|$place/$(basename "$wheel")|" "$@"
  done
  sed -i '/@@[0-9]*@@/d' "$@"
}
: >/dev/dltpod-started
