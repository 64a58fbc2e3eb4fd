"""The secrets within an address or a connection string, whichever library reads it.

Libraries don't agree where a password ends: SQLAlchemy and libpq take the first ``@`` for its end, urllib the
last one before a ``/``, ``?`` or ``#``. The rest they take for the host, the port or the database, and quote
it in their errors. So each piece of a password that holds such a character is secret, encoded and decoded.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator

_ADDRESS = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.:-]*?)://(.*)", re.DOTALL)
_WEB = re.compile(r"(.*[+:])?(https?|wss?|s?ftps?|ssh)", re.IGNORECASE)
"""Schemes whose paths may hold an ``@`` that is not the end of a password."""
_SECRET_NAME = r"pass|pwd|secret|token|key|sig|auth"
_SETTING = re.compile(
    r"(?:^|[\s;?&])[\w -]{0,40}?(?:pass|pwd|secret|token|(?:account|access|api)_?key|signature)[\w-]*\s*=\s*"
    r"(?:'([^']+)'|\"([^\"]+)\"|\{([^}]+)\}|([^;]+?))(?=\s*(?:;|$)|\s+[\w-]+\s*=)",
    re.IGNORECASE,
)
"""``password=…`` of libpq's, ODBC's and Azure's connection strings."""
_FIRST_SETTING = re.compile(r"\s*\w[\w ]*=")
_BOUNDS = re.compile(r"(?:[@:/?#\[\]&;,=+\s\\]|%(?![0-9A-Fa-f]{2}))+")
_LONGEST = 8192
"""Characters of the longest connection string; a longer text is something else."""
_MOST_BOUNDS = 32
"""Separators in a password that are looked at: the first and the last half of these where there are more."""

_KEY = re.compile(
    r"gh[pousr]_|github_pat_|glpat-|xox[a-z]-|[prsw]k[_-]|AKIA|ASIA|AIza|ya29\.|eyJ|SG\.|shp[a-z]{2}_|dapi[0-9a-f]|"
    r"(?i:bearer|basic) |-----BEGIN"
)
_TURN = re.compile(r"(?=[a-z][A-Z]|[A-Za-z][0-9]|[0-9][A-Za-z])")


def within(text: str) -> set[str]:
    """All parts of an address or connection string that may be secret; empty for any other text."""
    address = _ADDRESS.fullmatch(text.strip())
    found: set[str] = set()
    if address is None:
        return _of_settings(text) if _FIRST_SETTING.match(text) else found
    scheme, rest = address.groups()
    if re.search(r";\s*\w[\w ]*=", rest):
        found |= _of_settings(rest)
        if scheme.lower().startswith("jdbc:"):
            return found  # a JDBC address has no other part
    return {secret for secret in (*found, *_of_userinfo(scheme, rest), *_of_query(rest)) if secret}


def _of_settings(text: str) -> set[str]:
    found = (pieces("".join(groups)) for groups in _SETTING.findall(text[:_LONGEST]))
    return {piece for part in found for piece in part}


def pieces(password: str, host: str = "") -> set[str]:
    """A password, plain and decoded, and the parts that libraries may split it into, with ``host`` behind."""
    found = {password}
    for read in {password, urllib.parse.unquote(password), urllib.parse.unquote_plus(password)}:
        found.add(read)
        ends = [match.span() for match in _BOUNDS.finditer(read)]
        if len(ends) > _MOST_BOUNDS:
            ends = ends[: _MOST_BOUNDS // 2] + ends[-_MOST_BOUNDS // 2 :]
        for start, end in ends:
            tail = read[end:]
            found |= {read[:start], tail, tail.lower()}
            if tail and host:
                # A tail too short to be masked by itself can be within what was taken for the host.
                found |= {f"{tail}@{host}", f"{tail}@{host}".lower()}
        if ends:
            parts = set(_BOUNDS.split(read))
            found |= parts | {part.lower() for part in parts}
    return {piece for piece in found if piece}


def _of_userinfo(scheme: str, rest: str) -> set[str]:
    zone = _zone(scheme, rest)
    if "@" not in zone:
        return set()
    userinfo, _, behind = zone.rpartition("@")
    host = re.split(r"[/?#]", behind, maxsplit=1)[0]
    user, colon, password = userinfo.partition(":")
    web = bool(_WEB.fullmatch(scheme))
    if not colon and "@" not in user:
        # a token by itself (GitHub's, Sentry's); with other schemes a user, whose password is given elsewhere
        token = web and user != "git" and not scheme.lower().endswith(("ssh", "ftp"))
        token = token or looks_like_key(user)
        return {user, urllib.parse.unquote(user)} if token else set()
    if not colon:
        return pieces(userinfo, host)
    found = pieces(password, host) if password else {user, urllib.parse.unquote(user)}
    return found | ({user} if web and looks_like_key(user) else set())


def _zone(scheme: str, rest: str) -> str:
    """The part of an address in which the last ``@`` may end a password."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, mark, query = rest[len(authority) :].partition("?")
    before_values = authority + path + mark + query.partition("=")[0]  # a query's values are its own
    web = bool(_WEB.fullmatch(scheme))
    if "@" in authority:
        whole = web and re.search(r"[.:\]]|localhost", authority.rpartition("@")[2])
        return authority if whole else before_values
    if ":" not in authority or authority.startswith("["):
        return authority
    if authority.rpartition(":")[2].isdigit():
        return authority if web else before_values
    return rest


def _of_query(rest: str) -> Iterator[str]:
    try:
        query = urllib.parse.parse_qsl(rest.partition("?")[2])
    except ValueError:
        return
    for key, value in query:
        if re.search(_SECRET_NAME, key, re.IGNORECASE):
            yield value
        elif "=" in value:  # odbc_connect=Driver=…;PWD=…
            yield from within(value)


def looks_like_key(text: str) -> bool:
    """Whether a text looks like a token: a known prefix, or a long jumble of letters and digits."""
    if _KEY.match(text):
        return True
    chunks = re.split(r"[^A-Za-z0-9]+", text)
    turns = sum(len(_TURN.findall(chunk)) for chunk in chunks)
    return (len(text) >= 12 and turns >= 4) or max(map(len, chunks)) >= 24
