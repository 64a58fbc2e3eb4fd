"""Says which secrets a source lacks: the field, what is there instead, and what to paste where."""

from __future__ import annotations

import typing
from collections.abc import Iterator

from runner.contract import Failure, FailureKind, JobSpec
from runner.explain.classify import unwrap
from runner.explain.wording import near_misses


def explain_missing(exc: BaseException, job: JobSpec) -> Failure | None:
    """The failure behind dlt's ConfigFieldMissingException, None for any other exception."""
    for link in unwrap(exc):
        if type(link).__name__ == "ConfigFieldMissingException":
            # dlt.secrets["…"] has no configuration to lack a field of, and gives the bare class of all.
            by_name = type(getattr(link, "config", None)).__name__ == "BaseConfiguration"
            return _explain_by_name(link, job) if by_name else explain(link, job)
    return None


def explain(exc: typing.Any, job: JobSpec) -> Failure:
    """One message for all the fields of one missing configuration."""
    fields = list(_fields(exc.traces, exc.config))
    section = _destination_section([key for field in fields for key in field.keys])
    tables: dict[str, list[str]] = {}
    guesses: dict[str, None] = {}
    for field in fields:
        table = section or _table(field, job)
        tables.setdefault(table, []).append(field.name)
        guesses[_guess(field.name, table, job)] = None
    names = dict.fromkeys(field.name for field in fields)
    what = "secret" if any(field.secret for field in fields) else "setting"
    plural = "s" if len(names) > 1 else ""
    quoted = ", ".join(f"'{name}'" for name in names)
    lines = "\n".join(
        line
        for table, keys in tables.items()
        for line in (f"[{table}]", *(f'{key} = "…"' for key in dict.fromkeys(keys)))
    )
    file = ".dlt/secrets.toml" if what == "secret" else ".dlt/config.toml"
    return Failure(
        FailureKind.SECRETS_MISSING,
        f"missing {what}{plural} {quoted} for {_of(section, job)}{''.join(guesses)}",
        f"add to {file}:\n{lines}",
    )


def _explain_by_name(exc: typing.Any, job: JobSpec) -> Failure:
    """The same for ``dlt.secrets["sources.acme.extra"]``: dlt looks nowhere but at that very place."""
    name = next(iter(exc.traces))
    section, _, key = name.rpartition(".")
    what, file = ("setting", "config") if _asks_dlt_config(exc) else ("secret", "secrets")
    near = near_misses(key, _keys_in(section, job) - {key}, count=1)
    head, lines = f"add to .dlt/{file}.toml", f'{key} = "…"'
    if not section:
        head += ", above its tables"
    else:
        lines = f"[{section}]\n{lines}"
    # All of [sources] is everybody's: of that the source may ask for what it names, and no more.
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
    """Whether it was ``dlt.config`` that was asked, not ``dlt.secrets``: only the traceback knows."""
    import dlt

    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    asked = trace.tb_frame.f_locals.get("self") if trace is not None else None
    return isinstance(asked, type(dlt.config))


def _is_in_the_slice(section: str, job: JobSpec) -> bool:
    """Whether the slice holds what stands in a section, as far as can be told from within."""
    native = {job.module.rpartition(".")[2], job.function} - set(job.other_sources)
    destination = job.destination.name or job.destination.type
    own = ["credentials", job.pipeline_name, f"destination.{destination}"]
    own += [f"sources.{name}" for name in {job.source, *native}]
    return bool(_keys_in(section, job)) or any(f"{section}.".startswith(f"{place}.") for place in own)


def _keys_in(section: str, job: JobSpec) -> set[str]:
    places = [path.rpartition(".") for path in job.secret_names]
    return {key for place, _, key in places if place == section}


def _table(field: Field, job: JobSpec) -> str:
    """The table in which the launcher lets an entry give the field, as dlt comes by it.

    What stands at ``[sources.<entry>]`` is found whoever asks, and what stands in a table there. A table in
    a table dlt looks for right below who asks, with all that is around it, or else by its own name alone.
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


def _guess(name: str, table: str, job: JobSpec) -> str:
    """What is there instead: the same key elsewhere, or else one of nearly that name."""
    places = [path.rpartition(".") for path in job.secret_names]
    for place, _, key in places:
        if key == name and place != table and f"{place}.".startswith(f"sources.{job.source}."):
            return f" (there is one in [{place}])"
    near = near_misses(name, {key for _, _, key in places} - {name}, count=1)
    return f" (there is {near})" if near else ""


class Field(typing.NamedTuple):
    """A field that nothing gives, and the keys under which it was looked for."""

    name: str
    keys: tuple[str, ...]
    secret: bool
    path: tuple[str, ...]
    """Fields that are themselves configurations (credentials), from the outermost to what lacks it."""
    places: tuple[tuple[str, ...], ...]
    """The sections in which it was looked for, the likeliest first; none, where the slice is empty."""


def _fields(traces: typing.Any, config: typing.Any = None, path: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, found in traces.items():
        plain = [trace for trace in found if hasattr(trace, "key")]
        nested = [trace for trace in found if hasattr(trace, "traces")]
        if nested:
            # Of a union's members the first: giving what that lacks is enough.
            yield from _fields(nested[0].traces, path=(*path, str(name)))
        else:
            yield Field(
                str(name),
                tuple(str(trace.key) for trace in plain),
                _is_secret(config, name),
                path,
                tuple(tuple(map(str, trace.sections)) for trace in plain),
            )


def _is_secret(config: typing.Any, name: str) -> bool:
    """Whether a field is marked as secret; those of nested credentials can't be asked, and count as such."""
    if config is None:
        return True
    from dlt.common.configuration import is_secret_hint

    return bool(is_secret_hint(config.get_resolvable_fields().get(name)))


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
