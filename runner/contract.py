"""The data that launcher and runner exchange.

The launcher imports this module and nothing else of the runner, so that it never imports dlt. All values are
frozen and survive a round trip through JSON.

The exchange, in order:

1. The launcher writes one frame on the container's standard input: eight bytes, big-endian, the
   length of what follows; then a JSON object ``{"job": {...}, "files": {"secrets.toml": "..."}}``.
   Where ``JOB_FILE`` exists (Kubernetes) or ``JOB_VARIABLE`` is set (Compose) the runner reads
   that and the mounted ``SECRETS_DIR`` instead, and reads nothing from standard input.
2. The runner prints events, one JSON object a line, on its private copy of standard output. Each
   holds the run's own ``token``; a line without it is not an event. In a pod, whose log has both streams,
   an event's line begins with ``EVENT_MARK``.
3. The last event is the result. The same JSON is written to ``JobSpec.result_file``. That file counts where
   the two differ: container logs rotate and streams break.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import typing
from dataclasses import dataclass, field
from datetime import datetime, timezone

VERSION = 1

JOB_FILE = "/run/dltpod/job.json"
"""Where Kubernetes mounts the job."""
JOB_VARIABLE = "DLTPOD_JOB"
"""The environment variable with the job's JSON, for Compose, whose files can't mount a text."""
SECRETS_DIR = "/run/secrets/dlt"
"""An in-memory file system that only the job's user can read."""
SECRETS_FILE = "secrets.toml"
CONFIG_FILE = "config.toml"
VALUES_FILE = "values.json"
"""In ``SECRETS_DIR``: a JSON object, the values of the ``env:NAME`` references of the job."""
CUSTOM_SOURCES_DIR = "/opt/custom_sources"
VERIFIED_SOURCES_DIR = "/opt/verified_sources"
STATE_DIR = "/state"
DATA_DIR = "/data"
WEBHOOK_VALUE = "DLTPOD_WEBHOOK"
"""In ``VALUES_FILE``: the webhook that a run without a launcher tells of its failure, where there is one."""
EVENT_MARK = "dltpod-event "
"""What tells people an event from a line of the source's log. For the launcher its token does."""
WORKSPACE_DIR = "/workspace"
RUNNER_DIR = "/opt/dltpod"
RUNNER_PACKAGE = "dltpod_runner"
"""The runner's name in an image, below ``RUNNER_DIR``: what a source needs may be called ``runner``."""

INTERVAL_VARIABLES = ("DLT_INTERVAL_START", "DLT_INTERVAL_END")
"""dlt's own names: on a container they give a job its interval that has none, on the launcher ``--from`` and
``--to``."""
INPUT_CLOSED = "stopped because standard input closed"
"""One of ``Result.notes``: the connection to the launcher broke, or the launcher has ended."""
TIMESTAMP = "!!timestamp "
"""A string of arguments that begins so is a point in time, in ISO 8601: JSON has no word for one."""
NEVER_CONNECTED = "the source did nothing but fail to connect"
"""How the message of a failure begins that says more of a run's end than that it took too long."""
FRAME_HEADER_BYTES = 8
ENV_REFERENCE = "env:"
"""A string of ``JobSpec.kwargs`` or ``JobSpec.env`` that begins so stands for a value in ``VALUES_FILE``."""


class ExitCode(enum.IntEnum):
    """The runner's exit codes, after BSD's sysexits.h."""

    OK = 0
    FAILED = 1
    INTERNAL = 70
    TRANSIENT = 75
    CONFIGURATION = 78
    STOPPED = 143


class FailureKind(str, enum.Enum):
    """Everything that can go wrong with a run."""

    # found by the runner
    MODULE_NOT_FOUND = "module_not_found"
    IMPORT_FAILED = "import_failed"
    FUNCTION_NOT_FOUND = "function_not_found"
    ARGUMENTS = "arguments"
    SECRETS_MISSING = "secrets_missing"
    CONFIGURATION = "configuration"
    EXTRACT = "extract"
    NORMALIZE = "normalize"
    SCHEMA_CONTRACT = "schema_contract"
    LOAD = "load"
    DESTINATION_UNREACHABLE = "destination_unreachable"
    STATE = "state"
    CANCELLED = "cancelled"
    INTERNAL = "internal"
    # found by the launcher, from what the engine says
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    DISK_FULL = "disk_full"
    KILLED = "killed"
    ENGINE_GONE = "engine_gone"
    IMAGE_GONE = "image_gone"
    RESULT_TORN = "result_torn"
    ALREADY_RUNNING = "already_running"
    ENVIRONMENT = "environment"
    EVICTED = "evicted"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Failure:
    """Why a run failed. Neither text holds a secret.

    ``message`` is one sentence, ``hint`` says what to do next, ``transient`` whether it may succeed when
    repeated.
    """

    kind: FailureKind
    message: str
    hint: str = ""
    transient: bool = False


