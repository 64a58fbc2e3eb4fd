"""The requirements files agree, so that one virtual environment serves for both."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+?)(?:\s|;|$)", text, re.MULTILINE))


def test_what_the_tests_install_holds_what_the_launcher_pins() -> None:
    launcher, dev = _pins("launcher.txt"), _pins("dev.txt")
    assert launcher
    assert {name: dev.get(name) for name in launcher} == launcher


def test_every_pin_has_a_hash_and_no_address() -> None:
    for name in ("launcher.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text()
        assert "://" not in text
        assert text.count("==") <= text.count("--hash=sha256:")
