"""Keeps the job's secret values out of whatever leaves the container.

A value is looked for in the forms in which programs print it: plain, URL-quoted, escaped as JSON,
Python or HTML do, and base64 at each of its three alignments; each line of a longer value too.
Short values are masked only where they stand as whole words, since they occur inside others.
"""

from __future__ import annotations

import base64
import html
import json
import re
import typing
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from runner import contract

MASK = b"***"
SHORT = 8
"""Values below this many characters are masked as whole words only."""
SHORTEST = 3
"""Values below this many characters are not masked: they would hide half of every line."""
LINE_LIMIT = 64 << 10
"""The longest run of bytes without a line's end that is held back, in bytes."""

_BASE64_CORE = 6
_ANCHOR = 4
# From the commonest character of log lines to the rarest; what isn't listed is rarer still.
_COMMON = " etaoinsrhldcumfpgwybvk0123456789._-:/=,\"'()[]{}<>TASECINRODMLPUFBGHWVxjqzKYXJQZ"  # fmt: skip
_RARITY = {ord(character): rank for rank, character in enumerate(_COMMON)}
_PUBLIC_WORDS = frozenset({"localhost", "host.docker.internal", "true", "false", "none", "null"})
_PUBLIC_KEYS = frozenset(
    {"host", "port", "database", "drivername", "driver", "dialect", "sslmode", "region", "region_name"}
    | {"bucket_url", "location"}
)
_PLAIN_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_LINE_END = re.compile(rb"[\r\n]")


class Masker:
    """Replaces every form of every secret. Without secrets it changes nothing."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long: set[bytes] = set()
        words: set[bytes] = set()
        for secret in set(secrets):
            for part in _parts(secret):
                if len(part) >= SHORT:
                    long.update(forms(part))
                elif len(part) >= SHORTEST:
                    words.update(_escaped(part))
                    long.update(form for form in _base64(part.encode()) if len(form) >= _BASE64_CORE)
        every = sorted(long | words, key=lambda form: (-len(form), form))
        self.longest = max(map(len, every), default=0)
        self._anchors: re.Pattern[bytes] | None = None
        self._pattern: re.Pattern[bytes] | None = None
        if every:
            anchors = sorted({_anchor(form) for form in every})
            self._anchors = re.compile(b"|".join(map(re.escape, anchors)))
            # A look-ahead, so that matches which overlap are all found.
            branches = [re.escape(form) if form in long else _as_word(form) for form in every]
            self._pattern = re.compile(b"(?=(" + b"|".join(branches) + b"))")

    def mask(self, data: bytes) -> bytes:
        """``data`` with every secret in it replaced; whole lines in, whole lines out."""
        if self._anchors is None or not self._anchors.search(data):
            return data
        if b"\n" not in data[:-1]:
            return _replaced(data, self.spans(data))
        return b"".join(
            _replaced(line, self.spans(line)) if self._anchors.search(line) else line
            for line in data.splitlines(keepends=True)
        )

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand in ``data``, in order, none touching another."""
        merged: list[tuple[int, int]] = []
        for match in self._pattern.finditer(data) if self._pattern else ():
            start, end = match.span(1)
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def text(self, text: str) -> str:
        """The same for text."""
        return self.mask(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def value(self, value: typing.Any) -> typing.Any:
        """The same for every string in a JSON value, keys of objects too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return value


class StreamMasker:
    """Masks a stream of bytes cut anywhere: it holds the last line back until that is whole.

    A run without a line's end is let go once it is too long to hold, all but as many bytes as the
    longest secret's form has, so that none slips through at the cut.
    """

    def __init__(self, masker: Masker, limit: int = LINE_LIMIT) -> None:
        self._masker = masker
        self._limit = max(limit, 4 * masker.longest)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be shown, now that ``chunk`` came."""
        held = self._held + chunk if self._held else chunk
        cut = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
        out = self._masker.mask(held[:cut]) if cut else b""
        held = held[cut:]
        if len(held) > self._limit:
            cut = len(held) - self._masker.longest
            spans = self._masker.spans(held)
            for start, end in spans:
                if start < cut < end:
                    cut = end
            out += _replaced(held[:cut], [span for span in spans if span[1] <= cut])
            held = held[cut:]
        self._held = held
        return out

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return self._masker.mask(held)


def _replaced(data: bytes, spans: list[tuple[int, int]]) -> bytes:
    if not spans:
        return data
    out, last = [], 0
    for start, end in spans:
        out += [data[last:start], MASK]
        last = end
    out.append(data[last:])
    return b"".join(out)


def _as_word(form: bytes) -> bytes:
    return rb"(?<![A-Za-z0-9_])" + re.escape(form) + rb"(?![A-Za-z0-9_])"


def _anchor(form: bytes) -> bytes:
    """The rarest few bytes of a form: lines without any anchor hold no secret."""
    grams = [form[i : i + _ANCHOR] for i in range(max(1, len(form) - _ANCHOR + 1))]
    return max(grams, key=lambda gram: [_RARITY.get(byte, len(_COMMON)) for byte in gram])


def _parts(secret: str) -> Iterator[str]:
    """The value as it stands, without space around or between, and each of its lines."""
    yield secret
    # As it comes out of those who put a text on one line.
    yield from {secret.strip(), " ".join(secret.split())} - {secret}
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if not line.startswith("-----"))