NO_ROWS = "stopped before rows came"
"""One of ``Result.notes``: the source was being read, and no page of rows was handed on."""


def timed_out(seconds: float, *, rows: bool = True) -> Failure:
    """The failure of a run that took longer than its timeout, whoever stopped it.

    ``rows`` is False where the source gave none in all that time: a longer timeout is no remedy then.
    """
    minutes, rest = divmod(seconds, 60)
    text = f"{int(minutes)} min" + (f" {rest:g} s" if rest else "") if minutes else f"{rest:g} s"
    return Failure(
        FailureKind.TIMEOUT,
        f"stopped: it took longer than its timeout of {text}",
        "raise container.timeout (24h by default), or load less at once; what was loaded stays loaded"
        if rows
        else "hardly a row came: does what it reads from answer, does container.egress let it through?",
    )


@dataclass(frozen=True)
class Interval:
    """A stretch of time: ``start`` is within it, ``end`` is not. Both as ``instant`` writes them."""

    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


def instant(text: str) -> str:
    """A date or time in ISO 8601 as RFC 3339 in UTC; one without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc)
    try:
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise ValueError(str(error)) from None


def interval(start: str, end: str) -> Interval:
    """The interval from one instant to another. Raises ValueError, for an empty one too."""
    found = Interval(instant(start), instant(end))
    if not moment(found.start) < moment(found.end):
        raise ValueError(f"{found} is empty: its end must be later than its start")
    return found


def moment(text: str) -> datetime:
    """A time in RFC 3339, in UTC where ``instant`` has written it. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass(frozen=True)
class Destination:
    """Where rows go.

    ``type`` is dlt's destination type, ``name`` the configured name where it differs.
    ``file`` is the DuckDB file or the directory of a ``filesystem`` destination as the container
    sees it (below ``DATA_DIR``), None for a destination that is reached by network. ``lock`` is
    the file whose flock is held around restore and load, None where none is needed.
    """

    type: str
    name: str = ""
    file: str | None = None
    lock: str | None = None
    shown: str = ""
    """Where the data is, for messages: a path of the host, or the destination's name."""

    @property
    def kind(self) -> str:
        """``type`` without the module that it lies in: ``duckdb`` for ``dlt.destinations.duckdb``."""
        return self.type.rpartition(".")[2]


