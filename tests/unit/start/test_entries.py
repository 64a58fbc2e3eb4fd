"""A further entry in ``sources.yml``: its lines are added, and no other byte changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config.document import Document
from launcher.errors import ConfigurationError
from launcher.start.entries import with_entry

ENTRY = "- name: new # fresh\n  dlt_native:\n    # a remark\n    source_module: m\n    source_function: f\n"
BLOCK = "  - name: a\n    dlt_native:\n      source_module: m\n      source_function: f\n"
FILE = Path("sources.yml")

LAYOUTS = {
    "a plain list": f"version: 1\nsources:\n{BLOCK}",
    "no line end": f"sources:\n{BLOCK.rstrip()}",
    "dashes at the margin": "sources:\n- {name: a}\n- {name: b}\nproject: x\n",
    "odd blanks": "version:   1  # v\nsources:\n    -   name:   a\n        tags: [ x,  y ]\n",
    "a key behind": f"sources:\n{BLOCK}\n# about the notices\nnotify: {{webhook: 'env:HOOK'}}\n",
    "comments of the item": f"sources:\n{BLOCK}    # container: {{cpus: 1}}\n\n  # - name: off\nproject: x\n",
    "a comment at the end": f"sources:\n{BLOCK}# the end\n",
    "an alias at the end": "x-small: &s {memory: 1g}\nsources:\n  - name: a\n    container: *s\nproject: x\n",
    "an empty value at the end": "sources:\n  - name: a\n    container:\n# end\n",
    "a block of text": "sources:\n  - name: a\n    description: |\n      one\n\n      two\n\nproject: x\n",
    "a folded text at the end": "sources:\n  - name: a\n    description: >-\n      one\n      two",
    "a quoted text of two lines": 'sources:\n  - name: a\n    description: "one\n      two" # so\nx-y: 1\n',
    "a flow of two lines": "sources:\n  - {name: a,\n     tags: [x,\n     y]}   # so\nproject: x\n",
    "a dash by itself": "sources:\n  -\n    name: a\n  - # b\n    name: b\n",
    "an anchor on the list": "sources: &all\n  - name: a\nproject: x\n",
    "a document's ends": "---\nsources:\n  - name: a\n...\n",
    "Windows' lines": "sources:\r\n  - name: a\r\n    enabled: true\r\n# end\r\nproject: x\r\n",
    "letters of all kinds": "# Ünïcode — 🚀\nsources:\n  - name: a\n    description: 'ü\u2028🚀'\nx-y: 1\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_an_entry_is_added_and_every_other_byte_stays(text: str) -> None:
    made = with_entry(FILE, text, ENTRY)
    before, after = Document(FILE, text).data, Document(FILE, made).data
    assert [entry["name"] for entry in after["sources"]] == [e["name"] for e in before["sources"]] + ["new"]
    assert {**after, "sources": before["sources"]} == before
    start = next((i for i, (old, new) in enumerate(zip(text, made, strict=False)) if old != new), len(text))
    assert made.endswith(text[start:])
    assert "# fresh" in made
    assert "# a remark" in made


def test_a_comment_stays_with_the_key_that_it_is_about() -> None:
    made = with_entry(FILE, LAYOUTS["a key behind"], ENTRY)
    assert made.endswith("\n# about the notices\nnotify: {webhook: 'env:HOOK'}\n")
    made = with_entry(FILE, LAYOUTS["comments of the item"], ENTRY)
    assert made.index("# container:") < made.index("# - name: off") < made.index("name: new")


def test_the_entry_stands_at_the_lists_own_indent_and_apart_where_entries_have_several_lines() -> None:
    assert (
        with_entry(FILE, "sources:\n- {name: a}\n", "- {name: b}\n") == "sources:\n- {name: a}\n- {name: b}\n"
    )
    made = with_entry(FILE, "sources:\n    - name: a\n      tags: []\n", "- name: b\n  tags: []\n")
    assert made == "sources:\n    - name: a\n      tags: []\n\n    - name: b\n      tags: []\n"


def test_lines_end_as_those_of_the_file_do() -> None:
    made = with_entry(FILE, LAYOUTS["Windows' lines"], ENTRY)
    assert made.count("\n") == made.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "sources: [{name: a}]\n",
        "{sources: [{name: a}]}\n",
        "x-all: &all\n  - name: a\nsources: *all\n",
        "sources: !!seq\n  - name: a\n    sources: [\n 1]\n<<: {sources: []}\n",
    ],
)
def test_what_is_no_list_of_lines_is_left_alone_and_the_entry_is_told(text: str) -> None:
    try:
        made = with_entry(FILE, text, ENTRY)
    except ConfigurationError as error:
        assert "source_module: m" in error.hint
    else:
        assert Document(FILE, made).data["sources"][-1]["name"] == "new"
