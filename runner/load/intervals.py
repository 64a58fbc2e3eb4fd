"""Loads an interval of time instead of what is new, by dlt's own interval context (dlt 1.26 and newer).

dlt gives the interval to incrementals, which then neither read nor move their cursor. The runner adds that
only resources with such an incremental run, that no table is replaced by the rows of one interval, and that
no row is appended twice. A resource's state has the intervals that it has loaded. dlt stores it in the same
load as the rows, and a full refresh drops both.
"""

from __future__ import annotations

import importlib.util
import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone

import dlt
from dlt.common.configuration.container import Container
from dlt.extract.incremental import Incremental, IncrementalResourceWrapper

from runner import patches
from runner.contract import FailureKind, Interval, JobSpec, moment
from runner.explain.causes import has_class
from runner.explain.classify import JobFailed
from runner.load import compat
from runner.load.session import Session
from runner.resolve import resources

MARK = "dltpod_intervals"
"""In a resource's state: the intervals that it has loaded, in order, as pairs of instants."""
_OLDEST = "1.26"
_OTHERS = "name the resources that can: --resource NAME"


def union(spans: Sequence[Sequence[str]], more: Interval) -> list[list[str]]:
    """The spans and one more, sorted; spans that touch or overlap are joined."""
    found: list[list[str]] = []
    for start, end in sorted([*map(tuple, spans), (more.start, more.end)], key=lambda span: moment(span[0])):
        if found and moment(start) <= moment(found[-1][1]):
            found[-1][1] = max(found[-1][1], end, key=moment)
        else:
            found.append([start, end])
    return found


def covered(spans: Sequence[Sequence[str]], asked: Interval) -> bool:
    """Whether one of the spans contains the whole interval."""
    return any(
        moment(start) <= moment(asked.start) and moment(asked.end) <= moment(end) for start, end in spans
    )


def overlapping(spans: Sequence[Sequence[str]], asked: Interval) -> Sequence[str] | None:
    """The first span that overlaps the interval, None if there is none."""
    found = (s for s in spans if moment(s[0]) < moment(asked.end) and moment(asked.start) < moment(s[1]))
    return next(found, None)


