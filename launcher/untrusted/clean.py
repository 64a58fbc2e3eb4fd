"""Text from outside without what could steer a terminal or pass for a line of dltpod's own.

It is called where such text enters: on what a container answers, on a log's lines that are shown, on
what a build prints and on what a cluster tells. What is printed later is clean already.
"""

from __future__ import annotations

import json
import re
from typing import Any

_STEERING = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[@-_]"  # whole sequences, for what stays of half of one is noise
    r"|[\x00-\x1f\x7f-\x9f\u2028\u2029"  # C0, C1, and what some programs take for a line's end
    r"\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f"  # text that runs backwards (https://trojansource.codes)
    r"\u200b\ufeff]"  # what nobody sees. Joiners stay: scripts and emoji need them
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_RAW = re.compile(r"[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What JSON itself leaves as it is."""
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


def line(text: str, longest: int | None = None) -> str:
    """One line: line ends become spaces, a tab four of them; at most ``longest`` characters."""
    if longest is not None:
        text = text[: 8 * longest]  # a text of megabytes is not searched for what is cut off anyway
    text = _LINE_END.sub(" ", text.replace("\t", "    "))
    text = _SURROGATE.sub("\ufffd", _STEERING.sub("", text))
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    return text


def lines(text: str, longest: int | None = None) -> str:
    """The same for a text that may have several lines: it keeps their ends."""
    if longest is not None:
        text = text[: 8 * longest]
    text = "\n".join(line(part) for part in _LINE_END.split(text))
    return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"


def words(text: str, longest: int | None = None) -> str:
    """One line, with one space wherever there were several."""
    return line(" ".join(text.split()), longest)


def shown(text: str) -> list[str]:
    """A line of a source's log as it is shown: each state of a progress bar is a line. Never empty."""
    return [line(part) for part in text.split("\r") if part] or [""]


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON of a value whose texts may be anything (rows of a table, say): what would steer is an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _NOT_RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
