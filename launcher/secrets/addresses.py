"""Connection strings that no program can read as they are meant, found before a run.

An ``@``, a ``/`` or another of an address's own characters within a password has to be percent-encoded.
Where it isn't, a driver takes the password's tail for the host and quotes it in its error. Refused is what
certainly goes wrong. What SQLAlchemy reads, and so dlt, though others don't, is only warned of: there a
password goes up to the first ``@``, whatever else it holds.
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
"""Of SQLAlchemy 2.1 (``sqlalchemy.engine.url._parse_url``), what follows the scheme."""
_PORT = re.compile(r"[0-9]*|\$?\{[^{}]*\}|<[^<>]+>|%\(\w+\)[sd]")
"""A number, none, or something that code puts one into."""
_SETTING = re.compile(r"[\w.%+-]+=")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

ENCODED = "@ as %40, / as %2F, : as %3A, # as %23, ? as %3F, % as %25, [ as %5B, a space as %20"


class Flaw(enum.Enum):
    """What is wrong with an address, in words that show nothing of it."""

    USERINFO = "its user or password holds a character that has to be percent-encoded"
    PORT = "its port is no number"


def flaw(text: str) -> Flaw | None:
    """Why no program reads a text as the address that is meant; None where some do, and for no address."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or "@" not in found[2]:
        return None
    scheme, rest = found[1].lower(), found[2]
    web = bool(_WEB.fullmatch(scheme))
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority:
        return _without_userinfo(scheme, rest, authority, web)
    userinfo, _, hosts = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    mongo = scheme.startswith("mongodb")
    if "@" in password or (mongo and (":" in password or _BAD_PERCENT.search(userinfo))):
        return Flaw.USERINFO
    if "@" in user and (mongo or not password):  # a user@server of Azure's, a mail address: most read them
        return Flaw.USERINFO
    if colon and not web and _goes_on(rest[len(authority) :]):
        return Flaw.USERINFO
    if (web or _BY_URLLIB.fullmatch(scheme)) and not mongo and ("[" in userinfo) != ("]" in userinfo):
        return Flaw.USERINFO
    if colon and not scheme.endswith("ssh") and not all(map(_is_host, hosts.split(","))):
        return Flaw.PORT
    return None


def doubtful(text: str) -> bool:
    """Whether a text that has no flaw is an address that some drivers read as another."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or "@" not in found[2] or _WEB.fullmatch(found[1].lower()) or flaw(text) is not None:
        return False
    authority = re.split(r"[/?#]", found[2], maxsplit=1)[0]
    if "@" not in authority:
        return not _is_whole(authority)
    userinfo = authority.rpartition("@")[0]
    return bool(_BAD_PERCENT.search(userinfo) or re.search(r"[@\[\]\s]", userinfo))


def holds_password(text: str) -> bool:
    """Whether an address holds a password, or what can only be meant as one."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or "@" not in found[2]:
        return False
    authority = re.split(r"[/?#]", found[2], maxsplit=1)[0]
    return ":" in authority.rpartition("@")[0] or ("@" not in authority and not _is_whole(authority))


def _without_userinfo(scheme: str, rest: str, authority: str, web: bool) -> Flaw | None:
    """Of an ``@`` after what ends the host: a page's own, or that of a password that ended too early."""
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
    return Flaw.USERINFO


def _goes_on(behind: str) -> bool:
    """Whether what seems to be a database's name or query is the rest of a password: it holds an ``@``."""
    path, _, query = behind.partition("?")
    return "@" in path or ("@" in query and not _SETTING.match(query))


def _is_host(text: str) -> bool:
    """``host``, ``host:5432`` or ``[::1]:5432``, by its port."""
    return bool(_PORT.fullmatch(re.sub(r"^\[[^\]]*\]", "", text).partition(":")[2]))


def _is_whole(authority: str) -> bool:
    """Whether a host without a user before it is one, and not a user whose password ended it: ``user:``."""
    return _is_host(authority) and not authority.endswith(":")
