"""YAML text: what a value means, and what is no YAML for us."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from launcher.config import load
from launcher.config.document import MOST_NODES, Document
from launcher.errors import ConfigurationError
from tests.unit.config.project import entries, one, project, report, write

FILE = Path("/nowhere/sources.yml")


def value_of(text: str) -> Any:
    document = Document(FILE, f"a: {text}\n")
    assert not document.faults, document.faults
    return document.data["a"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30:00", "12:30:00"),
        ("22:22", "22:22"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31 10:00:00", "2024-01-31T10:00:00"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00+00:00"),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0", 0),
        ("-1.5", -1.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ('"no"', "no"),
        ("!!str 3.11", "3.11"),
        ("env:NAME", "env:NAME"),
        ("{on: 1, no: 2}", {"on": 1, "no": 2}),
        ("=", "="),
    ],
)
def test_a_value_means_what_yaml_1_2_makes_of_it(text: str, value: object) -> None:
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("no", 'write false, or "no" in quotes'),
        ("Yes", 'write true, or "Yes" in quotes'),
        ("off", 'write false, or "off" in quotes'),
        ("0777", "is octal to YAML 1.1"),
        (".inf", "a finite number"),
        (".nan", "a finite number"),
        ("2024-13-45", "write it in quotes"),
        ("!!binary aGVsbG8=", "the tag !!binary is not supported"),
        ("!secret x", "the tag !secret is not supported"),
        ("!!set {x}", "the tag !!set is not supported"),
        ("!!python/object:os.system {}", "is not supported"),
        ("{1: x}", 'a key must be text: write it in quotes: "1"'),
        ("{true: x}", 'write it in quotes: "true"'),
        ("{~: x}", "a key must be text"),
        ("{[x]: y}", "a key must be text, not a list or a mapping"),
        ("{x: 1, x: 2}", "is a duplicate; first on line 1"),
        ("{<<: 5}", "<< takes an alias of a mapping"),
        ("9" * 5000, "write it in quotes"),
    ],
)
def test_a_value_that_readers_disagree_on_is_a_fault(text: str, what: str) -> None:
    faults = Document(FILE, f"a: {text}\n").faults
    assert len(faults) == 1
    assert what in faults[0].text


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a:\n\t- b\n", 2, "a tab where YAML wants spaces"),
        ("a: [1\n", 1, "the list that begins here has no ']'"),
        ("a: {b: 1\nc: 2\n", 1, "the mapping that begins here has no '}'"),
        ("a: 'x\nb: 2\n", 1, "the quote that begins here is never closed"),
        ("a: b: c\n", 1, """put quotes around text with ': ': a: "b: c\""""),
        ("schedule: * * * * *\n", 1, """a value that begins with * needs quotes: schedule: "* * * * *\""""),
        ("schedule: */5 * * * *\n", 1, """needs quotes: schedule: "*/5 * * * *\""""),
        ("a: [*.example.com]\n", 1, "a value that begins with * needs quotes"),
        ("a: @daily\n", 1, """a value that begins with @ needs quotes: a: "@daily\""""),
        ("a: %d\n", 1, """a value that begins with % needs quotes: a: "%d\""""),
        ("password: x: y\n", 1, "put quotes around text with ': '"),
        ("a: 'it's'\n", 1, "text goes on behind its closing quote"),
        ('a: "\\d"\n', 1, "begins an escape"),
        ("a: 1\n  b: 2\n", 2, "a key is out of line"),
        ("a:\n  b: 1\n c: 2\n", 3, "is out of line"),
        ("- a: x\n   b: {c: d}\n", 2, "a key is out of line"),
        ("- name:x\n  b: {c: d}\n", 1, "put a space behind the ':' of 'name'"),
        ("a: {b: c}}\n", 1, "this '}' closes nothing"),
        ("- a: 1\n\tb: 2\n", 2, "a tab where YAML wants spaces"),
        ("a:\n  - b\n  c: 1\n", 3, "the '-' of one list, begin in the same column"),
        ("a: - b\n", 1, "one '- item' a line, or [a, b]"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: *nowhere\n", 1, "there is no anchor &nowhere above"),
        ('a: "\\ud800"\n', 1, "invalid Unicode character"),
        ("a: \x07\n", 1, "control character"),
        ("\n\na: \x00\n", 3, "control character"),
        ("[" * 100_000, 1, "more than 60 levels deep"),
        ("- " * 20_000 + "x\n", 1, "more than 60 levels deep"),
        ("a: &a [*a]\n", 1, "an alias that contains itself"),
    ],
)
def test_text_that_is_no_yaml_is_a_report_with_its_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    found = report(tmp_path, text)
    assert found[0].startswith(f"sources.yml:{line}: ")
    assert what in found[0]


