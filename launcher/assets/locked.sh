# locked.sh [--no-build]: resolves for all platforms. With --no-build it runs no foreign code, and has credentials.
# In: environment/{requirements.txt,seed.txt,cutoff.txt}. Out: /opt/dltpod/lock/{lock.txt,wheels.txt}.
set -eu
. /dev/dltpod/assets/common.sh
cd "$given"
take_wheels requirements.txt

out=/opt/dltpod/lock
mkdir -p "$out"
for wheel in $(made_wheels); do
  folder=$(dirname "$wheel")
  echo "$(basename "$folder") $(basename "$wheel") $(grep -xsE '[0-9a-f]{40,64}' "$folder/commit" || true)"
done >"$out/wheels.txt"
set -- "$@" --upgrade
if [ -e seed.txt ]; then cp seed.txt "$out/lock.txt"; set -- $(echo "$@" | sed 's/--upgrade//'); fi
[ ! -s cutoff.txt ] || set -- "$@" --exclude-newer "$(cat cutoff.txt)"
/opt/uv/bin/uv pip compile requirements.txt -o "$out/lock.txt" --universal --quiet --python /opt/venv/bin/python \
  --python-version "$(cat python.txt)" --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
