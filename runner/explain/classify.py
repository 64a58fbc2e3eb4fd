"""Turns any exception into one of the closed list of failures: what failed, why, what next.

dlt's exceptions are recognised by the names of their classes rather than imported: the source may
use any dlt from 1.18 on, classes move between its modules, and a failure of ``import dlt`` itself
has to be told as well.
"""

from __future__ import annotations

import errno
import re
import socket
import typing
from collections.abc import Iterator

from runner.contract import ExitCode, Failure, FailureKind
from runner.explain.wording import one_line

_CONFIGURATION_KINDS = frozenset(
    {
        FailureKind.MODULE_NOT_FOUND,
        FailureKind.IMPORT_FAILED,
        FailureKind.FUNCTION_NOT_FOUND,
        FailureKind.ARGUMENTS,
        FailureKind.SECRETS_MISSING,
        FailureKind.CONFIGURATION,
    }
)
_NETWORK_ERRORS = frozenset(
    {
        # requests, urllib3
        "ConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "Timeout",
        "ChunkedEncodingError",
        "ProtocolError",
        "IncompleteRead",
        "RemoteDisconnected",
        "NewConnectionError",
        "MaxRetryError",
        # httpx, aiohttp
        "TransportError",
        "TimeoutException",
        "ClientConnectionError",
        "ClientPayloadError",
        "ServerTimeoutError",
        # botocore, google, grpc
        "EndpointConnectionError",
        "ConnectionClosedError",
        "ServiceUnavailable",
        "DeadlineExceeded",
        "TooManyRequests",
        "ResourceExhausted",
    }
)
_STATE_ERRORS = frozenset(
    {
        "PipelineStateEngineNoUpgradePathException",
        "CannotRestorePipelineException",
        "SchemaEngineNoUpgradePathException",
        "InStorageSchemaModified",
    }
)
_WRAPPERS = (
    "PipelineStepFailed",
    "ResourceExtractionError",
    "StepError",
    "NormalizeJobFailed",
    "LoadClientJobException",
    "LoadPackageAborted",
)
"""What dlt, and the runner, put around the exception that people care for."""
_REFUSED_TEXT = re.compile(
    r"connection refused|could not connect|connection to server|could not translate host|"
    r"name or service not known|temporary failure in name resolution|no route to host|"
    r"network is unreachable|server closed the connection|connection reset|timed out|"
    r"connection timeout|terminating connection|the database system is (starting up|shutting down)|"
    r"too many connections|too many clients",
    re.IGNORECASE,
)
_LOCALHOST = re.compile(r"localhost|127\.0\.0\.1|\[?::1\]?", re.IGNORECASE)

LOG_HINT = "the log has the whole traceback"


