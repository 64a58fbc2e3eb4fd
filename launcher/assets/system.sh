# The Debian packages of an environment. In: environment/system.txt.
set -eu
. /dev/dltpod/assets/common.sh

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
