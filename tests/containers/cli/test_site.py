"""The documentation as a site: built as ``make docs`` does, and read in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.containers.folder import REPOSITORY

MEASURE = """<script>addEventListener("load",()=>{document.title=
document.documentElement.scrollWidth-document.documentElement.clientWidth})</script>"""
PAGES = ("index", "sources", "kubernetes", "guides/first-source", "guides/orchestrators")


@pytest.fixture(scope="module")
def site() -> Path:
    """Warnings, a link to a page or a heading that isn't there among them, end the build."""
    # the make that runs the tests tells this one of jobs that it doesn't share
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    built = subprocess.run(
        ["make", "docs"], cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False
    )
    assert (built.returncode, built.stderr) == (0, ""), built.stdout + built.stderr
    return REPOSITORY / "build" / "site"


def test_every_link_within_the_site_leads_to_a_page_and_a_place_on_it(site: Path) -> None:
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    marks = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    lost = []
    for page, text in pages.items():
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            place, _, mark = link.partition("#")
            target = (page.parent / place).resolve() if place else page
            if "://" not in link and (target not in marks or (mark and mark not in marks[target])):
                lost.append(f"{page.name}: {link}")
    assert len(pages) > 15
    assert lost == []


@pytest.mark.parametrize("width", [500, 1400])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_its_window(site: Path, tmp_path: Path, name: str, width: int) -> None:
    browser = shutil.which("chromium")
    assert browser, "this test needs chromium: apt-get install chromium"
    page = site / f"{name}.html"
    copy = page.with_name(f"{page.stem}-measured-{width}.html")
    copy.write_text(page.read_text().replace("</body>", MEASURE + "</body>"))
    try:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
        command += [f"--window-size={width},900", "--dump-dom", copy.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    finally:
        copy.unlink()
    assert "<title>0</title>" in done.stdout
