# What a build of packages needs, with credentials. Nothing of it is run: a clone has no hooks, a wheel no build.
# In: environment/build/N/{requirement.txt,git}; git has an address, a ref and a folder. Out: /opt/dltpod/sources/N and
# N.commit, and in /opt/dltpod/build/N what building N asks for.
set -eu
. /dev/dltpod/assets/common.sh
mkdir -p /opt/dltpod/sources
export GIT_TERMINAL_PROMPT=0
mkdir "$TMPDIR/home"
[ ! -s /dev/dltpod/netrc_git ] || ln -s /dev/dltpod/netrc_git "$TMPDIR/home/.netrc"

for file in "$given"/build/*/git; do
  [ -s "$file" ] || continue
  place=/opt/dltpod/sources/$(basename "$(dirname "$file")")
  { read -r address; read -r ref; } <"$file"
  git init -q "$place"
  cd "$place"
  git remote add origin "$address"
  {
    export HOME="$TMPDIR/home"
    if git fetch -q origin "$ref"; then
      git checkout -q --detach FETCH_HEAD
    else
      # Not every server gives a commit by its number: it is on one of the branches, or nowhere.
      git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*' && git checkout -q --detach "$ref"
    fi && git submodule -q update --init --recursive
  } 2>"$TMPDIR/git" || { echo "Git operation failed" >&2; cat "$TMPDIR/git" >&2; exit 1; }
  git rev-parse HEAD >"$place.commit"
done

cd "$given"
for folder in "$given"/build/*/; do
  number=$(basename "$folder")
  project=$(cat "$folder/requirement.txt" 2>/dev/null || echo "/opt/dltpod/sources/$number/$(sed -n 3p "$folder/git")")
  wanted=$TMPDIR/wanted.txt
  /opt/venv/bin/python -I -S /dev/dltpod/assets/build_requires.py "$project" >"$wanted"
  [ -s "$wanted" ] || continue
  set -- -q --no-build --python /opt/venv/bin/python --target "/opt/dltpod/build/$number" -r "$wanted"
  # What can't be had, from the cache neither, the build asks for itself, and tells.
  /opt/uv/bin/uv pip install "$@" 2>/dev/null || /opt/uv/bin/uv pip install --offline "$@" 2>/dev/null || true
done
