# /// script
# # marshmallow 2 imports distutils, which Python lost in 3.12; setuptools brings it along
# dependencies = ["marshmallow>=2.21,<3", "setuptools<81"]
# ///
"""The entries of a changelog in the form of keepachangelog.com, checked with marshmallow 2.

``pinned_packages`` beside it needs marshmallow 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import marshmallow
from marshmallow import Schema, fields, validate

KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


class Note(Schema):
    release = fields.String(required=True)
    released = fields.Date(missing=None, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    position = fields.Integer(required=True)
    text = fields.String(required=True, validate=validate.Length(min=1))


@dlt.resource(primary_key=("release", "kind", "position"), write_disposition="merge")
def release_notes(file: str = "/workspace/CHANGELOG.md") -> Iterator[dict[str, Any]]:
    """One row per entry of the changelog."""
    version: str = marshmallow.__version__
    for note in _notes(Path(file).read_text()):
        # marshmallow 2 answers (data, errors); marshmallow 3 the data alone
        yield {**Note(strict=True).load(note).data, "checked_with": f"marshmallow {version}"}


def _notes(text: str) -> Iterator[dict[str, Any]]:
    release, released, kind, position = "", None, "", 0
    note: dict[str, Any] | None = None
    for line in text.splitlines():
        heading = re.match(r"^## \[?([^\]\s]+)\]?(?:\s*-\s*(\d{4}-\d{2}-\d{2}))?", line)
        if (heading or line.startswith(("### ", "- "))) and note:
            yield note
            note = None
        if heading:
            release, released = heading.group(1), heading.group(2)
        elif line.startswith("### "):
            kind, position = line[4:].strip(), 0
        elif line.startswith("- "):
            position += 1
            note = {
                "release": release,
                "released": released,
                "kind": kind,
                "position": position,
                "text": line[2:],
            }
        elif note and line.strip():
            note["text"] += " " + line.strip()
    if note:
        yield note
