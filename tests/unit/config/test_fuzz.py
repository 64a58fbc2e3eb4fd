"""Mutations of a project's real files: `check` ends with a verdict or a report, never a crash."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from launcher import cli
from launcher.errors import Exit

FILES: Mapping[str, bytes] = {
    "sources.yml": b"""\
version: 1
project: shop-and-more
notify: {webhook: "env:HOOK"}
defaults:
  container: {memory: 1g, cpus: 1.5, retries: 2, timeout: 30m}
  destination: warehouse
sources:
  - &shop
    name: shop
    type: dlt_native
    description: "A shop \xe2\x80\x94 its orders"
    tags: [demo, daily]
    dlt_native:
      source_module: shop
      source_function: shop
      function_kwargs: {since: 2024-01-01, page: 0x10, token: "env:SHOP_TOKEN", deep: {a: [1, 2.5, null]}}
      resources: [orders, users]
      write_disposition: merge
      secret_sections: [sources.shared]
    container:
      env: {LANG: C.UTF-8, KEY: "env:SHOP_TOKEN"}
      mounts: ["data.csv:/workspace/data.csv:ro"]
      requirements: ["requests>=2.31", "packaging==24.0"]
      python: "3.12"
      egress: ["api.example.com:443"]
  - {<<: *shop, name: second, enabled: false, destination: postgres}
""",
    ".dlt/secrets.toml": b"""\
[sources.shop]
api_key = "k-0123456789"
nested = {user = "me", ports = [1, 2], when = 2024-01-01T00:00:00Z}
[sources.shared]
text = \"\"\"two
lines\"\"\"
[destination.postgres]
credentials = "postgresql://loader:pa%40ss@db.example.com:5432/dlt"
[[sources.tables]]
name = "a"
""",
    ".dlt/config.toml": b"""\
[runtime]
log_level = "INFO"
[destination.warehouse]
destination_type = "duckdb"
credentials = "data/warehouse.duckdb"
[sources.shop]
pages = 1_000
ratio = 1e-3
""",
    ".env": b"""\
# a comment
SHOP_TOKEN=t-0123456789
export OTHER='single $quoted'
MULTI="two
lines ${OTHER}"
EMPTY=
HOOK=https://example.com/hook
""",
}
POISON = [
    *(b"", b"~", b"no", b"0777", b"12:30", b"1e400", b".inf", b"-1", b"9" * 5000, b"[", b"]", b"{", b"}"),
    *(
        b"'",
        b'"',
        b'"""',
        b"\\ud800",
        b"\\x00",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\x85",
    ),
    *(b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\x1b[2J", b"\r", b"\t", b"\n", b"&a [*a]", b"*shop", b"<<: *shop"),
    *(
        b"!!python/object:os.system x",
        b"!!binary x",
        b"? ",
        b"- ",
        b": ",
        b"# ",
        b"${A:-${A}}",
        b"env:",
        b"env:NO",
    ),
    *(
        b"{a: 1}",
        b"[1]",
        b"true",
        b"null",
        b"2024-13-99",
        b"%d",
        b"../../..",
        b"/dev/zero",
        b"/proc/self/mem",
    ),
    *(b"[" * 3000, b"{a: " * 2000, b"x" * 20_000, b"postgresql://u:p@ss@h/d", b"://", b"\xf0\x9f\x98\x80"),
]
ROUNDS = 120


def mutated(chance: random.Random, text: bytes) -> bytes:
    """The text with one to three lines, words or bytes changed."""
    for _ in range(chance.randint(1, 3)):
        lines = text.split(b"\n")
        at = chance.randrange(len(lines))
        words = list(re.finditer(rb"[\w.:/@%-]+|\".*?\"|[\[\]{}]", text))
        deed = chance.randrange(8)
        if deed == 0:
            del lines[at]
        elif deed == 1:
            lines.insert(at, chance.choice(lines))
        elif deed == 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif deed == 3:
            lines[at] = b" " * chance.randrange(5) + lines[at].lstrip()
        if deed < 4 or not words:
            text = b"\n".join(lines)
            continue
        start, end = chance.choice(words).span()
        if deed == 4:
            start = end = chance.randrange(len(text) + 1)
        new = chance.choice(words)[0] if deed == 5 else chance.choice(POISON)
        text = text[:start] + new + text[end:]
    return text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources" / "shop.py").write_text(
        "def shop(since, page, token, deep):\n    yield {}\n"
    )
    (tmp_path / "data.csv").touch()
    (tmp_path / ".dlt").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DLTPOD_FILE", raising=False)
    return tmp_path


def test_whatever_the_files_hold_check_gives_verdicts_or_a_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(20260102)
    ends = []
    for _ in range(ROUNDS):
        changed = set(chance.sample(sorted(FILES), chance.choice([1, 1, 2])))
        for name, text in FILES.items():
            (folder / name).write_bytes(mutated(chance, text) if name in changed else text)
        ends.append(cli.main(["check"]))
        captured = capsys.readouterr()
        assert ends[-1] in (Exit.OK, Exit.USAGE), captured.err + repr(
            {name: (folder / name).read_bytes() for name in changed}
        )
        assert "Traceback" not in captured.err
    assert set(ends) == {Exit.OK, Exit.USAGE}


def test_the_files_as_they_are_are_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in FILES.items():
        (folder / name).write_bytes(text)
    assert cli.main(["check"]) == Exit.OK, capsys.readouterr().err
