"""Secrets that are still to be filled in: told by name before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import ConfigurationError
from launcher.secrets.gather import part_of, read_environment
from tests.unit.config.project import entries, one, project, write

SHARES = one("").replace("source_function: shop", "source_function: shop, secret_sections: [sources.acme]")


def told(root: Path, secrets: str, file: str = entries("shop"), **environ: str) -> str:
    write(root, secrets, ".dlt/secrets.toml")
    made = project(root, file)
    try:
        part_of(made, made.sources[0], read_environment(made, environ), {})
    except ConfigurationError as error:
        return error.message.partition(": ")[2]
    return ""


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ('[sources.shop]\ntoken = ""\n', "[sources.shop] token is empty."),
        ('[sources.shop]\na = ""\nb = " "\nc = "x"\n', "[sources.shop] a, b are empty."),
        (
            '[sources.shop]\na = ""\n[sources.shop.credentials]\npassword = ""\n',
            "[sources.shop] a; [sources.shop.credentials] password are empty.",
        ),
        ('[sources.shop]\ntoken = "x"\nlimit = 0\n', ""),
        ('[sources.other]\ntoken = ""\n[sources]\nempty = ""\n', ""),
    ],
)
def test_empty_secrets_of_the_entrys_own_section_are_refused_by_name(
    tmp_path: Path, secrets: str, expected: str
) -> None:
    assert told(tmp_path, secrets) == expected


def test_a_variable_fills_what_is_empty_in_the_file(tmp_path: Path) -> None:
    assert told(tmp_path, '[sources.shop]\ntoken = ""\n', SOURCES__SHOP__TOKEN="given") == ""


@pytest.mark.parametrize(
    ("own", "expected"),
    [("", "[sources.acme] token is empty."), ('[sources.shop]\ntoken = "mine"\n', "")],
    ids=["used", "overridden"],
)
def test_what_is_empty_in_a_shared_section_is_refused_where_the_entry_uses_it(
    tmp_path: Path, own: str, expected: str
) -> None:
    assert told(tmp_path, f'{own}[sources.acme]\ntoken = ""\nname = "x"\n', SHARES) == expected
