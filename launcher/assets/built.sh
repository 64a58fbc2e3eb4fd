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
  own=$TMPDIR/cache-$number
  install="/opt/uv/bin/uv pip install ${DLTPOD_OFFLINE:+--offline} --cache-dir $own --target $TMPDIR/target-$number --no-deps"
  if ! $install --python /opt/venv/bin/python -r "$asked" 2>"$TMPDIR/error"; then
    # Without a network, or where the only index asks for credentials: with what was fetched for it.
    fetched=/dev/dltpod/fetched/build/$number
    [ -d "$fetched" ] || { cat "$TMPDIR/error" >&2; exit 1; }
    /opt/uv/bin/uv venv -q --no-project --python /opt/venv/bin/python "$TMPDIR/venv-$number"
    echo "$fetched" >"$(echo "$TMPDIR/venv-$number"/lib/python3*/site-packages)/fetched.pth"
    $install --python "$TMPDIR/venv-$number/bin/python" --no-build-isolation -r "$asked" ||
      { cat "$TMPDIR/error" >&2; exit 1; }
  fi
  find "$own" -path '*/sdists-*' -name '*.whl' -type f -exec cp {} "$out/" \;
done
