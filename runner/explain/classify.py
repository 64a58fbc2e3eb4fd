"""Turns any exception into a ``Failure``: what failed, why, and what to do next.

dlt's exceptions are recognised by the names of their classes rather than imported: the source may use any dlt
from 1.18 on, classes move between its modules, and ``import dlt`` itself may fail.
"""

from __future__ import annotations

import errno
import re
import socket
import typing

from runner.contract import ExitCode, Failure, FailureKind
from runner.explain import code, connections, files, missing
from runner.explain.causes import has_class, unwrap
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
        "RetryError",  # a client's own retries are used up: a 429 or a 5xx that went on
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
        "RateLimitError",
        "RateLimitExceededException",
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
"""What dlt and the runner wrap around the exception of a source or a destination."""
_REFUSED_TEXT = re.compile(
    r"connection refused|could not connect|connection to server|could not translate host|"
    r"name or service not known|temporary failure in name resolution|no route to host|"
    r"network is unreachable|server closed the connection|connection reset|timed out|"
    r"connection timeout|terminating connection|the database system is (starting up|shutting down)|"
    r"too many connections|too many clients",
    re.IGNORECASE,
)

LOG_HINT = "the log has the whole traceback"
NEXT_SYNC_HINT = "the next sync resumes where this one stopped"


