# Clones git requirements, with the credentials of their hosts. Nothing of them is run: a clone has no hooks.
# In: environment/build/N/git (address, ref, folder). Out: /opt/dltpod/sources/N and N.commit.
set -eu
. /dev/dltpod/assets/common.sh
mkdir -p /opt/dltpod/sources
export GIT_TERMINAL_PROMPT=0

for file in "$given"/build/*/git; do
  [ -s "$file" ] || continue
  place=/opt/dltpod/sources/$(basename "$(dirname "$file")")
  { read -r address; read -r ref; } <"$file"
  git init -q "$place"
  cd "$place"
  git remote add origin "$address"
  {
    if git fetch -q origin "$ref"; then
      git checkout -q --detach FETCH_HEAD
    else
      # Not every server gives a commit by its number: it is on one of the branches, or nowhere.
      git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*' && git checkout -q --detach "$ref"
    fi && git submodule -q update --init --recursive
  } 2>"$TMPDIR/git" || { echo "Git operation failed" >&2; cat "$TMPDIR/git" >&2; exit 1; }
  git rev-parse HEAD >"$place.commit"
done
