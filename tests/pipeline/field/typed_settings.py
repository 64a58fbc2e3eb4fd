"""Settings of every type that TOML has, where dlt looks for them: of the module, the function and the resource."""

import datetime
import typing

import dlt


@dlt.source
def load(
    run: int,
    since: datetime.datetime = dlt.config.value,
    day: datetime.date = dlt.config.value,
    rate: float = dlt.config.value,
    whole: bool = dlt.config.value,
    names: list[str] = dlt.config.value,
    limits: dict[str, typing.Any] = dlt.config.value,
    size: int = 1,
    note: str | None = None,
):
    told = {
        "since": since,
        "day": day,
        "rate": rate,
        "whole": whole,
        "names": names,
        "limits": limits,
        "size": size,
    }

    @dlt.resource(write_disposition="replace")
    def settings(size: int = 2, deep: typing.Any = dlt.config.value):
        yield {**told, "own": size, "note": note, "deep": deep, "run": run}

    return settings
