"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from launcher.cli import COMMANDS
from launcher.runs import history
from runner.supervise.secret_values import PLAIN_FIELDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("custom_sources/*.md"),
        *ROOT.glob("examples/*/*.md"),
    ]
)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    # Compose's profile has the name of the command
    code = _code(page.read_text()).replace("--profile dltpod", "--profile").replace("from dltpod import", "")
    shown = set(re.findall(r"(?:^|[`\s/])dltpod ([a-z]+)\b", code, re.MULTILINE))
    assert shown <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|[`$\s])make ([a-z-]+)\b", _code(page.read_text()), re.MULTILINE)) <= targets


def test_every_status_of_a_run_is_told_where_the_events_are() -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    rows = {
        kind: line for kind in ("status", "summary") for line in re.findall(rf"^\| `{kind}` .*$", text, re.M)
    }
    ends = (history.OK, history.FAILED, history.STOPPED, history.INTERRUPTED)
    for status in (*ends, history.RUNNING, history.PLANNED):
        assert f"`{status}`" in rows["status"]
        # a run that is under way is in no summary
        assert (f"`{status}`" in rows["summary"]) == (status != history.RUNNING)


def _code(text: str) -> str:
    """The code of a page: fenced, indented and inline."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}\S.*$", text, re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", text)
    return "\n".join([*fenced, *indented, *inline])


def test_every_plain_setting_is_listed_where_the_rule_of_masking_is() -> None:
    text = (ROOT / "docs" / "sources.md").read_text()
    listed = text.partition("<!-- plain fields -->")[2].partition("<!-- end -->")[0]
    assert set(re.findall(r"`([a-z_]+)`", listed)) == PLAIN_FIELDS


def test_every_page_of_the_site_is_in_its_navigation() -> None:
    listed = set(re.findall(r"^[\w/-]+$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs").with_suffix("")) for page in (ROOT / "docs").rglob("*.md")}
    assert pages - {"index"} <= listed
