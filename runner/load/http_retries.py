"""Keeps dlt's HTTP client from retrying a connection that localhost refuses: that is the container itself.

dlt makes five attempts, and waits for some 15 s in all between them.
"""

from __future__ import annotations

import contextlib
import sys
import typing

from runner import patches
from runner.explain import connections


def without_local_retries() -> contextlib.AbstractContextManager[None]:
    """Within the body clients that are made there try such a connection once.

    Does nothing where the source's module hasn't imported the client: its import takes a while.
    """
    client = sys.modules.get("dlt.sources.helpers.requests.retry")
    return patches.wrapped(client, "_make_retry", _make_retry) if client else contextlib.nullcontext()


def _make_retry(original: typing.Any, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
    retrying = original(*args, **kwargs)
    again = retrying.retry

    def retry(state: typing.Any) -> bool:
        failure = state.outcome.exception()
        return not (failure and connections.refused_by_localhost((failure,))) and bool(again(state))

    retrying.retry = retry
    return retrying
