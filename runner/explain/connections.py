"""Explains what servers and drivers say of an address, a login or a table, and what to correct.

Drivers are recognised by their messages: none of them is imported. What is quoted here is Postgres' (psycopg2
and 3), MySQL's (PyMySQL and others), SQL Server's, Oracle's, Snowflake's, MongoDB's, ClickHouse's, Google's,
AWS' and Azure's, and what requests, httpx, aiohttp and urllib3 say.
"""

from __future__ import annotations

import contextlib
import os
import re
import traceback
import typing

from runner.contract import JobSpec
from runner.explain.wording import near_misses, one_line

Chain = typing.Sequence[BaseException]

_LOGIN = (
    re.compile(r"password authentication failed for user [\"'](?P<user>[^\"']+)"),
    re.compile(r"no pg_hba\.conf entry for host .*?user [\"'](?P<user>[^\"']+)"),
    re.compile(r"FATAL: +role [\"'](?P<user>[^\"']+)[\"'] does not exist"),
    re.compile(r"Access denied for user '(?P<user>[^']+)'@"),
    re.compile(r"Login failed for user '(?P<user>[^']+)'"),
    re.compile(r"(?:^|[\s:])(?P<user>[\w.-]+): Authentication failed: password is incorrect"),
    re.compile(r"no password supplied|ORA-01017|Incorrect username or password|\b[Aa]uthentication failed\b"),
    # a locked account; Snowflake's key; Google's key file; AWS; Azure storage; a pooler's
    re.compile(r"ORA-28000|JWT token is invalid|Invalid JWT Signature|Tenant or user not found"),
    re.compile(r"\b(?:InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|AuthenticationFailed)\b"),
)
_DATABASE = re.compile(
    r"FATAL: +database \"(?P<a>[^\"]+)\" does not exist|Unknown database '(?P<b>[^']+)'"
    r"|Cannot open database \"(?P<c>[^\"]+)\" requested by the login"
)
_NO_RIGHT = re.compile(r"Access denied for user '(?P<user>[^']+)'@\S+ to database '(?P<base>[^']+)'")
_UNKNOWN_NAME = re.compile(r"name or service not known|nodename nor servname|no address associated", re.I)
_NO_ANSWER = re.compile(r"temporary failure in name resolution", re.I)
_REFUSED = re.compile(r"connection refused|errno 111|errno 61\b|actively refused", re.I)
LOCALHOST = re.compile(r"localhost|127\.0\.0\.1|::1", re.I)
_SILENT = re.compile(
    r"connect timeout=|connection timed out|timeout expired|: timed out \(configured|no route to host"
    r"|(?:network|host) is unreachable|errno 1(?:01|10|13)\b",
    re.I,
)
_HOSTS = (
    re.compile(r"could not translate host name [\"'](?P<host>[^\"']+)"),
    re.compile(r"failed to resolve (?:host )?'(?P<host>[^']+)'", re.I),
    re.compile(r"server at [\"'](?P<host>[^\"']+)[\"'](?: \([^)]*\))?, port (?P<port>\d+)"),
    re.compile(r"host='(?P<host>[^']+)', port=(?P<port>\d+)"),
    re.compile(r"Connect call failed \('(?P<host>[^']+)', (?P<port>\d+)"),
    re.compile(r"server on '(?P<host>[^':]+)(?::(?P<port>\d+))?'"),
    re.compile(
        r"(?:connect(?:ing)? to (?:host )?|^|[\s,'\"(])(?P<host>[A-Za-z0-9][\w.-]*):(?P<port>\d{2,5})\b"
    ),
)
"""Where a message names the host, and sometimes the port, that it speaks of."""

MEND_LOGIN = "correct user and password in .dlt/secrets.toml: [<section>]"
MEND_ADDRESS = "correct host and port in .dlt/secrets.toml: [<section>]"
MEND_NETWORK = "is the address right ([<section>]), and do container.network and container.egress lead there?"


def refusal(chain: Chain) -> str | None:
    """What a server refused and will refuse again, such as a login; None if nothing was refused."""
    for link in chain:
        text = str(link)
        if found := _NO_RIGHT.search(text):
            who, what = one_line(found["user"], 60), one_line(found["base"], 60)
            return f"user '{who}' may not use the database '{what}'"
        if found := _DATABASE.search(text):
            return f"the server has no database '{one_line(next(filter(None, found.groups())), 60)}'"
        for pattern in _LOGIN:
            if found := pattern.search(text):
                user = found.groupdict().get("user")
                return (
                    f"the database refused user '{one_line(user, 60)}'" if user else "the login was refused"
                )
    return None