@dataclass
class Run:
    """One extract of an interval: which resources go by which cursor, and which of those have run."""

    session: Session
    asked: Interval
    takers: dict[str, set[str]] = field(default_factory=dict)
    """The resources that run, by the names of the pipes whose cursor they go by."""
    appending: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    def choose(self, sources: Sequence[typing.Any]) -> list[typing.Any]:
        """The sources with those resources alone that go by a cursor and haven't loaded the interval.

        Raises JobFailed where there is no such resource, and for one whose table would be replaced.
        """
        kept: list[typing.Any] = []
        left_out, done = [], []
        state = self.session.pipeline.state.get("sources") or {}
        for source in sources:
            known = (state.get(source.schema.name) or {}).get("resources") or {}
            names = []
            for resource in source.resources.selected.values():
                pipes = [pipe.name for pipe in _lineage(resource) if _has_cursor(source, pipe)]
                if not pipes:
                    left_out.append(resource.name)
                elif not self.session.job.again and covered(
                    (known.get(resource.name) or {}).get(MARK, ()), self.asked
                ):
                    done.append(resource.name)
                else:
                    self._check_disposition(source, resource)
                    for name in pipes:
                        self.takers.setdefault(name, set()).add(resource.name)
                    names.append(resource.name)
            if names:
                kept.append(source.with_resources(*names))
        if done:
            self.session.steps.note(
                f"{', '.join(done)}: {self.asked} was loaded before, and is not loaded again"
            )
        if left_out and (kept or done):
            self.session.steps.note(f"{', '.join(left_out)}: without a cursor, so not part of an interval")
        if not (kept or done):
            raise _refused(
                f"no resource of {self.session.job.function} goes by a cursor, so none can load an interval",
                "a resource takes one by an argument of the kind dlt.sources.incremental[datetime](...)",
            )
        return kept

    def _check_disposition(self, source: typing.Any, resource: typing.Any) -> None:
        """Notes what appends. Raises JobFailed for what loses rows that are outside the interval."""
        kind, strategy = compat.kind_and_strategy(resource.write_disposition)
        if kind == "replace":
            raise _refused(
                f"resource '{resource.name}' replaces its table: it would hold this interval's rows alone",
                f"dlt_native: {{write_disposition: merge}} where there is a key, or {_OTHERS}",
            )
        if strategy == "scd2":
            raise _refused(
                f"resource '{resource.name}' keeps its history (scd2): rows outside the interval would end",
                _OTHERS,
            )
        if kind == "append" or (kind == "merge" and _merge_appends(self.session, source, resource)):
            self.appending.add(resource.name)

    def bind(self, original: typing.Any, cursor: typing.Any, pipe: typing.Any) -> typing.Any:
        """Binds an incremental that is about to run, and notes in the state that its resources take the
        interval. Raises JobFailed where it takes none."""
        if cursor.last_value_func is not max:
            raise self._unfit(cursor, pipe, "goes by another order than the greatest value")
        # rows at the bounds of steps come once, whatever the cursor says for what is new
        cursor.range_start, cursor.range_end = "closed", "open"
        try:
            bound = original(cursor, pipe)
        except Exception as exc:
            if not has_class(exc, "JoinSchedulerError"):
                raise
            raise self._unfit(cursor, pipe, _unfit_type(cursor)) from exc
        if cursor.end_value is None:
            raise self._unfit(cursor, pipe, "takes no interval (allow_external_schedulers=False)")
        self._tell(cursor, pipe.name)
        for name in sorted(self.takers.get(pipe.name, ())):
            if name in self.appending and name not in self.taken:
                self._check_once(cursor, pipe.name, name)
            self.taken.add(name)
            state = _state_of(name)
            state[MARK] = union(state.get(MARK, ()), self.asked)
        return bound

    def _check_once(self, cursor: typing.Any, pipe: str, name: str) -> None:
        """Raises JobFailed where rows would be appended that an interval or a sync loads too."""
        here = overlapping(_state_of(name).get(MARK, ()), self.asked)
        if here:
            raise _refused(
                f"resource '{name}' appends, and has loaded {here[0]} to {here[1]}: "
                "its rows would be there twice",
                "choose dates outside of that, or give it a key and write_disposition: merge",
            )
        kept = (_state_of(pipe).get("incremental") or {}).get(cursor.cursor_path)
        if not kept:
            return
        first = kept.get("initial_value")
        try:
            before = first is not None and _aware(cursor.end_value) <= _aware(first)
        except TypeError:
            before = False
        if not before:
            raise _refused(
                f"resource '{name}' appends, and syncs load it from {first or 'the beginning'} on: "
                "its rows would be there twice",
                ("end where they begin, " if first else "") + "or give it a key and write_disposition: merge",
            )

    def _tell(self, cursor: typing.Any, name: str) -> None:
        place = f"{name}.{cursor.cursor_path}"
        if place in self.told:
            return
        self.told.add(place)
        if not _aware(cursor.initial_value) < _aware(cursor.end_value):
            self.session.steps.note(
                f"{place}: the source's own bounds leave nothing of {self.asked} "
                f"(it would load {cursor.initial_value} to {cursor.end_value})"
            )
        elif isinstance(cursor.initial_value, (int, float)):
            self.session.steps.note(f"{place} is a number: the interval is in seconds since 1970")

    def _unfit(self, cursor: typing.Any, pipe: typing.Any, why: str) -> JobFailed:
        return _refused(
            f"resource '{pipe.name}' can't load an interval: its cursor '{cursor.cursor_path}' {why}", _OTHERS
        )

    def check_taken(self) -> None:
        """Raises JobFailed if a resource ran without the interval: it extracted everything."""
        asked = {name for names in self.takers.values() for name in names}
        for name in sorted(asked - self.taken):
            raise _refused(f"resource '{name}' ran without a cursor, so it can't load an interval", _OTHERS)


