"""The report in a real browser, as wide as a phone and as wide as a desk."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from launcher.report.page import page
from tests.unit.cli.records import ILL, WELL
from tests.unit.engine.builders import source

MEASURE = """<script>addEventListener("load",()=>{document.title=JSON.stringify({
wide:document.documentElement.scrollWidth,room:document.documentElement.clientWidth,
small:[...document.querySelectorAll("p,dd,td,h3")].filter(e=>parseFloat(getComputedStyle(e).fontSize)<12).length,
cut:[...document.querySelectorAll("p,dd,h3")].filter(e=>e.scrollWidth>e.clientWidth+1).length,
times:[...document.querySelectorAll("time")].every(t=>t.title)})})</script>"""


@pytest.mark.parametrize("width", [500, 1400])
def test_the_report_fits_its_window_with_nothing_cut_off_or_too_small(tmp_path: Path, width: int) -> None:
    browser = shutil.which("chromium")
    assert browser, "this test needs chromium: apt-get install chromium"
    sources = [
        source("shop").model_copy(update={"description": "word " * 30}),
        source("jira"),
        source("x" * 40),
    ]
    text = page("acme_" * 12, sources, [ILL, WELL] * 20, datetime(2026, 1, 3, tzinfo=timezone.utc))
    file = tmp_path / "report.html"
    file.write_text(text.replace("</body>", MEASURE + "</body>"))
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command += [f"--window-size={width},900", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title
    room = re.search(r'"room":(\d+)', title[1])
    assert room
    assert title[1] == f'{{"wide":{room[1]},"room":{room[1]},"small":0,"cut":0,"times":true}}'