def unreachable_place(chain: Chain) -> tuple[str, str] | None:
    """Why an address can't be reached, and a hint what to look at; None if no message says so."""
    for link in chain:
        text = str(link)
        if _UNKNOWN_NAME.search(text) and (place := _host(text, link)):
            return f"no such name: {place[0]}", MEND_NETWORK
        if _NO_ANSWER.search(text) and (place := _host(text, link)):
            return f"no name server answers for {place[0]}", MEND_NETWORK
        if _REFUSED.search(text) and (place := _host(text, link)):
            return f"nothing listens at {':'.join(filter(None, place))}", MEND_ADDRESS
        if _SILENT.search(text) and (place := _host(text, link)):
            return f"no answer from {':'.join(filter(None, place))}", MEND_NETWORK
    return None


def refused_by_localhost(chain: Chain) -> bool:
    """Whether nothing listens at the container's own localhost, where nothing will come up later either.

    False in a pod: another of its containers, a database's proxy say, may still be starting there.
    """
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return False
    return any(
        bool(_REFUSED.search(text := str(link)))
        and (place := _host(text, link)) is not None
        and LOCALHOST.fullmatch(place[0]) is not None
        for link in chain
    )


def _host(text: str, exc: BaseException) -> tuple[str, str] | None:
    for pattern in _HOSTS:
        if found := pattern.search(text):
            return one_line(found["host"], 100), found.groupdict().get("port") or ""
    with contextlib.suppress(Exception):  # httpx raises where there is no request
        url = getattr(exc, "request").url  # noqa: B009
        return one_line(url.host, 100), str(url.port or {"https": 443, "http": 80}.get(url.scheme, ""))
    return None


def missing_table(chain: Chain) -> str | None:
    """The tables that SQLAlchemy was asked for and that aren't there, with what is meant; else None."""
    for link in chain:
        name = type(link).__name__
        if name == "NoSuchTableError":
            asked = [str(link)]
        elif name == "InvalidRequestError" and "requested table(s) not available" in str(link):
            asked = [part.strip() for part in str(link).rpartition("(")[2].rstrip(") ").split(",")]
        else:
            continue
        there = _tables(link)
        shown = ", ".join(f"'{one_line(table, 60)}'" for table in asked[:5])
        near = near_misses(asked[0].rpartition(".")[2], there, count=1)
        more = f"; did you mean {near}?" if near else ""
        if not near and there:
            more = "; there are " + ", ".join(sorted(there)[:8]) + (" …" if len(there) > 8 else "")
        return f"no table {shown}{more}"
    return None


def _tables(exc: BaseException) -> list[str]:
    """The tables that there are: what SQLAlchemy had just read, or reads by the engine that it was given."""
    found: list[str] = []
    for frame, _ in traceback.walk_tb(exc.__traceback__):
        if not str(frame.f_globals.get("__name__", "")).startswith("sqlalchemy."):
            continue
        if frame.f_locals.get("available"):
            return [str(name) for name in frame.f_locals["available"]]
        if not found and (engine := frame.f_locals.get("autoload_with")) is not None:
            with contextlib.suppress(Exception):  # it is for a guess only
                import sqlalchemy

                found = sqlalchemy.inspect(engine).get_table_names(frame.f_locals.get("schema"))
    return found


def scheme_of(exc: BaseException) -> str:
    """The scheme of the address that SQLAlchemy was about to open, ``postgresql://`` say; else empty."""
    for frame, _ in traceback.walk_tb(exc.__traceback__):
        if frame.f_globals.get("__name__") == "sqlalchemy.engine.create" and "u" in frame.f_locals:
            driver = getattr(frame.f_locals["u"], "drivername", "")
            return f"{one_line(driver, 40)}://" if driver else ""
    return ""


def placed(hint: str, job: JobSpec, *, at_destination: bool) -> str:
    """The hint with the source's name, and the section of ``secrets.toml`` that the connection stands in."""
    own = f"sources.{job.source}"
    if at_destination:
        own = f"destination.{job.destination.name or job.destination.kind}"
    nested = any(name.startswith(f"{own}.credentials.") for name in job.secret_names)
    return hint.replace("<section>", f"{own}.credentials" if nested else own).replace("<name>", job.source)