def forms(value: str) -> set[bytes]:
    """Every form of one value, without those that span lines."""
    return _escaped(value) | _base64(value.encode("utf-8", "surrogatepass"))


def _escaped(value: str) -> set[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    texts = {value, repr(value)[1:-1], repr(raw)[2:-1], html.escape(value), html.escape(value, quote=False)}
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        texts |= {escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1], repr(escaped)[1:-1]}
    for quoted in (
        urllib.parse.quote(raw, safe=""),
        urllib.parse.quote(raw),
        urllib.parse.quote(raw, safe="/:@!$&'()*+,;=~"),
        urllib.parse.quote_plus(raw),
    ):
        texts |= {quoted, _PERCENT.sub(lambda match: match[0].lower(), quoted)}
    found = {text.encode("utf-8", "surrogatepass") for text in texts}
    return {form for form in found if form and not _LINE_END.search(form)}


def _base64(raw: bytes) -> set[bytes]:
    """The characters that depend on the value alone, wherever it stands in what is encoded."""
    found = set()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        start = -(-offset * 8 // 6)
        end = (offset + len(raw)) * 8 // 6
        core = encoded[start:end]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
        # As mail and the base64 program wrap it.
        for width in (64, 76) if len(core) > 64 else ():
            rows = [encoded[i : i + width] for i in range(0, end, width)]
            found |= {row for row in rows[1:-1] if len(row) >= SHORT}
            found |= {
                row for row in (rows[0][start:], encoded[(len(rows) - 1) * width : end]) if len(row) >= SHORT
            }
    return {form for form in found if len(form) >= _BASE64_CORE}


def masker_of(job: contract.JobSpec, files: Mapping[str, str], environ: Mapping[str, str]) -> Masker:
    """The masker of one job's slice, which leaves the job's own names legible."""
    public = {job.source, job.project, job.function, job.pipeline_name, job.dataset_name, *job.resources}
    public |= {job.destination.type, job.destination.name, job.module, *job.module.split(".")}
    return Masker(secrets_of(files, environ, filter(None, public)))


def secrets_of(files: Mapping[str, str], environ: Mapping[str, str], public: Iterable[str] = ()) -> set[str]:
    """The secret values of a slice: all of secrets.toml and of values.json, save plain settings.

    Passwords within connection strings and proxies' addresses count by themselves. ``public``
    are words that no one need hide: names of sources, modules and destinations.
    """
    found: set[str] = set()
    for key, value in _leaves(_read_toml(files.get(contract.SECRETS_FILE, ""))):
        found |= _secrets_in(value, public_key=key.lower() in _PUBLIC_KEYS)
    try:
        values = json.loads(files.get(contract.VALUES_FILE) or "{}")
    except ValueError:
        values = files.get(contract.VALUES_FILE, "")
    for _, value in _leaves(values):
        found |= _secrets_in(value)
    for name, address in environ.items():
        if name.lower().endswith("_proxy"):
            found |= _within_address(address)
    hidden = {word.lower() for word in public} | _PUBLIC_WORDS
    return {secret for secret in found if not _is_public(secret, hidden)}


def _is_public(secret: str, words: set[str]) -> bool:
    bare = secret.strip()
    if bare.isdigit() and len(bare) < 4:
        return True
    return len(bare) < SHORTEST or bare.lower() in words or bool(_PLAIN_DATE.fullmatch(bare))


def _secrets_in(value: typing.Any, public_key: bool = False) -> set[str]:
    if isinstance(value, bool) or value is None:
        return set()
    text = str(value)
    found = _within_address(text)
    if not public_key or found:
        found.add(text)
    if text.lstrip().startswith(("{", "[")):
        try:
            inner = json.loads(text)
        except ValueError:
            return found
        for key, leaf in _leaves(inner):
            found |= _secrets_in(leaf, public_key=key.lower() in _PUBLIC_KEYS)
    return found


def _within_address(text: str) -> set[str]:
    """The password of an address, as it stands and decoded, and the values of its query."""
    if "://" not in text:
        return set()
    try:
        parts = urllib.parse.urlsplit(text.strip())
        password = parts.password or ""
    except ValueError:
        return set()
    found = {password, urllib.parse.unquote(password)}
    for key, value in urllib.parse.parse_qsl(parts.query):
        if re.search(r"pass|pwd|secret|token|key|sig|auth", key, re.IGNORECASE):
            found.add(value)
    return {secret for secret in found if secret}


def _leaves(value: typing.Any, key: str = "") -> Iterator[tuple[str, typing.Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, key)
    else:
        yield key, value


def _read_toml(text: str) -> typing.Any:
    if not text.strip():
        return {}
    try:
        return _parsed_toml(text)
    except ValueError:
        return re.findall(r"[\"']([^\"'\n]+)[\"']", text)  # torn, but what it holds is secret still


def _parsed_toml(text: str) -> typing.Any:
    try:
        import tomllib
    except ImportError:  # Python 3.10; dlt itself needs tomlkit
        import tomlkit

        return tomlkit.loads(text).unwrap()
    return tomllib.loads(text)
