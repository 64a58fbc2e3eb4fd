"""Whatever stands in the files, there is a report or a model, never a traceback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launcher.config import load
from launcher.config.models import Container, DltNative, File, Source
from launcher.errors import ConfigurationError

PIECES = st.sampled_from(
    [
        "sources:\n",
        "  - name: a\n",
        "    dlt_native: ",
        "{source_module: m, source_function: f}\n",
        "&a ",
        "*a ",
        "<<: ",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "|\n",
        ">-\n",
        "\t",
        "#",
        "!!",
        "!x ",
        "---\n",
        "%",
        "\ufeff",
        "~",
        "no",
        "0777",
        "12:30",
        "2024-01-01",
        "1e400",
        ".inf",
        "\\x00",
        "\x85",
        "\u2028",
        "container: {memory: ",
        "  ",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    [*File.model_fields, *Source.model_fields, *DltNative.model_fields, *Container.model_fields]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4)
    ),
)


def read(raw: bytes) -> str:
    """The report, or an empty text. Anything but a ConfigurationError fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sources.yml")
        file.write_bytes(raw)
        try:
            load(file)
        except ConfigurationError as error:
            assert error.message
            return error.message
        return ""


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200) | st.lists(PIECES, max_size=25).map("".join))
def test_any_text_gives_a_report_or_a_model(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=100))
def test_any_bytes_give_a_report_or_a_model(raw: bytes) -> None:
    read(raw)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_values_under_known_keys_give_a_report_or_a_model(data: dict[str, Any]) -> None:
    read(json.dumps(data).encode())
    entry = {"name": "a", "dlt_native": {"source_module": "m", "source_function": "f"}, **data}
    read(json.dumps({"sources": [entry], "defaults": data.get("defaults")}).encode())
    read(json.dumps({"sources": [{**entry, "container": data}], "defaults": {"container": data}}).encode())
