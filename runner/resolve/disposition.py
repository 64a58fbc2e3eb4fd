"""Whether the job's own dlt knows the write disposition that it is to be given.

Its versions know different strategies and keys, and a key that one doesn't know it leaves aside unsaid.
"""

from __future__ import annotations

import typing

from runner.contract import Failure, FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import one_line

_NEWER = 'a newer dlt may know more: container: {dlt: "==…"}'


def check(disposition: typing.Any) -> None:
    """Raises JobFailed for what this dlt doesn't know."""
    if disposition is None:
        return
    import dlt
    from dlt.common.schema import typing as words

    if isinstance(disposition, dict):
        forms = typing.get_args(words.TWriteDispositionConfig)
        known = sorted({key for form in forms for key in getattr(form, "__annotations__", ())})
        for key in disposition:
            if key not in known:
                raise _refused(f"dlt {dlt.__version__} has no '{key}' in a write disposition", known)
        strategy = disposition.get("strategy")
        if strategy is not None and strategy not in words.MERGE_STRATEGIES:
            raise _refused(
                f"dlt {dlt.__version__} has no merge strategy '{strategy}'", words.MERGE_STRATEGIES
            )
    try:
        dlt.resource([], name="disposition").apply_hints(write_disposition=disposition)
    except Exception as exc:
        raise JobFailed(
            Failure(
                FailureKind.CONFIGURATION,
                f"dlt {dlt.__version__} refuses this write_disposition: {one_line(exc)}",
                "docs/sources.md says what may stand there",
            )
        ) from exc


def _refused(message: str, known: typing.Iterable[str]) -> JobFailed:
    hint = f"it has {', '.join(sorted(known))}; {_NEWER}"
    return JobFailed(Failure(FailureKind.CONFIGURATION, message, hint))
