"""Makes and stores results, for the worker and for the supervisor."""

from __future__ import annotations

import itertools
import json
import os
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

from runner.contract import Failure, Result
from runner.explain.classify import exit_code_of


def failed(failure: Failure, exit_code: int | None = None, **fields: typing.Any) -> Result:
    """The result of a failed run. The default exit code is the failure's; ``fields`` are those of Result."""
    code = exit_code_of(failure) if exit_code is None else exit_code
    return Result(status="failed", exit_code=code, failure=failure, **fields)


def versions() -> dict[str, str]:
    """The versions of Python, and of dlt where it is installed."""
    from importlib import metadata  # slow to import, and needed at the end only

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    try:
        found["dlt"] = metadata.version("dlt")
    except metadata.PackageNotFoundError:
        # The supervisor has no installed packages on its path, and reads nothing of theirs but a name.
        prefix = Path(sys.executable).parent.parent
        for entry in prefix.glob("lib/python*/site-packages/dlt-*.dist-info"):
            found["dlt"] = entry.name.removeprefix("dlt-").removesuffix(".dist-info")
    return found


def store(path: Path, result: dict[str, typing.Any], limit: int | None) -> None:
    """Writes the result's JSON whole or not at all, in at most ``limit`` bytes.

    The result is a JSON object, see ``contract.plain``. Kubernetes' termination message is a mounted file,
    which nothing can be renamed over, so it is written in place. Raises OSError.
    """
    data = shortened(result, limit)
    # The source may have left anything in this folder: no file of its own is opened, no link is followed, and
    # no FIFO is waited for.
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        _write(beside, data, os.O_EXCL)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        _write(path, data)


def _write(path: Path, data: bytes, *flags: int) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, how | sum(flags), 0o600), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def shortened(result: dict[str, typing.Any], limit: int | None) -> bytes:
    """The result as JSON of at most ``limit`` bytes: what matters least is left out first."""
    for candidate in itertools.chain([result], _shorter(dict(result))):
        data = json.dumps(candidate, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if limit is None or len(data) <= limit:
            break
    return data


def _shorter(result: dict[str, typing.Any]) -> Iterator[dict[str, typing.Any]]:
    for length in (40, 10):
        result["verdicts"] = result.get("verdicts", [])[:length]
        yield result
    for name in (
        "new_columns",
        "new_tables",
        "cursors",
        "load_ids",
        "versions",
        "seconds",
        "notes",
        "resumed_load_ids",
    ):
        result[name] = type(result.get(name, []))()
        yield result
    rows = sorted(result.get("rows", {}).items(), key=lambda item: -item[1])
    for length in (50, 20, 5, 0):
        rest = sum(count for _, count in rows[length:])
        result["rows"] = dict(rows[:length], **({"(others)": rest} if rest else {}))
        yield result
    failure = dict(result.get("failure") or {})
    for length in (500, 100):
        result["failure"] = {
            key: value[:length] if isinstance(value, str) else value for key, value in failure.items()
        } or None
        result["location"] = str(result.get("location", ""))[:length]
        result["verdicts"] = []
        yield result
