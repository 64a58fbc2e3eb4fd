"""The HTML page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser

from launcher.report.page import page
from tests.unit.cli.records import ILL, WELL
from tests.unit.engine.builders import source

NOW = datetime(2026, 1, 3, tzinfo=timezone.utc)
SOURCES = [source("shop"), source("jira"), source("never")]


class _Balanced(HTMLParser):
    """Fails on a tag that is closed and was not open."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_each_source_its_failures_and_its_runs() -> None:
    text = page("acme", SOURCES, [ILL, WELL], NOW)
    assert "<b>1</b> failed" in text
    assert "<b>1</b> never ran" in text
    assert "api_key is missing" in text
    assert "add it to .dlt/secrets.toml" in text
    assert "6,963" in text
    parser = _Balanced()
    parser.feed(text)
    assert parser.open == []


def test_the_page_needs_no_network() -> None:
    text = page("acme", SOURCES, [ILL, WELL], NOW)
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)


def test_what_a_source_says_can_not_become_markup() -> None:
    evil = source("jira").model_copy(update={"description": "<script>1</script>"})
    text = page("<b>x", [evil], [replace(ILL, message="<img onerror=x>")], NOW)
    assert "<img" not in text
    assert "<script>1" not in text
    assert "<b>x" not in text


def test_a_project_without_runs_has_a_page() -> None:
    assert "never ran" in page("acme", SOURCES, [], NOW)


def test_a_source_that_left_the_file_is_still_shown() -> None:
    assert "no longer in sources.yml" in page("acme", [], [WELL], NOW)