class JobFailed(Exception):
    """Ends the job; ``failure`` says why. ``exit_code`` is the failure's own unless given."""

    def __init__(self, failure: Failure, exit_code: int | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.exit_code = exit_code_of(failure) if exit_code is None else int(exit_code)

    @classmethod
    def of(cls, kind: FailureKind, message: str, hint: str = "", *, transient: bool = False) -> JobFailed:
        """Ends the job for a failure with these words (see ``Failure``)."""
        return cls(Failure(kind, message, hint, transient))


class StepError(Exception):
    """An exception of any kind, with the step in which it was raised (see ``Result.seconds``)."""

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
    """The failure that an exception stands for. Raises nothing.

    ``step`` is where it was raised (``start``, ``restore``, ``extract``, ``normalize``, ``load``); a
    ``StepError`` or dlt's own ``PipelineStepFailed`` among its causes says so too.
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


def _step_of(chain: tuple[BaseException, ...]) -> str | None:
    for link in chain:
        if has_class(link, "PipelineStepFailed"):
            step = getattr(link, "step", None)
            return {"sync": "restore", "run": None}.get(str(step), str(step)) if step else None
    return None


def _stopped(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    if any(has_class(link, "SignalReceivedException", "KeyboardInterrupt") for link in chain):
        during = f" during {step}" if step else ""
        return Failure(FailureKind.CANCELLED, f"the run was told to stop{during}", NEXT_SYNC_HINT)
    return None


def _resources(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    for link in chain:
        if isinstance(link, MemoryError):
            return out_of_memory(step or "start")
        # a database engine says so in its message alone
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
        if has_class(link, "ConfigFieldMissingException"):
            fields = ", ".join(getattr(link, "fields", ()))
            return Failure(
                FailureKind.SECRETS_MISSING,
                f"missing in the configuration: {fields}",
                "give it in .dlt/secrets.toml, below [sources.<name>]",
            )
        if has_class(link, "MissingDependencyException"):
            needs = [one_line(item) for item in getattr(link, "dependencies", ())]
            message = f"the environment lacks {', '.join(needs) or one_line(link)}"
            return Failure(FailureKind.IMPORT_FAILED, message, missing.requirements_hint(needs))
        if isinstance(link, ModuleNotFoundError) and link is root_cause(chain):
            return _lacking(link, step)
        if has_class(link, "DictValidationException"):  # what rest_api says of its own configuration
            return Failure(FailureKind.CONFIGURATION, summary(link), "correct dlt_native.function_kwargs")
        if has_class(link, "ConfigurationException", "UnknownDestinationModule"):
            return Failure(
                FailureKind.CONFIGURATION, one_line(link), "look at .dlt/secrets.toml and .dlt/config.toml"
            )
    return None


def _lacking(exc: ModuleNotFoundError, step: str | None) -> Failure | None:
    lacking = missing.requirement_for(exc)
    if lacking is None:
        return None
    who = "the destination" if step in ("restore", "load") else "the source"
    who = f"'{scheme}'" if (scheme := connections.scheme_of(exc)) else who
    whose = f"{lacking.installed} does not have" if lacking.installed else "its environment lacks"
    message = f"{who} needs '{lacking.imported}', which {whose}{code.location(exc)}"
    return Failure(FailureKind.IMPORT_FAILED, message, lacking.hint)


def _contract(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    for link in chain:
        if has_class(link, "DataValidationError"):
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
        if has_class(link, "TableIdentifiersFrozen", "SchemaIdentifierNormalizationCollision"):
            return Failure(FailureKind.SCHEMA_CONTRACT, one_line(link), LOG_HINT)
    return None


def _state(chain: tuple[BaseException, ...], step: str | None) -> Failure | None:
    if any(has_class(link, *_STATE_ERRORS) for link in chain):
        return Failure(
            FailureKind.STATE,
            f"the pipeline's state can't be read: {summary(root_cause(chain))}",
            "start over with --full-refresh",
        )
    return None


def _by_step(chain: tuple[BaseException, ...], step: str | None) -> Failure:
    cause = root_cause(chain)
    transient = is_transient(chain)
    hint = _hint(chain)
    refused = connections.refusal(chain)
    nowhere = connections.unreachable_place(chain) if refused is None else None
    if refused or nowhere:
        hint = hint or (nowhere[1] if nowhere else connections.MEND_LOGIN)
    words = refused or (nowhere[0] if nowhere else summary(cause))
    if step in ("restore", "load"):
        if refused:
            return Failure(FailureKind.DESTINATION_UNREACHABLE, f"at the destination: {refused}", hint)
        if is_unreachable(chain):
            return Failure(
                FailureKind.DESTINATION_UNREACHABLE,
                f"the destination can't be reached: {words}",
                hint or "is it up, and is its address right?",
                transient=transient or not connections.refused_by_localhost(chain),
            )
        return Failure(FailureKind.LOAD, f"{step} failed: {words}", hint or LOG_HINT, transient)
    if step == "normalize":
        return Failure(
            FailureKind.NORMALIZE, f"normalize failed: {summary(cause)}", hint or LOG_HINT, transient
        )
    if step in ("start", "extract"):
        resource = _resource_of(chain)
        who = f"resource '{resource}' failed" if resource else "the source failed"
        table = connections.missing_table(chain)
        if table:
            return Failure(FailureKind.EXTRACT, table, "correct it in dlt_native.function_kwargs")
        if no_rows := code.no_rows(cause):
            return Failure(FailureKind.EXTRACT, f"{who}: {no_rows}", "let it yield rows, or return them")
        if not refused:
            words += code.location(cause)
        return Failure(FailureKind.EXTRACT, refused or f"{who}: {words}", hint or LOG_HINT, transient)
    words = f"a bug of dltpod's: {summary(cause)}"
    return Failure(FailureKind.INTERNAL, words, "please report it, with the log")


def out_of_memory(step: str) -> Failure:
    """The failure of a run whose memory did not suffice during ``step``."""
    return Failure(
        FailureKind.OUT_OF_MEMORY,
        f"the source ran out of memory during {step}",
        "raise `container: {memory: …}`, or make the source yield smaller pages",
    )


def summary(exc: BaseException) -> str:
    """An exception on one line: its class and its message."""
    if isinstance(exc, SystemExit):
        return f"it called sys.exit({exc.code!r})"
    # dlt's load jobs give a whole traceback, whose last line is the message
    lines = str(getattr(exc, "failed_message", "")).strip().splitlines()
    words = one_line(lines[-1] if lines else exc)
    name = type(exc).__name__
    return f"{name}: {words}" if words else name


def root_cause(chain: typing.Sequence[BaseException]) -> BaseException:
    """The exception of the source or the destination, without those that dlt wraps around it."""
    exc = chain[0]
    while has_class(exc, *_WRAPPERS):
        named = (getattr(exc, name, None) for name in ("exception", "client_exception", "job_exception"))
        inner = next((link for link in named if isinstance(link, BaseException)), None)
        inner = inner or exc.__cause__ or exc.__context__
        if not isinstance(inner, BaseException):
            break
        exc = inner
    return exc


def _resource_of(chain: tuple[BaseException, ...]) -> str | None:
    for link in chain:
        if has_class(link, "ResourceExtractionError", "PipeException"):
            return str(getattr(link, "pipe_name", "")) or None
        if has_class(link, "DltResourceException"):
            return str(getattr(link, "resource_name", "") or "") or None
    return None


def status_of(exc: BaseException) -> int | None:
    """The HTTP status, 400 to 599, that a client library's exception carries; None without one."""
    response = getattr(exc, "response", None)
    found = []
    for holder in (response, getattr(exc, "resp", None), exc):
        found += [getattr(holder, name, None) for name in ("status_code", "status", "code", "http_status")]
    if isinstance(response, dict) and isinstance(meta := response.get("ResponseMetadata"), dict):  # botocore
        found.append(meta.get("HTTPStatusCode"))
    return next((int(value) for value in found if isinstance(value, int) and 400 <= value <= 599), None)


def is_transient(chain: typing.Sequence[BaseException]) -> bool:
    """Whether a retry may succeed: network failures, HTTP 408, 425, 429, 5xx, dlt's transient ones."""
    if connections.refusal(chain):
        return False
    for link in chain:
        if has_class(link, "SSLCertVerificationError"):
            return False
        status = status_of(link)
        if status is not None:
            return status in (408, 425, 429) or status >= 500
    for link in chain:
        if connections.refused_by_localhost((link,)):
            return False
        if has_class(link, "TerminalException", "TerminalValueError"):
            return is_unreachable((link,))
        if isinstance(link, (ConnectionError, TimeoutError, socket.gaierror)):
            return True
        if has_class(link, "TransientException", "DestinationTransientException", *_NETWORK_ERRORS):
            return True
        if isinstance(link, OSError) and link.errno in (
            errno.ECONNREFUSED,
            errno.ECONNRESET,
            errno.EHOSTUNREACH,
            errno.ENETUNREACH,
            errno.ETIMEDOUT,
        ):
            return True
        if has_class(link, "OperationalError", "URLError") and _REFUSED_TEXT.search(str(link)):
            return True
    return False


def is_unreachable(chain: typing.Sequence[BaseException]) -> bool:
    """Whether the connection could not be made: nothing answers at the address."""
    for link in chain:
        if has_class(link, "DestinationConnectionError"):
            return bool(_REFUSED_TEXT.search(str(link)))
        if isinstance(link, (ConnectionError, TimeoutError, socket.gaierror)):
            return True
        if has_class(link, "OperationalError", "InterfaceError", *_NETWORK_ERRORS) and _REFUSED_TEXT.search(
            str(link)
        ):
            return True
    return False


def _hint(chain: tuple[BaseException, ...]) -> str:
    words = " ".join(str(link) for link in chain)
    refused = re.search(r"refused|errno 111|can't connect|cannot connect", words, re.I)
    if refused and connections.LOCALHOST.search(words):
        return "in the container, localhost is the container itself: use host.docker.internal for the host"
    for link in chain:
        if has_class(link, "SSLCertVerificationError"):
            return "point SSL_CERT_FILE at your CA bundle before the sync: the container gets it too"
        if mount := files.mount_hint(link):
            return mount
        begin = getattr(link, "cursor_value", None)  # dlt's IncrementalCursorInvalidCoercion has it
        if isinstance(begin, str) and re.match(r"\d{4}-\d\d-\d\d", begin):
            return f"if the source has dates, begin at one: initial_value: !!timestamp {one_line(begin, 40)}"
        status = status_of(link)
        if status in (401, 403):
            return "the credentials were refused: look at [sources.<name>] in .dlt/secrets.toml"
        if status == 429:
            return "too many requests: it is retried later"
    return ""
