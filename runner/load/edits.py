"""Makes the changes of cursors that ``dltpod state --set`` asks for; the next load stores them.

The pipeline's state has the id of the last change, and is stored in the same load as the rows: a run that was
killed before that makes the change again, one that was killed later doesn't.
"""

from __future__ import annotations

import datetime
import decimal
import typing

from runner.contract import FailureKind
from runner.explain.classify import JobFailed
from runner.explain.wording import one_line
from runner.load.session import Session

MARK = "_dltpod"
"""Beside the names of sources in the state: the change that was made last."""
_UNDO = "`dltpod state <name> --undo` takes it back"


def apply(session: Session) -> None:
    """Makes the job's changes, unless the state says that they were made.

    Raises JobFailed (configuration) for a cursor that isn't there and a value of another kind.
    """
    edits = session.job.state_edits
    if not edits or session.job.limit is not None:
        return
    with session.pipeline.managed_state() as state:
        sources = state.setdefault("sources", {})
        mark = sources.setdefault(MARK, {})
        if mark.get("edit") == edits["id"]:
            return
        mark["edit"] = edits["id"]
        if not session.job.full_refresh:  # that forgets all cursors anyway
            for place, text in edits.get("set", {}).items():
                found = cursors_of(state)
                if place not in found:
                    there = ", ".join(found) or "none"
                    message = f"there is no cursor '{one_line(place, 80)}' to set; there are: {there}"
                    raise JobFailed.of(FailureKind.CONFIGURATION, message, _UNDO)
                cursor = found[place]
                cursor["last_value"] = coerced(text, cursor.get("last_value"), place)
                # rows of exactly that value come again
                cursor["unique_hashes"] = []
                session.steps.note(f"cursor {place} was set to {one_line(text, 60)}, as asked")
            for resource in edits.get("reset", ()):
                for kept in sources.values():
                    (kept.get("resources") or {}).pop(resource, None)
                session.steps.note(f"the cursor of {resource} was forgotten, as asked")
        # or dlt would not store it with the next load
        state["_local"].pop("_last_extracted_hash", None)


def cursors_of(state: typing.Mapping[str, typing.Any]) -> dict[str, dict[str, typing.Any]]:
    """The incremental cursors of a state, by ``resource.path``."""
    return {
        f"{resource}.{path}": cursor
        for kept in (state.get("sources") or {}).values()
        for resource, own in (kept.get("resources") or {}).items()
        for path, cursor in (own.get("incremental") or {}).items()
    }


def coerced(text: str, old: typing.Any, place: str) -> typing.Any:
    """``text`` as a value of the type of ``old``, the cursor's present one. Raises JobFailed if it is none.

    ``place`` names the cursor in the message.
    """
    try:
        if isinstance(old, datetime.datetime):
            from dlt.common.pendulum import pendulum

            moment = pendulum.parse(text, tz=old.tzinfo or "UTC")
            if not isinstance(moment, datetime.datetime):
                raise ValueError(text)
            return moment if old.tzinfo is not None else moment.replace(tzinfo=None)
        if isinstance(old, datetime.date):
            return datetime.date.fromisoformat(text)
        if isinstance(old, (int, float, decimal.Decimal)) and not isinstance(old, bool):
            return type(old)(text)
    except (ValueError, ArithmeticError):
        kind = type(old).__name__.lower()
        message = f"the cursor {place} is a {kind}, and '{one_line(text, 60)}' is none"
        raise JobFailed.of(FailureKind.CONFIGURATION, message, _UNDO) from None
    return text
