# /// script
# dependencies = ["marshmallow>=3,<4"]
# ///
"""What the project's requirements files pin, checked with marshmallow 3.

``release_notes`` beside it needs marshmallow 2. No virtual environment can hold both; here each
source has an image of its own, and they sync side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import marshmallow
from marshmallow import Schema, fields, validate

PIN = re.compile(
    r"^(?P<package>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$"
)


class Pin(Schema):
    file = fields.String(required=True)
    package = fields.String(required=True, validate=validate.Length(min=1))
    version = fields.String(required=True)
    marker = fields.String(load_default=None, allow_none=True)
    hashes = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))


@dlt.resource(primary_key=("file", "package", "version"), write_disposition="merge")
def pinned_packages(folder: str = "/workspace/requirements") -> Iterator[dict[str, Any]]:
    """One row per pinned package of every ``*.txt`` in ``folder``."""
    for file in sorted(Path(folder).glob("*.txt")):
        for pin in _pins(file):
            yield {**Pin().load(pin), "checked_with": f"marshmallow {marshmallow.__version__}"}


def _pins(file: Path) -> Iterator[dict[str, Any]]:
    pin: dict[str, Any] | None = None
    for line in file.read_text().splitlines():
        if match := PIN.match(line):
            if pin:
                yield pin
            pin = {"file": file.name, **match.groupdict(), "hashes": 0}
        elif pin and "--hash=" in line:
            pin["hashes"] += 1
    if pin:
        yield pin
