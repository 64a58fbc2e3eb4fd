"""Messages about missing secrets: the field, a similar key that is there, and the lines to paste where."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator

from runner.contract import Failure, FailureKind, JobSpec
from runner.explain import connections
from runner.explain.causes import unwrap
from runner.explain.classify import classify
from runner.explain.wording import near_misses


def explained(exc: BaseException, job: JobSpec, step: str) -> Failure:
    """The failure that an exception stands for, with a hint that names the job's own section of secrets.

    ``step`` is where it was raised, see ``classify``.
    """
    failure = explain_missing(exc, job) or classify(exc, step)
    hint = connections.placed(failure.hint, job, at_destination=step in ("restore", "load"))
    return dataclasses.replace(failure, hint=hint)


def explain_missing(exc: BaseException, job: JobSpec) -> Failure | None:
    """The failure behind dlt's ConfigFieldMissingException, None for any other exception."""
    for link in unwrap(exc):
        if type(link).__name__ == "ConfigFieldMissingException":
            # dlt.secrets["…"] has no configuration of its own: dlt then gives the base class
            by_name = type(getattr(link, "config", None)).__name__ == "BaseConfiguration"
            return _explain_by_name(link, job) if by_name else _explain_fields(link, job)
    return None


def _explain_fields(exc: typing.Any, job: JobSpec) -> Failure:
    """One failure for all the missing fields of a configuration."""
    fields = list(_fields(exc.traces, exc.config))
    section = _destination_section([key for field in fields for key in field.keys])
    tables: dict[str, list[str]] = {}
    guesses: dict[str, None] = {}
    for field in fields:
        table = section or _table(field, job)
        tables.setdefault(table, []).append(field.name)
        guesses[_similar(field.name, table, job)] = None
    ways: dict[str, list[str]] = {}
    for first, way in _other_ways(exc.traces):
        ways.setdefault(section or _table(first, job), []).append(f"# or: {way}")
    names = dict.fromkeys(field.name for field in fields)
    what = "secret" if any(field.secret for field in fields) else "setting"
    plural = "s" if len(names) > 1 else ""
    quoted = ", ".join(f"'{name}'" for name in names)
    lines = "\n".join(
        line
        for table, keys in tables.items()
        for line in (
            f"[{table}]",
            *(f'{key} = "…"' for key in dict.fromkeys(keys)),
            *dict.fromkeys(ways.get(table, ())),
        )
    )
    file = ".dlt/secrets.toml" if what == "secret" else ".dlt/config.toml"
    return Failure(
        FailureKind.SECRETS_MISSING,
        f"missing {what}{plural} {quoted} for {_owner(section, job)}{''.join(guesses)}",
        f"add to {file}:\n{lines}",
    )


def _explain_by_name(exc: typing.Any, job: JobSpec) -> Failure:
    """The failure for ``dlt.secrets["sources.acme.extra"]``: dlt looks at that place only."""
    name = next(iter(exc.traces))
    section, _, key = name.rpartition(".")
    what, file = ("setting", "config") if _asks_dlt_config(exc) else ("secret", "secrets")
    near = near_misses(key, _keys_in(section, job) - {key}, count=1)
    head, lines = f"add to .dlt/{file}.toml", f'{key} = "…"'
    if not section:
        head += ", above its tables"
    else:
        lines = f"[{section}]\n{lines}"
    # [sources] as a whole holds other sources' keys: only what is named in it may be asked for.
    wanted = name if section in ("sources", "destination") else section
    if wanted and not _is_in_the_slice(wanted, job):
        head += ", unless it stands there"
        lines += "\nand to the source in sources.yml, unless it has that:\n"
        lines += f"dlt_native: {{secret_sections: [{wanted}]}}"
    return Failure(
        FailureKind.SECRETS_MISSING,
        f"missing {what} '{name}' for source '{job.source}'" + (f" (there is {near})" if near else ""),
        f"{head}:\n{lines}",
    )


def _asks_dlt_config(exc: BaseException) -> bool:
    """Whether ``dlt.config`` was asked, not ``dlt.secrets``. Only the traceback shows it."""
    import dlt

    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    asked = trace.tb_frame.f_locals.get("self") if trace is not None else None
    return isinstance(asked, type(dlt.config))


