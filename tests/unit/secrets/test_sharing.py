"""A run that lacks a secret that another section has is told how to share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.secrets.missing import line_after
from tests.unit.secrets.asking import ENTRY, given, source

LINE = "or share [sources.crm]: dlt_native: {secret_sections: [sources.crm]}"
MISSING = "missing secrets 'token', 'region' for source 'acme' (there is 'tokne')"


@pytest.mark.parametrize(
    ("secrets", "more", "message", "line"),
    [
        ('[sources.crm]\ntoken = "x"\n', "", MISSING, LINE),
        ('[sources.crm]\nregion = "x"\n', "", MISSING.replace("'token',", "'token', 'user',"), ""),
        ('[sources.crm.credentials]\ntoken = "x"\n', "", MISSING, LINE),
        ('[sources.crm]\ntoken = "x"\n[sources.erp]\ntoken = "y"\n', "", MISSING, ""),
        ('[sources.crm]\ntoken = "x"\n', ", secret_sections: [sources.crm]", MISSING, ""),
        ('[sources.crm]\nkey = "x"\n', "", MISSING, ""),
        ('[sources.acme]\ntoken = "x"\n', "", MISSING, ""),
        ('[sources.crm]\ntoken = ""\nregion = " "\n', "", MISSING, ""),
        ('[sources.crm]\ntoken = ""\n[sources.erp]\ntoken = "y"\n', "", MISSING, LINE.replace("crm", "erp")),
        ('[sources.crm]\ntoken = "x"\n', "", "the service says: 'token' is missing", ""),
        ("[sources", "", MISSING, ""),
    ],
)
def test_the_line_is_told_where_one_other_section_has_what_is_missing(
    tmp_path: Path, secrets: str, more: str, message: str, line: str
) -> None:
    project = given(tmp_path, ENTRY.format(function="api", more=more), secrets)
    assert line_after(project, source(project, "acme"), message) == line