def test_a_value_that_may_be_secret_stands_in_no_example(tmp_path: Path) -> None:
    (found,) = report(tmp_path, "password: s3cret: x\n")
    assert "s3cret" not in found


def test_an_alias_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    lines = ["x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    found = report(tmp_path, "\n".join(lines))
    assert "values once aliases are expanded" in found[0]


def test_a_file_may_write_out_more_values_than_aliases_may_stand_for() -> None:
    assert len(value_of(f"[{'1, ' * (MOST_NODES + 1)}]")) == MOST_NODES + 1


def test_a_bomb_of_merge_keys_is_refused_too(tmp_path: Path) -> None:
    wide = ", ".join(f"k{i}: 1" for i in range(1000))
    many = "\n".join("  - {<<: *a}" for _ in range(1000))
    assert "values once aliases" in report(tmp_path, f"x-a: &a {{{wide}}}\nx-b:\n{many}\n")[0]


def test_anchors_and_merge_keys_serve_within_reason(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        """\
        x-small: &small {memory: 512m, retries: 0}
        sources:
          - name: a
            dlt_native: &native {source_module: m, source_function: f}
            container: {<<: *small, retries: 5}
          - name: b
            dlt_native: *native
            container: *small
        """,
    )
    assert [(s.container.memory, s.container.retries) for s in made.sources] == [("512m", 5), ("512m", 0)]


def test_a_fault_within_a_merged_mapping_is_told_where_it_stands(tmp_path: Path) -> None:
    found = report(
        tmp_path,
        """\
        x-small: &small
          memory: lots
        sources:
          - name: a
            dlt_native: {source_module: m, source_function: f}
            container: {<<: *small}
        """,
    )
    assert found == [
        "sources.yml:2: sources.a.container.memory: 'lots' is not a size such as 512m, 2g or 2Gi"
    ]


def test_yes_and_no_are_fine_where_only_true_and_false_can_be_meant(tmp_path: Path) -> None:
    assert project(tmp_path, one("enabled: no")).sources[0].enabled is False
    assert project(tmp_path, one("enabled: on")).sources[0].enabled is True


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_bytes(b"\xef\xbb\xbf" + entries("a").encode())
    assert load(file).sources[0].name == "a"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\xff\xfea\x00", "is UTF-16"),
        (b"a: 1\nb: \xe4\n", "sources.yml:2: not UTF-8 text"),
        (b"#" * (9 << 20), "is larger than 8 MiB"),
    ],
)
def test_bytes_that_are_no_text_are_a_report(tmp_path: Path, raw: bytes, what: str) -> None:
    file = tmp_path / "sources.yml"
    file.write_bytes(raw)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert what in caught.value.message


def test_what_can_not_be_read_is_a_report(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    for name, what in [
        ("none.yml", "does not exist"),
        (".", "is a folder"),
        ("pipe.yml", "not a regular file"),
    ]:
        with pytest.raises(ConfigurationError) as caught:
            load(tmp_path / name)
        assert what in caught.value.message


def test_a_file_without_permission_is_a_report(tmp_path: Path) -> None:
    file = write(tmp_path, entries("a"))
    file.chmod(0)
    if os.getuid() == 0:
        pid = os.fork()
        if pid == 0:  # permissions mean nothing to root, so a child that is nobody looks
            tmp_path.chmod(0o755)
            code = 1
            try:
                os.setgroups([])
                os.setuid(65534)
                for parent in file.parents:
                    if not os.access(parent, os.X_OK):
                        code = 0  # nobody can't come this far: the message is the same one
                load(file)
            except ConfigurationError as error:
                code = 0 if "can't be read: Permission denied" in error.message else 2
            except BaseException:  # noqa: BLE001 - the child must not run the rest of the tests
                code = 3
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return
    with pytest.raises(ConfigurationError, match="Permission denied"):
        load(file)


def test_a_date_with_its_tag_is_a_point_in_time_among_arguments_and_a_text_elsewhere() -> None:
    text = (
        "function_kwargs: {a: !!timestamp 2024-01-01, b: 2024-01-01, c: !!timestamp 2024-01-01T12:00:00Z}\n"
        "description: !!timestamp 2024-01-01\n"
    )
    document = Document(Path("sources.yml"), text)
    assert document.faults == []
    assert document.data == {
        "function_kwargs": {
            "a": "!!timestamp 2024-01-01",
            "b": "2024-01-01",
            "c": "!!timestamp 2024-01-01T12:00:00+00:00",
        },
        "description": "2024-01-01",
    }
