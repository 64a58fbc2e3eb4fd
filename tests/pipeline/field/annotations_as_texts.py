"""Annotations that stay texts, some of names that exist for type checkers alone."""

from __future__ import annotations

import typing

import dlt

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from some_stubs import Client


@dlt.source
def load(
    run: int,
    token: str = dlt.secrets.value,
    tables: Sequence[str] = ("a", "b"),
    limit: int | None = None,
    client: Client | None = None,
) -> typing.Any:
    @dlt.resource(write_disposition="replace", name="rows")
    def rows(
        since: dlt.sources.incremental[int] = dlt.sources.incremental("n", initial_value=0),
    ) -> Iterator[dict[str, int]]:
        for n, table in enumerate(tables):
            yield {"n": n + run, "table": table, "token": len(token), "limit": limit}

    return rows
