"""Finds connection strings that a program would misread, before a run.

An ``@``, a ``/`` or another of an address's own characters within a password has to be percent-encoded.
Otherwise a driver takes the end of the password for the host and quotes it in its error. What fails in every
program is refused. What SQLAlchemy (and so dlt) reads correctly and other drivers don't gets a warning: for
SQLAlchemy, a password ends at the first ``@``.
"""

from __future__ import annotations

import enum
import re

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_WEB = re.compile(
    r"(\w+\+)?(https?|wss?|s?ftps?|ssh|git|file|(web)?davs?|"
    r"s3[an]?|gc?s|az|azure|abfss?|adl|wasbs?|hdfs|imaps?|smtps?)",
    re.IGNORECASE,
)
"""Addresses of files and pages, whose paths may hold an ``@``. All others are databases and brokers."""
_BY_URLLIB = re.compile(
    r"rediss?|valkeys?|amqps?|kafka|nats|mqtts?|mongodb(\+srv)?|elasticsearch|opensearch|bolt|neo4j.*"
)
"""Databases and brokers whose clients end the host at the first ``/``, ``?`` or ``#``, as for pages."""
_SQLALCHEMY = re.compile(
    r"[^:/]*:[^@]*@(?P<host>\[[^/?]+\]|[^/:?]+)(:(?P<port>[^/?]*))?(?P<behind>[/?].*)?", re.DOTALL
)
"""What follows the scheme, as SQLAlchemy 2.1 reads it (``sqlalchemy.engine.url._parse_url``)."""
_PORT = re.compile(r"[0-9]*|\$?\{[^{}]*\}|<[^<>]+>|%\(\w+\)[sd]")
"""A number, nothing, or a placeholder for a number."""
_SETTING = re.compile(r"[\w.%+-]+=")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

ENCODED = "@ as %40, / as %2F, : as %3A, # as %23, ? as %3F, % as %25, [ as %5B, a space as %20"


class Fault(enum.Enum):
    """What is wrong with an address. The texts show no part of it."""

    USERINFO = "its user or password holds a character that has to be percent-encoded"
    PORT = "its port is no number"


def fault_of(text: str) -> Fault | None:
    """Why every program misreads an address; None if one reads it correctly, or if the text is no address."""
    parts = _parts(text)
    if parts is None:
        return None
    scheme, rest, authority = parts
    web = bool(_WEB.fullmatch(scheme))
    if "@" not in authority:
        return _without_userinfo(scheme, rest, authority, web)
    userinfo, _, hosts = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    mongo = scheme.startswith("mongodb")
    if "@" in password or (mongo and (":" in password or _BAD_PERCENT.search(userinfo))):
        return Fault.USERINFO
    if "@" in user and (mongo or not password):  # a user@server of Azure's, a mail address: most read them
        return Fault.USERINFO
    if colon and not web and _goes_on(rest[len(authority) :]):
        return Fault.USERINFO
    if (web or _BY_URLLIB.fullmatch(scheme)) and not mongo and ("[" in userinfo) != ("]" in userinfo):
        return Fault.USERINFO
    if colon and not scheme.endswith("ssh") and not all(map(_is_host, hosts.split(","))):
        return Fault.PORT
    return None


def doubtful(text: str) -> bool:
    """Whether some drivers misread an address that has no fault."""
    parts = _parts(text)
    if parts is None or _WEB.fullmatch(parts[0]) or fault_of(text) is not None:
        return False
    authority = parts[2]
    if "@" not in authority:
        return not _is_whole(authority)
    userinfo = authority.rpartition("@")[0]
    return bool(_BAD_PERCENT.search(userinfo) or re.search(r"[@\[\]\s]", userinfo))


def holds_password(text: str) -> bool:
    """Whether an address contains a password, also a wrongly encoded one."""
    parts = _parts(text)
    if parts is None:
        return False
    authority = parts[2]
    return ":" in authority.rpartition("@")[0] or ("@" not in authority and not _is_whole(authority))


def _parts(text: str) -> tuple[str, str, str] | None:
    """Scheme, what follows it, and of that the authority; None for no address, or one without an ``@``."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or "@" not in found[2]:
        return None
    return found[1].lower(), found[2], re.split(r"[/?#]", found[2], maxsplit=1)[0]


def _without_userinfo(scheme: str, rest: str, authority: str, web: bool) -> Fault | None:
    """The fault of an address with an ``@`` after its host only, which is a path's or a password's."""
    by_urllib = web or bool(_BY_URLLIB.fullmatch(scheme))
    if _is_whole(authority) and (by_urllib or ":" not in authority or not _goes_on(rest[len(authority) :])):
        return None
    if not by_urllib:
        found = _SQLALCHEMY.fullmatch(rest)
        whole = found is not None and "@" not in found["host"] and not _goes_on(found["behind"] or "")
        if found is not None and whole and _PORT.fullmatch(found["port"] or ""):
            return None
    if scheme.startswith("mongodb") and re.split(r"[/?]", rest, maxsplit=1)[0].count("@") == 1:
        return None  # PyMongo knows no fragment
    return Fault.USERINFO


def _goes_on(behind: str) -> bool:
    """Whether what follows the host is the rest of a password, because it contains an ``@``."""
    path, _, query = behind.partition("?")
    return "@" in path or ("@" in query and not _SETTING.match(query))


def _is_host(text: str) -> bool:
    """Whether a text is ``host``, ``host:5432`` or ``[::1]:5432``, judged by its port."""
    return bool(_PORT.fullmatch(re.sub(r"^\[[^\]]*\]", "", text).partition(":")[2]))


def _is_whole(authority: str) -> bool:
    """Whether a text without a user is a host, and not a user with a cut password (``user:``)."""
    return _is_host(authority) and not authority.endswith(":")