class JobFailed(Exception):
    """The job can't go on; ``failure`` says why. ``exit_code`` defaults to the failure's own."""

    def __init__(self, failure: Failure, exit_code: int | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.exit_code = exit_code_of(failure) if exit_code is None else int(exit_code)


class StepError(Exception):
    """An exception of any kind together with the step it came from (see ``Result.seconds``)."""

    def __init__(self, step: str, cause: BaseException) -> None:
        super().__init__(f"{step}: {cause!r}")
        self.step = step
        self.cause = cause
        self.__cause__ = cause


def exit_code_of(failure: Failure) -> int:
    """The runner's exit code for a failure."""
    if failure.kind is FailureKind.CANCELLED:
        return int(ExitCode.STOPPED)
    if failure.transient:
        return int(ExitCode.TRANSIENT)
    if failure.kind in _CONFIGURATION_KINDS:
        return int(ExitCode.CONFIGURATION)
    if failure.kind is FailureKind.INTERNAL:
        return int(ExitCode.INTERNAL)
    return int(ExitCode.FAILED)


def classify(exc: BaseException, step: str | None = None) -> Failure:
    """The failure that ``exc`` stands for.

    ``step`` is where it was raised (``start``, ``restore``, ``extract``, ``normalize``, ``load``);
    a ``StepError`` or dlt's own ``PipelineStepFailed`` within says so too. Raises nothing.
    """
    chain = tuple(unwrap(exc))
    for link in chain:
        if isinstance(link, JobFailed):
            return link.failure
        if isinstance(link, StepError):
            step = link.step
    step = _step_of(chain) or step
    for rule in (_stopped, _resources, _configuration, _contract, _state):
        failure = rule(chain, step)
        if failure is not None:
            return failure
    return _by_step(chain, step)


def unwrap(exc: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was made from, outermost first, each once."""
    seen: set[int] = set()
    queue: list[BaseException] = [exc]
    while queue:
        link = queue.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = getattr(link, "exception", None)  # dlt's PipelineStepFailed
        context = None if link.__suppress_context__ else link.__context__
        client = getattr(link, "client_exception", None)  # dlt's LoadClientJobException
        for candidate in (inner, client, link.__cause__, context):
            if isinstance(candidate, BaseException):
                queue.append(candidate)
        queue.extend(getattr(link, "exceptions", ()) if _is(link, "BaseExceptionGroup") else ())


def _is(exc: BaseException, *names: str) -> bool:
    return not {base.__name__ for base in type(exc).__mro__}.isdisjoint(names)


def _step_of(chain: tuple[BaseException, ...]) -> str | None:
    for link in chain:
        if _is(link, "PipelineStepFailed"):
            step = getattr(link, "step", None)
            return {"sync": "restore", "run": None}.get(str(step), str(step)) if step else None
    return None


def _stopped(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    if any(_is(link, "SignalReceivedException", "KeyboardInterrupt") for link in chain):
        during = f" during {step}" if step else ""
        return Failure(
            FailureKind.CANCELLED,
            f"the run was told to stop{during}",
            "the next sync goes on where this one stopped",
        )
    return None


def _resources(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    for link in chain:
        if isinstance(link, MemoryError):
            return Failure(
                FailureKind.OUT_OF_MEMORY,
                f"the source ran out of memory during {step or 'start'}",
                "give it more by `container: {memory: …}`, or let it yield smaller pages",
            )
        # A database engine tells it in words alone.
        full = step in ("normalize", "load", "restore") and "no space left on device" in str(link).lower()
        if full or (isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT)):
            name = getattr(link, "filename", None)
            where = f" ({name})" if name else ""
            return Failure(
                FailureKind.DISK_FULL,
                f"no space left on the device{where} during {step or 'start'}",
                "free some space, then sync again: nothing is lost or doubled",
            )
    return None


def _configuration(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    for link in chain:
        if _is(link, "ConfigFieldMissingException"):
            fields = ", ".join(getattr(link, "fields", ()))
            return Failure(
                FailureKind.SECRETS_MISSING,
                f"missing in the configuration: {fields}",
                "give it in .dlt/secrets.toml, below [sources.<name>]",
            )
        if _is(link, "MissingDependencyException"):
            needs = [one_line(item) for item in getattr(link, "dependencies", ())]
            names = ", ".join(needs) or one_line(link)
            quoted = ", ".join(f'"{item}"' for item in needs)
            return Failure(
                FailureKind.IMPORT_FAILED,
                f"the environment lacks {names}",
                f"add to the source: container: {{requirements: [{quoted}]}}",
            )
        if _is(link, "DictValidationException"):  # what rest_api says of its own configuration
            return Failure(FailureKind.CONFIGURATION, told(link), "look at what the source is given to go by")
        if _is(link, "ConfigurationException") or _is(link, "UnknownDestinationModule"):
            return Failure(
                FailureKind.CONFIGURATION, one_line(link), "look at .dlt/secrets.toml and .dlt/config.toml"
            )
    return None


def _contract(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    for link in chain:
        if _is(link, "DataValidationError"):
            table = getattr(link, "table_name", None) or "?"
            column = getattr(link, "column_name", None)
            entity = str(getattr(link, "schema_entity", "data_type"))
            what = {"tables": "a new table", "columns": "a new column"}.get(entity, "another data type")
            where = f"'{table}.{column}'" if column else f"'{table}'"
            return Failure(
                FailureKind.SCHEMA_CONTRACT,
                f"the schema contract refuses {what}: {where}",
                f"allow it (dlt_native.schema_contract: {{{entity}: evolve}}) or leave the data out",
            )
        if _is(link, "TableIdentifiersFrozen", "SchemaIdentifierNormalizationCollision"):
            return Failure(FailureKind.SCHEMA_CONTRACT, one_line(link), LOG_HINT)
    return None


def _state(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    if any(_is(link, *_STATE_ERRORS) for link in chain):
        return Failure(
            FailureKind.STATE,
            f"the pipeline's state can't be read: {told(innermost(chain))}",
            "start over with --full-refresh",
        )
    return None


def _by_step(chain: tuple[BaseException, ...], step: str | None) -> Failure:
    cause = innermost(chain)
    transient = is_transient(chain)
    hint = _hint(chain)
    if step in ("restore", "load"):
        if is_unreachable(chain):
            return Failure(
                FailureKind.DESTINATION_UNREACHABLE,
                f"the destination can't be reached: {told(cause)}",
                hint or "is it up, and is its address right?",
                transient=True,
            )
        return Failure(FailureKind.LOAD, f"{step} failed: {told(cause)}", hint or LOG_HINT, transient)
    if step == "normalize":
        return Failure(FailureKind.NORMALIZE, f"normalize failed: {told(cause)}", hint or LOG_HINT, transient)
    if step in ("start", "extract"):
        resource = _resource_of(chain)
        who = f"resource '{resource}' failed" if resource else "the source failed"
        return Failure(FailureKind.EXTRACT, f"{who}: {told(cause)}", hint or LOG_HINT, transient)
    return Failure(
        FailureKind.INTERNAL,
        f"a bug of dltpod's: {told(cause)}",
        "please report it, with the log",
    )


def told(exc: BaseException) -> str:
    """An exception as people are told: its kind and its own words, on one line."""
    if isinstance(exc, SystemExit):
        return f"it called sys.exit({exc.code!r})"
    # dlt's load jobs tell a whole traceback, which ends with what matters.
    lines = str(getattr(exc, "failed_message", "")).strip().splitlines()
    words = one_line(lines[-1] if lines else exc)
    name = type(exc).__name__
    return f"{name}: {words}" if words else name


def innermost(chain: typing.Sequence[BaseException]) -> BaseException:
    """The exception that people care for: the source's own, below those that dlt wraps it in."""
    exc = chain[0]
    while _is(exc, *_WRAPPERS):
        named = (getattr(exc, name, None) for name in ("exception", "client_exception", "job_exception"))
        inner = next((link for link in named if isinstance(link, BaseException)), None)
        inner = inner or exc.__cause__ or exc.__context__
        if not isinstance(inner, BaseException):
            break
        exc = inner
    return exc


def _resource_of(chain: tuple[BaseException, ...]) -> str | None:
    for link in chain:
        if _is(link, "ResourceExtractionError", "PipeException"):
            return str(getattr(link, "pipe_name", "")) or None
        if _is(link, "DltResourceException"):
            return str(getattr(link, "resource_name", "") or "") or None
    return None


def status_of(exc: BaseException) -> int | None:
    """The HTTP status that an exception of any client library carries."""
    holders = (getattr(exc, "response", None), getattr(exc, "resp", None), exc)
    for holder in holders:
        for name in ("status_code", "status", "code", "http_status"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 400 <= value <= 599:
                return int(value)
        if isinstance(holder, dict):  # botocore
            meta = holder.get("ResponseMetadata", {})
            value = meta.get("HTTPStatusCode") if isinstance(meta, dict) else None
            if isinstance(value, int) and 400 <= value <= 599:
                return value
    return None


def is_transient(chain: typing.Sequence[BaseException]) -> bool:
    """Whether it may go well the next time: the network, 429, 5xx, dlt's transient exceptions."""
    for link in chain:
        if _is(link, "SSLCertVerificationError"):
            return False
        status = status_of(link)
        if status is not None:
            return status in (408, 425, 429) or status >= 500
    for link in chain:
        if _is(link, "TerminalException", "TerminalValueError"):
            return is_unreachable((link,))
        if isinstance(link, (ConnectionError, TimeoutError, socket.timeout, socket.gaierror)):
            return True
        if _is(link, "TransientException", "DestinationTransientException", *_NETWORK_ERRORS):
            return True
        if isinstance(link, OSError) and link.errno in (
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.EHOSTUNREACH,
            errno.ENETUNREACH,
            errno.ETIMEDOUT,
        ):
            return True
        if _is(link, "OperationalError", "URLError") and _REFUSED_TEXT.search(str(link)):
            return True
    return False


def is_unreachable(chain: typing.Sequence[BaseException]) -> bool:
    """Whether nothing answered at the address."""
    for link in chain:
        if _is(link, "DestinationConnectionError"):
            return bool(_REFUSED_TEXT.search(str(link)))
        if isinstance(link, (ConnectionError, socket.timeout, socket.gaierror)):
            return True
        if _is(link, "OperationalError", "InterfaceError", *_NETWORK_ERRORS) and _REFUSED_TEXT.search(
            str(link)
        ):
            return True
    return False


def _hint(chain: tuple[BaseException, ...]) -> str:
    words = " ".join(str(link) for link in chain)
    if _LOCALHOST.search(words) and re.search(r"refused|errno 111|can't connect|cannot connect", words, re.I):
        return "in the container, localhost is the container itself: name the host host.docker.internal"
    for link in chain:
        if _is(link, "SSLCertVerificationError"):
            return "point SSL_CERT_FILE at your CA bundle before the sync: the container gets it too"
        status = status_of(link)
        if status in (401, 403):
            return "the credentials were refused: look at [sources.<name>] in .dlt/secrets.toml"
        if status == 429:
            return "too many requests: it is tried again later"
    return ""
