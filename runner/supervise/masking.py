"""Masks the job's secret values in whatever leaves the container.

A value is looked for in the forms in which programs print it: plain, URL-quoted, escaped as JSON, Python,
HTML, shells and SQL do, in hex, and in base64 at each of its three alignments; each line of a multi-line
value too. Short values are masked only where they stand as whole words, since they occur within others.
"""

from __future__ import annotations

import base64
import html
import json
import re
import typing
import unicodedata
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from runner import contract
from runner.supervise.secret_values import SHORTEST, secrets_of

MASK = b"***"
SHORT = 8
"""Values below this many characters are masked as whole words only."""
LINE_LIMIT = 64 << 10
"""Bytes without a line's end that are held back at most, until the line is whole."""

_BASE64_CORE = 6
_ANCHOR = 4
_HEX_RARITY = {byte: rank for rank, byte in enumerate(b"0123456789eadcfb")}
_HEX_ANCHOR = 12
"""Bytes of a form in hex that are searched for first: shorter runs of hex digits are frequent in logs."""
_HEX = re.compile(rb"(?:[0-9a-f]{2}){6,}|(?:[0-9A-F]{2}){6,}")
# From the commonest character of log lines to the rarest; what isn't listed is rarer still.
_COMMON = " etaoinsrhldcumfpgwybvk0123456789._-:/=,\"'()[]{}<>TASECINRODMLPUFBGHWVxjqzKYXJQZ"  # fmt: skip
_RARITY = {ord(character): rank for rank, character in enumerate(_COMMON)}
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNICODE = re.compile(r"(\\u)([0-9a-f]{4})")
_LINE_END = re.compile(rb"[\r\n]")


class Masker:
    """Replaces every form of every secret by ``MASK``. Without secrets it changes nothing."""

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
            self._anchors = re.compile(_any_of({_anchor(form) for form in every}))
            # A look-ahead, so that matches which overlap are all found.
            word = rb"(?<![A-Za-z0-9_])%s(?![A-Za-z0-9_])"
            branches = [(b"%s" if form in long else word) % re.escape(form) for form in every]
            self._pattern = re.compile(b"(?=(" + b"|".join(branches) + b"))")

    def mask(self, data: bytes) -> bytes:
        """``data``, one line or several whole ones, with every secret in it replaced."""
        if self._anchors is None or not self._anchors.search(data):
            return data
        if b"\n" not in data[:-1]:
            return _replaced(data, self.spans(data))
        return b"".join(
            _replaced(line, self.spans(line)) if self._anchors.search(line) else line
            for line in data.splitlines(keepends=True)
        )

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """The ranges of ``data`` that are secret: start and end, in order, adjacent ones merged."""
        merged: list[tuple[int, int]] = []
        for match in self._pattern.finditer(data) if self._pattern else ():
            start, end = match.span(1)
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def text(self, text: str) -> str:
        """A text with every secret in it replaced."""
        return self.mask(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def value(self, value: typing.Any) -> typing.Any:
        """A JSON value with every secret in its strings and keys replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return value


class StreamMasker:
    """Masks a stream of bytes that comes in chunks: the last line is held back until it is whole.

    A line that is longer than ``limit`` bytes is passed on in parts. The last bytes, as many as the longest
    form of a secret has, are always held back, so that no secret is split between two parts.
    """

    def __init__(self, masker: Masker, limit: int = LINE_LIMIT) -> None:
        self._masker = masker
        self._limit = max(limit, 4 * masker.longest)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Takes the next chunk; returns what can be passed on by now, masked."""
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
        """Returns what was held back, masked; for the end of the stream."""
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


def _anchor(form: bytes) -> bytes:
    """The rarest few bytes of a form: a line without any form's anchor holds no secret."""
    size, rarity = (_HEX_ANCHOR, _HEX_RARITY) if _HEX.fullmatch(form) else (_ANCHOR, _RARITY)
    grams = [form[i : i + size] for i in range(max(1, len(form) - size + 1))]
    return max(grams, key=lambda gram: [rarity.get(byte, len(_COMMON)) for byte in gram])


def _any_of(words: Iterable[bytes]) -> bytes:
    """A pattern of any of the words, as a tree of their bytes: a flat alternation takes twice as long."""
    by_first: dict[bytes, set[bytes]] = {}
    for word in words:
        by_first.setdefault(word[:1], set()).add(word[1:])
    branches = [
        re.escape(first) + (b"" if b"" in rests else _any_of(rests))
        for first, rests in sorted(by_first.items())
    ]
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"


def _parts(secret: str) -> Iterator[str]:
    """The value unchanged, on one line, and each of its lines."""
    yield secret
    # as programs print it that put a text on one line
    yield from {secret.strip(), " ".join(secret.split())} - {secret}
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if not line.startswith("-----"))


