# What a build of packages needs, with credentials. Nothing of it is run: a clone has no hooks, a wheel no build.
# In: environment/build/N/{requirement.txt,git}; git has an address, a ref and a folder. Out: /opt/dltpod/sources/N and
# N.commit, and in /opt/dltpod/build/N what building N asks for.
set -eu
. /dev/dltpod/assets/common.sh
mkdir -p /opt/dltpod/sources
export GIT_TERMINAL_PROMPT=0

# What a clone may log in with: its own login, in memory, and only while the repository itself is fetched.
login=/dev/shm/login
fetch() {
  git -c credential.helper="store --file $login" fetch -q "$@"
}

# known_to_closed LINES: ends the step where an index that asks for a password has the package of an sdist. A hash
# needs no such look, nor has a path or an address any other place.
known_to_closed() {
  case $1 in *://* | ./* | *--hash=*) return ;; esac
  printf '%s\n' "$1" | sed '1s/[^A-Za-z0-9._-].*//; q' >"$TMPDIR/name.txt"
  if ! UV_CONFIG_FILE=/dev/dltpod/uv_closed.toml /opt/uv/bin/uv pip compile -q --no-deps --no-build "$TMPDIR/name.txt" \
    >/dev/null 2>"$TMPDIR/error"; then
    ! grep -q 'was not found in the p' "$TMPDIR/error" || return 0
    grep -q 'No solution found' "$TMPDIR/error" || { cat "$TMPDIR/error" >&2; exit 1; }
  fi
  name=$(cat "$TMPDIR/name.txt")
  echo "DLTPOD-ERROR an index that asks for a password has $name, and what is built is taken from none of these" \
    "| publish a wheel of $name there, or choose a version that has one" >&2
  exit 1
}

# lacking PROJECT: ends the step, for what builds the project's own package can't be had.
lacking() {
  if grep -qs 'No solution found' "$TMPDIR/error" || [ ! -s "$TMPDIR/error" ]; then
    echo "DLTPOD-ERROR what $(basename "$1") asks for to be built is not all there as wheels: $(tr '\n' ' ' <"$wanted")" \
      "| beside an index that asks for a password it is fetched before: names with versions, as wheels" >&2
  else
    cat "$TMPDIR/error" >&2
  fi
  exit 1
}

for file in "$given"/build/*/git; do
  [ -s "$file" ] || continue
  number=$(basename "$(dirname "$file")")
  place=/opt/dltpod/sources/$number
  { read -r address; read -r ref; } <"$file"
  git init -q "$place"
  cd "$place"
  git remote add origin "$address"
  [ ! -s /dev/dltpod/git_logins ] || sed -n "s/^$number //p" /dev/dltpod/git_logins >"$login"
  {
    if fetch origin "$ref"; then
      git checkout -q --detach FETCH_HEAD
    else
      # Not every server gives a commit by its number: it is on one of the branches, or nowhere.
      fetch --tags origin '+refs/heads/*:refs/remotes/origin/*' && git checkout -q --detach "$ref"
    fi
  } 2>"$TMPDIR/git" || { echo "Git operation failed" >&2; cat "$TMPDIR/git" >&2; exit 1; }
  rm -f "$login"
  git submodule -q update --init --recursive 2>"$TMPDIR/git" || {
    echo "DLTPOD-ERROR a submodule of $address could not be fetched: $(grep -m 1 -E '^(fatal|error): ' "$TMPDIR/git")" \
      "| a repository's submodules are fetched without the logins of ~/.netrc: they have to be public" >&2
    exit 1
  }
  git rev-parse HEAD >"$place.commit"
done

# Where an index asks for a password, the step `built` doesn't see it, and a public package may have the name of one
# that it has. So what builds the project's own packages is fetched whole, or the build ends here; and of what has no
# wheel, the name must be unknown to that index.
cd "$given"
for folder in "$given"/build/*/; do
  number=$(basename "$folder")
  project=$(cat "$folder/requirement.txt" 2>/dev/null || echo "/opt/dltpod/sources/$number/$(sed -n 3p "$folder/git")")
  place=/opt/dltpod/build/$number
  wanted=$TMPDIR/wanted.txt
  whole=1
  only=${DLTPOD_CLOSED:-}
  "$python" -I -S /dev/dltpod/assets/build_requires.py "$project" >"$wanted" || whole=
  mkdir -p "$place"
  rm -f "$TMPDIR/error"
  [ -d "$project" ] || only=
  set -- -q --no-build --python /opt/venv/bin/python --target "$place" -r "$wanted"
  if [ -s "$wanted" ]; then
    /opt/uv/bin/uv pip install "$@" 2>"$TMPDIR/error" || /opt/uv/bin/uv pip install --offline "$@" 2>/dev/null || whole=
  fi
  [ -n "$whole" ] || rm -rf "$place"
  [ -z "$only" ] || : >"$place.only"
  [ -z "$only" ] || [ -n "$whole" ] || lacking "$project"
  if [ -n "${DLTPOD_CLOSED:-}" ] && [ -z "$only" ]; then known_to_closed "$project"; fi
done
