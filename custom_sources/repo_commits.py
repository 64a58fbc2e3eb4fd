# /// script
# requires-python = ">=3.10"
# dependencies = ["dulwich>=0.22,<2"]
# ///
"""The history of a git repository: table ``commits``, child table ``commits__files``.

Incremental by commit date. A commit may land with a date older than those loaded already (a branch
merged late, a rebase); the resource ``late_commits`` brings those, from what is reachable now and
was not from the head of the last run.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
from dulwich.diff_tree import tree_changes
from dulwich.errors import NotGitRepository
from dulwich.objects import Commit
from dulwich.repo import Repo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dlt.source
def repo_commits(repository: str = "/workspace/.git", branch: str = "HEAD") -> Any:
    """Commits that are reachable from ``branch``.

    Args:
        repository: a repository's ``.git`` folder, or a bare repository.
        branch: a ref: ``HEAD``, ``refs/heads/main``, or a branch's short name.
    """
    repo = _open(repository)
    head = _head(repo, branch)

    @dlt.resource(primary_key="sha", write_disposition="merge")
    def commits(
        committed_at: dlt.sources.incremental[datetime] = dlt.sources.incremental(
            "committed_at", initial_value=EPOCH
        ),
    ) -> Iterator[dict[str, Any]]:
        start = committed_at.last_value or EPOCH
        for commit in _walk(repo, head):
            if _when(commit.commit_time, 0) >= start:
                yield _row(repo, commit)

    @dlt.resource(table_name="commits", primary_key="sha", write_disposition="merge")
    def late_commits() -> Iterator[dict[str, Any]]:
        state = dlt.current.resource_state()
        known, newest, count = state.get("head"), state.get("newest", 0), state.get("count", 0)
        since = known.encode() if known else None
        total = sum(1 for _ in _walk(repo, head))
        if known and total - sum(1 for _ in _walk(repo, head, since)) != count:
            since = None  # history itself has changed: a shallow clone was deepened, a branch rewritten
        latest = newest
        for commit in _walk(repo, head, since):
            latest = max(latest, commit.commit_time)
            if known and commit.commit_time < newest:
                yield _row(repo, commit)
        if head is not None:
            state.update(head=head.decode(), newest=latest, count=total)

    return commits, late_commits


def _open(path: str) -> Repo:
    """The repository at ``path``. Raises ValueError with what is there instead."""
    place = Path(path)
    if place.is_file():
        raise ValueError(
            f"{path} is a file: this clone is a linked worktree or a submodule, its history lies elsewhere. "
            "Mount the main repository's .git folder instead."
        )
    if not place.exists():
        raise ValueError(f"{path} does not exist. Mount it: mounts: ['.git:{path}:ro']")
    try:
        return Repo(str(place), bare=True)
    except NotGitRepository:
        raise ValueError(f"{path} is not a git repository") from None


def _head(repo: Repo, branch: str) -> bytes | None:
    """The commit that ``branch`` names; None in a repository without commits."""
    names = [branch.encode(), b"refs/heads/" + branch.encode(), b"refs/remotes/origin/" + branch.encode()]
    for name in names:
        try:
            return bytes(repo.refs[name])
        except KeyError:
            continue
    branches = sorted(r.decode() for r in repo.refs.keys(b"refs/heads/"))
    if branches:
        raise ValueError(f"no ref {branch!r}; branches here: {', '.join(branches[:10])}")
    print(f"{repo.path}: no commits yet")  # a source's prints are its log
    return None


def _walk(repo: Repo, head: bytes | None, since: bytes | None = None) -> Iterator[Commit]:
    """Commits reachable from ``head`` and not from ``since``; a ``since`` that is gone counts as none."""
    if head is None:
        return
    exclude = [since] if since and since in repo.object_store else None
    for entry in repo.get_walker(include=[head], exclude=exclude):
        yield entry.commit


def _row(repo: Repo, commit: Commit) -> dict[str, Any]:
    parents = repo.get_parents(commit.id, commit)
    lines = commit.message.decode("utf-8", "replace").splitlines()
    name, _, email = commit.author.decode("utf-8", "replace").partition(" <")
    return {
        "sha": commit.id.decode(),
        "author": name,
        "email": email.rstrip(">"),
        "authored_at": _when(commit.author_time, commit.author_timezone),
        "committed_at": _when(commit.commit_time, 0),
        "subject": lines[0] if lines else "",
        "body": "\n".join(lines[1:]).strip(),
        "parents": len(parents),
        # as git log shows it: a merge's changes are those of the commits that it merges
        "files": list(_files(repo, commit, parents[0] if parents else None)) if len(parents) < 2 else [],
    }


def _files(repo: Repo, commit: Commit, parent: bytes | None) -> Iterator[dict[str, Any]]:
    """Changed files against the only parent; in a shallow clone the oldest commit adds all of them."""
    before = repo[parent].tree if parent else None
    for change in tree_changes(repo.object_store, before, commit.tree):
        entry = change.old if change.type == "delete" else change.new
        if entry is not None and entry.path is not None:
            yield {
                "path": entry.path.decode("utf-8", "replace"),
                "change": change.type,
                "executable": bool((entry.mode or 0) & stat.S_IXUSR),
            }


def _when(seconds: int, offset: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