@contextmanager
def context(session: Session) -> Iterator[Run | None]:
    """Within the body dlt gives the job's interval to each incremental. Yields None if the job has none.

    Raises JobFailed if this dlt is older than 1.26, which has no intervals, or for a full refresh or a limit.
    """
    asked = session.job.interval
    if asked is None:
        yield None
        return
    _check(session.job)
    from dlt.extract.incremental.context import TimeIntervalContext

    run = Run(session, asked)

    asked_context = TimeIntervalContext((moment(asked.start), moment(asked.end)), True)
    with patches.wrapped(Incremental, "bind", run.bind), Container().injectable_context(asked_context):
        yield run


def _check(job: JobSpec) -> None:
    if job.full_refresh or job.limit is not None:
        raise _refused("an interval can be loaded neither by a full refresh nor with a limit", "")
    if importlib.util.find_spec("dlt.extract.incremental.context") is None:
        raise _refused(
            f"dlt {dlt.__version__} can't load an interval: dlt {_OLDEST} is the first that can",
            f'container: {{dlt: ">={_OLDEST}"}} takes a newer one',
        )


def _refused(message: str, hint: str) -> JobFailed:
    return JobFailed.of(FailureKind.CONFIGURATION, message, hint)


def _lineage(resource: typing.Any) -> Iterator[typing.Any]:
    """The resource's pipe and those that feed it."""
    pipe = resource._pipe
    while pipe is not None:
        yield pipe
        pipe = pipe.parent


def _has_cursor(source: typing.Any, pipe: typing.Any) -> bool:
    """Whether the pipe runs with an incremental; True where only a call can tell."""
    step = pipe.get_by_type(IncrementalResourceWrapper, Incremental)
    if isinstance(step, Incremental):
        return True
    resource = source.resources.get(pipe.name)
    if step is None:
        return resource is not None and resources.may_return_another(resource)
    if step.incremental is not None:
        return True
    # an argument that dlt looks at when it calls the function; a generator has been called
    if not callable(pipe.gen):
        return False
    argument = IncrementalResourceWrapper.get_incremental_arg(inspect.signature(inspect.unwrap(pipe.gen)))
    if argument is None:
        return False
    return _bound(pipe).get(argument.name, argument.default) is not None


def _bound(pipe: typing.Any) -> Mapping[str, typing.Any]:
    """The arguments that the pipe's function was given: dlt keeps them in a closure until it calls it."""
    try:
        bound = inspect.unwrap(pipe.gen, stop=lambda f: "kwargs" in f.__code__.co_freevars)
        kept = inspect.getclosurevars(bound)
        function, args, kwargs = (kept.nonlocals[name] for name in ("f", "args", "kwargs"))
        item = (None,) if pipe.has_parent else ()
        return inspect.signature(function).bind_partial(*item, *args, **kwargs).arguments
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _merge_appends(session: Session, source: typing.Any, resource: typing.Any) -> bool:
    """Whether a merge of this resource appends: for want of a key, or of a way to merge."""
    table = compat.declared_table(resource)
    if table is None:
        return False
    strategy = compat.merge_strategy(session.pipeline, {table["name"]: table}, table)
    return strategy is None or (strategy == "delete-insert" and not compat.has_key(table, declared=True))


def _state_of(resource: str) -> dict[str, typing.Any]:
    """The resource's state, within the extract."""
    return typing.cast("dict[str, typing.Any]", dlt.current.resource_state(resource))


def _aware(value: typing.Any) -> typing.Any:
    """A cursor's value that can be compared with others: as in dlt, a time without an offset is UTC."""
    naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=timezone.utc) if naive else value


def _unfit_type(cursor: typing.Any) -> str:
    """Why dlt can't convert an instant to this cursor's type."""
    kind = cursor.get_incremental_value_type()
    if kind is typing.Any:
        return f'has no known type: declare it, dlt.sources.incremental[datetime]("{cursor.cursor_path}")'
    name = getattr(kind, "__name__", str(kind))
    if kind is str:
        return "is a text, and dlt compares none with a time: make it one in the source (add_map)"
    return f"is of the type {name}, of which dlt makes no bound"
