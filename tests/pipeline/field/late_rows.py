"""Rows that come late: a cursor with a lag, at texts with a zone that isn't UTC, at dates and at numbers."""

import datetime

import dlt

ROWS = [
    (1, 1, "2026-01-01T10:00:00+02:00"),
    (2, 1, "2026-01-01T12:00:00+02:00"),
    (3, 2, "2026-01-01T11:30:00+02:00"),  # late, within the lag
    (4, 2, "2026-01-01T09:00:00+02:00"),  # too late
    (5, 2, "2026-01-02T00:00:00+02:00"),
]


def _rows(run: int):
    for number, since, at in ROWS:
        if since <= run:
            day = datetime.datetime.fromisoformat(at).date() - datetime.timedelta(days=3 * (number == 4))
            yield {"id": number, "at": at, "day": day, "n": number * 10 - 5 * since, "run": run}


@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id", write_disposition="merge")
    def texts(at=dlt.sources.incremental("at", lag=3600, initial_value="2025-12-31T00:00:00+02:00")):
        yield from _rows(run)

    @dlt.resource(primary_key="id", write_disposition="merge")
    def days(at=dlt.sources.incremental("day", lag=1, initial_value=datetime.date(2025, 12, 1))):
        yield list(_rows(run))

    @dlt.resource(primary_key="id", write_disposition="merge")
    def numbers(at=dlt.sources.incremental("n", lag=5, initial_value=0)):
        yield list(_rows(run))

    return texts, days, numbers
