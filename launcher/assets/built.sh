# Wheels of what has none. This runs foreign code: it has no cache that another build reads, and no credentials.
# In: environment/build/N/requirement.txt, or the clone of N and its folder. Out: /opt/dltpod/wheels/N/*.whl.
set -eu
. /dev/dltpod/assets/common.sh
cd "$given"

for folder in "$given"/build/*/; do
  number=$(basename "$folder")
  asked=$folder/requirement.txt
  out=/opt/dltpod/wheels/$number
  mkdir -p "$out"
  if [ -s "$folder/git" ]; then
    asked=$TMPDIR/asked.txt
    echo "/dev/dltpod/fetched/sources/$number/$(sed -n 3p "$folder/git")" >"$asked"
    cp "/dev/dltpod/fetched/sources/$number.commit" "$out/commit"
  fi
  own=$TMPDIR/$number
  /opt/uv/bin/uv pip install --cache-dir "$own/cache" --target "$own/target" --python /opt/venv/bin/python --no-deps -r "$asked"
  find "$own/cache" -path '*/sdists-*' -name '*.whl' -type f -exec cp {} "$out/" \;
done