@dataclass(frozen=True)
class JobSpec:
    """One run of one source. It holds no secret: those are in the files beside it."""

    run_id: str
    token: str
    project: str
    source: str
    module: str
    function: str
    destination: Destination
    pipeline_name: str
    dataset_name: str
    action: str = "sync"
    """``sync``; ``check``: resolve everything, extract nothing; ``connect``: also log in to both ends."""
    kwargs: dict[str, typing.Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    """Names of ``kwargs`` that came by ``--set``, for error texts."""
    resource_kwargs: dict[str, dict[str, typing.Any]] = field(default_factory=dict)
    """Arguments of single resources, by their names."""
    resources: tuple[str, ...] = ()
    write_disposition: str | dict[str, typing.Any] | None = None
    schema_contract: typing.Any = None
    loader_file_format: str | None = None
    """The format of load files; None for the destination's own."""
    state_edits: dict[str, typing.Any] = field(default_factory=dict)
    """Cursors to change first: ``id``, ``set`` (text by ``resource.path``) and ``reset`` (resources)."""
    full_refresh: bool = False
    limit: int | None = None
    """The most yields of each resource, into a throw-away dataset; state is not saved."""
    interval: Interval | None = None
    """Load what has its cursor within, instead of what is new; no cursor moves."""
    again: bool = False
    """Load the interval though the state says that it was loaded."""
    fast: bool = True
    """Whether rows that come one by one take ``runner.load.fast``, where the dlt at hand allows it."""
    env: dict[str, str] = field(default_factory=dict)
    """``container.env``: variables that are set before the source is imported; not secret."""
    native_sections: tuple[str, ...] = ()
    """Names below ``[sources]``, besides the source's own, that its secret files may hold: what dlt calls its
    module and function, unless another entry has that name."""
    secret_names: tuple[str, ...] = ()
    """Dotted keys of the secret files, for near misses in messages about missing secrets."""
    stop_on_eof: bool = True
    """Whether to end when standard input closes: the launcher, which writes it, has ended."""
    result_file: str = f"{STATE_DIR}/result.json"
    result_bytes: int | None = None
    """The most bytes that ``result_file`` takes (Kubernetes' termination message: 4096)."""
    stop_seconds: float = 15.0
    """Seconds between a request to stop and SIGKILL; less than the engine's own."""
    timeout: float | None = None
    """Seconds after which the runner stops the run by itself, where no launcher does (a cluster, Compose)."""
    retries: int = 0
    """How often the runner tries again by itself what failed for a passing reason (Compose)."""
    scratch: dict[str, int] = field(default_factory=dict)
    """Folders of a pod, with the bytes above which the kubelet evicts it."""
    events: bool = True
    """Whether a launcher reads events. Else they become lines for people in the source's log."""
    contract_version: int = VERSION


@dataclass(frozen=True)
class Verdict:
    """What ``check`` found of module, function, arguments, write_disposition, secrets or resources."""

    what: str
    ok: bool
    text: str = ""


@dataclass(frozen=True)
class Result:
    """The outcome of a run. ``rows`` are this run's, by table, without dlt's own tables."""

    status: str
    """``ok`` or ``failed``."""
    exit_code: int
    rows: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds by step, in order: start, restore, extract, normalize, load."""
    load_ids: tuple[str, ...] = ()
    resumed_load_ids: tuple[str, ...] = ()
    """Loads of a killed run that this run finished first."""
    bytes: int = 0
    """Bytes of the load files written."""
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    """What users should know of this run, including what it can't guarantee."""
    cursors: dict[str, str] = field(default_factory=dict)
    """The incremental cursors after the run: the last value as text, by ``resource.path``."""
    new_tables: tuple[str, ...] = ()
    """Tables that this run was the first to load into; none where all of them are new."""
    new_columns: tuple[str, ...] = ()
    """Columns that this run added to tables that were there: ``table.column``."""
    first_run: bool = False
    """Whether no row of this pipeline was in the destination before."""
    dataset: str = ""
    location: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    """``python``, ``dlt`` and the destination's driver."""
    verdicts: tuple[Verdict, ...] = ()
    run_id: str = ""
    """The job's, so that a file with an earlier run's result is recognised."""


class Event(str, enum.Enum):
    """The kinds of event lines. Each line: ``{"token": ..., "event": ..., "time": ..., ...}``."""

    PHASE = "phase"
    """``phase``: start, restore, wait (for the file's lock), extract, normalize, load."""
    PROGRESS = "progress"
    """``rows``: rows so far by table; sent at most twice a second, in a pod once in five seconds."""
    NOTE = "note"
    """``text``."""
    TRACEBACK = "traceback"
    """``text``: for the run's log file; the terminal shows the result's failure instead."""
    RESULT = "result"
    """``result``: a ``Result``."""


def to_json(value: typing.Any) -> str:
    """A value of this module as one line of JSON."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=False)


def plain(value: typing.Any) -> typing.Any:
    """A value of this module as JSON has it: objects, lists, texts and numbers."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def known_fields(cls: typing.Any, data: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Of a JSON object the fields of a dataclass: a newer version may have written more."""
    names = {f.name for f in dataclasses.fields(cls)}
    return {key: value for key, value in data.items() if key in names}


def job_from(data: dict[str, typing.Any]) -> JobSpec:
    """A JobSpec from its JSON object.

    Raises TypeError or KeyError where a required field is missing, ValueError where the interval is none.
    """
    known = known_fields(JobSpec, data)
    known["destination"] = Destination(**known_fields(Destination, data["destination"]))
    if known.get("interval") is not None:
        known["interval"] = interval(**known_fields(Interval, known["interval"]))
    for name in ("overrides", "resources", "native_sections", "secret_names"):
        known[name] = tuple(known.get(name) or ())
    return JobSpec(**known)


def frame(job: JobSpec, files: dict[str, str]) -> bytes:
    """The frame on standard input: eight bytes with the length, then the job and its secret files as JSON."""
    body = json.dumps({"job": plain(job), "files": files}, ensure_ascii=False).encode()
    return len(body).to_bytes(FRAME_HEADER_BYTES, "big") + body
