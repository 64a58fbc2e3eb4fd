"""Says which secrets a source lacks: the field, what is there instead, and what to paste where."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from runner.contract import Failure, FailureKind, JobSpec
from runner.failures import unwrap
from runner.resolve import near_misses


def explain_missing(exc: BaseException, job: JobSpec) -> Failure | None:
    """The failure behind dlt's ConfigFieldMissingException, None for any other exception."""
    for link in unwrap(exc):
        if type(link).__name__ == "ConfigFieldMissingException":
            return explain(link, job)
    return None


def explain(exc: typing.Any, job: JobSpec) -> Failure:
    """One message for all the fields of one missing configuration."""
    fields = list(dict.fromkeys(_fields(exc.traces, exc.config)))
    keys = [key for field in fields for key in field.keys]
    section = _destination_section(keys)
    nested = _parent_of(exc)
    table = section or ".".join(filter(None, ("sources", job.source, nested)))
    names = [field.name for field in fields]
    near = [near_misses(name, _last_parts(job.secret_names), count=1) for name in names]
    guess = "".join(f" (there is {word})" for word in dict.fromkeys(near) if word)
    what = "secret" if any(field.secret for field in fields) else "setting"
    plural = "s" if len(names) > 1 else ""
    quoted = ", ".join(f"'{name}'" for name in names)
    lines = "\n".join([f"[{table}]", *(f'{name} = "…"' for name in names)])
    file = ".dlt/secrets.toml" if what == "secret" else ".dlt/config.toml"
    return Failure(
        FailureKind.SECRETS_MISSING,
        f"missing {what}{plural} {quoted} for {_of(section, job)}{guess}",
        f"add to {file}:\n{lines}",
    )


class Field(typing.NamedTuple):
    """A field that nothing gives, and the keys under which it was looked for."""

    name: str
    keys: tuple[str, ...]
    secret: bool


def _fields(traces: typing.Any, config: typing.Any = None) -> Iterator[Field]:
    for name, found in traces.items():
        plain = [trace for trace in found if hasattr(trace, "key")]
        nested = [trace for trace in found if hasattr(trace, "traces")]
        if nested:
            # Of a union's members the first: giving what that lacks is enough.
            yield from _fields(nested[0].traces)
        else:
            yield Field(str(name), tuple(str(trace.key) for trace in plain), _is_secret(config, name))


def _is_secret(config: typing.Any, name: str) -> bool:
    """Whether a field is marked as secret; those of nested credentials can't be asked, and count as such."""
    if config is None:
        return True
    from dlt.common.configuration import is_secret_hint

    return bool(is_secret_hint(config.get_resolvable_fields().get(name)))


def _parent_of(exc: typing.Any) -> str:
    """The field that is itself a configuration (credentials), where the missing ones are its."""
    for name, found in exc.traces.items():
        if any(hasattr(trace, "traces") for trace in found):
            return str(name)
    return ""


def _destination_section(keys: list[str]) -> str | None:
    """``destination.postgres.credentials`` where the keys belong to a destination."""
    for key in keys:
        parts = key.replace("__", ".").lower().split(".")
        if "destination" in parts:
            return ".".join(parts[parts.index("destination") : -1])
    return None


def _of(section: str | None, job: JobSpec) -> str:
    if section is None:
        return f"source '{job.source}'"
    return f"destination '{section.split('.')[1]}'" if "." in section else "the destination"


def _last_parts(names: tuple[str, ...]) -> list[str]:
    return sorted({name.rpartition(".")[2] for name in names})