def forms(value: str) -> set[bytes]:
    """All forms in which a value is printed, without those that span lines."""
    raw = value.encode("utf-8", "surrogatepass")
    digits = raw.hex().encode()
    return _escaped(value) | _base64(raw) | {digits, digits.upper()}


def _escaped(value: str) -> set[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    texts = {value, repr(value)[1:-1], repr(raw)[2:-1], *_entities(value)}
    if not value.isascii():
        for composed in ("NFC", "NFD", "NFKC"):
            texts.add(unicodedata.normalize(composed, value))
    texts |= {value.replace("'", quote) for quote in ("''", "'\"'\"'", "'\\''")}  # SQL's and shells'
    texts.add(value.replace('"', '""'))  # CSV's
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        texts |= {escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1], repr(escaped)[1:-1]}
        # as Go, .NET, PHP and Ruby write JSON, so that it can stand in HTML
        for careful in (_unicode_escaped(escaped, "<>&"), _unicode_escaped(escaped, "<>&'+`")):
            texts |= {careful, _UNICODE.sub(lambda match: match[1] + match[2].upper(), careful)}
    for safe in ("", "/", "/:@!$&'()*+,;=~", "!~*'()", " +"):  # the last two: browsers, SQLAlchemy
        quoted = urllib.parse.quote(raw, safe=safe)
        for written in (quoted, quoted.replace("%20", "+")):
            texts |= {written, _PERCENT.sub(lambda match: match[0].lower(), written)}
    found = {text.encode("utf-8", "surrogatepass") for text in texts}
    return {form for form in found if form and not _LINE_END.search(form)}


def _entities(value: str) -> set[str]:
    """A value as HTML and XML write it: quotes may be escaped or not, and have several entities."""
    whole = html.escape(value)
    return {
        html.escape(value, quote=False),
        whole,
        whole.replace("&#x27;", "&#39;"),
        whole.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        whole.replace("&#x27;", "&apos;"),
        whole.replace("&#x27;", "'"),
    }


def _unicode_escaped(escaped: str, characters: str) -> str:
    for character in characters:
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped


def _base64(raw: bytes) -> set[bytes]:
    """The characters of base64 that depend on the value alone, wherever it stands in what is encoded."""
    found = set()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        start = -(-offset * 8 // 6)
        end = (offset + len(raw)) * 8 // 6
        core = encoded[start:end]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
        # as mail and the base64 program wrap it
        for width in (64, 76) if len(core) > 64 else ():
            rows = [encoded[i : i + width] for i in range(0, end, width)]
            found |= {row for row in rows[1:-1] if len(row) >= SHORT}
            found |= {
                row for row in (rows[0][start:], encoded[(len(rows) - 1) * width : end]) if len(row) >= SHORT
            }
    return {form for form in found if len(form) >= _BASE64_CORE}


def masker_of(job: contract.JobSpec, files: Mapping[str, str], environ: Mapping[str, str]) -> Masker:
    """The masker for a job's secret files and proxies. The names of the job itself are not masked."""
    public = {job.source, job.project, job.function, job.pipeline_name, job.dataset_name, *job.resources}
    public |= {job.destination.type, job.destination.name, job.module, *job.module.split(".")}
    return Masker(
        secrets_of(files, environ, filter(None, public), [job.kwargs, job.resource_kwargs, job.env])
    )
