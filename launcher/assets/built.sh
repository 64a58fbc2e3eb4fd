# Wheels of what has none. This runs foreign code: it has no cache that another build reads, and no credentials.
# In: environment/build/N/requirement.txt, or the clone of N and its folder. Out: /opt/dltpod/wheels/N/*.whl.
set -eu
. /dev/dltpod/assets/common.sh
cd "$given"

# with_fetched COMMAND...: with what was fetched for the build, and nothing else.
with_fetched() {
  PATH=$fetched/bin:$PATH PYTHONPATH=$fetched "$@"
}

# alone: a Python that has what was fetched, and nothing else.
alone() {
  venv=$TMPDIR/venv-$number
  /opt/uv/bin/uv venv -q --no-project --python /opt/venv/bin/python "$venv"
  echo "$fetched" >"$(echo "$venv"/lib/python3*/site-packages)/fetched.pth"
}

# asks_for_no_more FOLDER: a build without what it asks for while it runs may go well, and make another package.
asks_for_no_more() {
  more=$TMPDIR/more-$number.txt
  # Where it fails, so does the build, and tells.
  (cd "$1" && with_fetched "$venv/bin/python" /dev/dltpod/assets/build_asks.py "$more") >/dev/null 2>&1 || return 0
  [ -s "$more" ] || return 0
  if ! /opt/uv/bin/uv pip install -q --dry-run --no-index --no-build --python /opt/venv/bin/python --target "$fetched" -r "$more"; then
    echo "DLTPOD-ERROR as it is built, $(basename "$1") asks for $(tr '\n' ' ' <"$more")" \
      "| name that in its pyproject.toml, [build-system] requires: beside an index that asks for a password it is fetched before" >&2
    exit 1
  fi
}

for folder in "$given"/build/*/; do
  number=$(basename "$folder")
  asked=$folder/requirement.txt
  project=$(cat "$asked" 2>/dev/null || true)
  out=/opt/dltpod/wheels/$number
  mkdir -p "$out"
  if [ -s "$folder/git" ]; then
    project=/dev/dltpod/fetched/sources/$number/$(sed -n 3p "$folder/git")
    asked=$TMPDIR/asked.txt
    echo "$project" >"$asked"
    cp "/dev/dltpod/fetched/sources/$number.commit" "$out/commit"
  fi
  own=$TMPDIR/cache-$number
  fetched=/dev/dltpod/fetched/build/$number
  install="/opt/uv/bin/uv pip install ${DLTPOD_OFFLINE:+--offline} --cache-dir $own --target $TMPDIR/target-$number --no-deps"
  if [ -e "$fetched.only" ]; then
    alone
    asks_for_no_more "$project"
    with_fetched $install --python "$venv/bin/python" --no-build-isolation -r "$asked"
  elif ! $install --python /opt/venv/bin/python -r "$asked" 2>"$TMPDIR/error"; then
    # Without a network: what was fetched came of the same indexes.
    [ -d "$fetched" ] || { cat "$TMPDIR/error" >&2; exit 1; }
    alone
    with_fetched $install --python "$venv/bin/python" --no-build-isolation -r "$asked" || { cat "$TMPDIR/error" >&2; exit 1; }
  fi
  find "$own" -path '*/sdists-*' -name '*.whl' -type f -exec cp {} "$out/" \;
done