def _is_in_the_slice(section: str, job: JobSpec) -> bool:
    """Whether the launcher hands over what stands in a section, as far as the job shows it."""
    destination = job.destination.name or job.destination.type
    own = ["credentials", job.pipeline_name, f"destination.{destination}"]
    own += [f"sources.{name}" for name in (job.source, *job.native_sections)]
    return bool(_keys_in(section, job)) or any(f"{section}.".startswith(f"{place}.") for place in own)


def _keys_in(section: str, job: JobSpec) -> set[str]:
    places = [path.rpartition(".") for path in job.secret_names]
    return {key for place, _, key in places if place == section}


def _table(field: Field, job: JobSpec) -> str:
    """The table of ``secrets.toml`` in which the source's field is looked for.

    Keys of ``[sources.<entry>]``, and those of a table in it, are found for all code. A table within a table
    is looked for below the section of the code that asks, with all outer names, or else by its own name
    alone.
    """
    first, last = (field.places[0], field.places[-1]) if field.places else ((), field.path[-1:])
    if field.places and first[:1] != ("sources",):
        return ".".join((job.pipeline_name, *first))
    path = field.path or last
    asking = first[1:3]
    if len(path) > 1 and field.places:
        if first[3:] != path or asking[0] != job.module.rpartition(".")[2]:
            path = last
        elif asking[1] != job.function:
            path = (asking[1], *path)
    return ".".join(("sources", job.source, *path))


def _similar(name: str, table: str, job: JobSpec) -> str:
    """The same key in another place, or else one of a similar name, in brackets; empty for none."""
    places = [path.rpartition(".") for path in job.secret_names]
    for place, _, key in places:
        if key == name and place != table and f"{place}.".startswith(f"sources.{job.source}."):
            return f" (there is one in [{place}])"
    near = near_misses(name, {key for _, _, key in places} - {name}, count=1)
    return f" (there is {near})" if near else ""


class Field(typing.NamedTuple):
    """A field without a value, and the keys under which it was looked for."""

    name: str
    keys: tuple[str, ...]
    secret: bool
    path: tuple[str, ...]
    """The configurations (credentials) around it, from the outermost to the one that lacks it."""
    places: tuple[tuple[str, ...], ...]
    """The sections in which it was looked for, the likeliest first; empty where there are no secrets."""


def _fields(traces: typing.Any, config: typing.Any = None, path: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, found in traces.items():
        plain = [trace for trace in found if hasattr(trace, "key")]
        nested = [trace for trace in found if hasattr(trace, "traces")]
        if nested:
            # the first member of a union; `_other_ways` has the others
            yield from _fields(nested[0].traces, path=(*path, str(name)))
        else:
            yield Field(
                str(name),
                tuple(str(trace.key) for trace in plain),
                _is_secret(config, name),
                path,
                tuple(tuple(map(str, trace.sections)) for trace in plain),
            )


def _other_ways(traces: typing.Any) -> Iterator[tuple[Field, str]]:
    """What each further member of a union lacks: its first field, and the names of all of them."""
    for name, found in traces.items():
        for member in [trace for trace in found if hasattr(trace, "traces")][1:]:
            fields = list(_fields(member.traces, path=(str(name),)))
            if fields:
                yield fields[0], ", ".join(dict.fromkeys(field.name for field in fields))


def _is_secret(config: typing.Any, name: str) -> bool:
    """Whether a field is secret. dlt doesn't say it of nested credentials, so they count as secret."""
    if config is None:
        return True
    from dlt.common.configuration import is_secret_hint

    return bool(is_secret_hint(config.get_resolvable_fields().get(name)))


def _destination_section(keys: list[str]) -> str | None:
    """The destination's section that keys belong to, ``destination.postgres.credentials`` say; else None."""
    for key in keys:
        parts = key.replace("__", ".").lower().split(".")
        if "destination" in parts:
            return ".".join(parts[parts.index("destination") : -1])
    return None


def _owner(section: str | None, job: JobSpec) -> str:
    if section is None:
        return f"source '{job.source}'"
    return f"destination '{section.split('.')[1]}'" if "." in section else "the destination"
