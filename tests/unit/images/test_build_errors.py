"""What a failed build printed, as three lines. The texts are uv's, apt's and gcc's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launcher.environment.values import Environment, Requirement
from launcher.errors import BuildError, Exit
from launcher.images.build_errors import interpret
from tests.unit.images.projects import described, source


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    wanted = (
        Requirement("marshmallow<3", "sources.yml:12 (one)"),
        Requirement("marshmallow==3.0.0", "custom_sources/demo.py:3"),
        Requirement("six", "sources.yml:12 (one)"),
    )
    return replace(described(tmp_path, source()), requirements=wanted)


def told(environment: Environment, *lines: str) -> BuildError:
    error = interpret(lines, environment)
    assert "\n" not in error.message + error.hint
    return error


def test_a_conflict_names_the_two_lines_and_where_each_comes_from(environment: Environment) -> None:
    error = told(
        environment,
        "  \u00d7 No solution found when resolving dependencies:",
        "  ╰─▶ Because you require marshmallow<3 and marshmallow==3.0.0, we can",
        "      conclude that your requirements are unsatisfiable.",
        "------",
        " > [environment 2/2] RUN sh environment.sh:",
    )
    assert error.message == (
        "source 'one': requirements that contradict each other or can't be had:"
        " Because you require marshmallow<3 and marshmallow==3.0.0, we can conclude that your"
        " requirements are unsatisfiable."
    )
    assert error.hint == (
        "'marshmallow<3' from sources.yml:12 (one); 'marshmallow==3.0.0' from custom_sources/demo.py:3"
    )
    assert error.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    ("asked", "origin"),
    [
        ({}, "'dlt==1.31.0' from the dlt that this dltpod brings (container.dlt sets another)"),
        ({"dlt": "==1.30.0"}, "'dlt==1.30.0' from container.dlt, sources.yml:10 (one)"),
    ],
)
def test_a_conflict_about_dlt_names_what_asks_for_it_and_no_driver_of_its_extras(
    tmp_path: Path, asked: dict[str, str], origin: str
) -> None:
    environment = described(tmp_path, source(destination="duckdb", **asked))
    error = told(
        environment,
        "  \u00d7 No solution found when resolving dependencies:",
        "  ╰─▶ Because there is no version of dlt[duckdb,parquet]==1.30.0 and you require",
        "      dlt[duckdb,parquet]==1.30.0, we can conclude that your requirements are unsatisfiable.",
    )
    assert error.hint == origin


def test_a_requirement_of_dlt_stands_beside_the_dlt_that_it_contradicts(tmp_path: Path) -> None:
    environment = described(tmp_path, source(destination="duckdb", requirements=("dlt==1.19.0",)))
    error = told(
        environment,
        "error: No solution found when resolving dependencies",
        "  cause: Because you require dlt[duckdb]==1.31.0 and dlt==1.19.0, we can conclude that your"
        " requirements are unsatisfiable.",
    )
    assert error.hint == (
        "'dlt==1.31.0' from the dlt that this dltpod brings (container.dlt sets another);"
        " 'dlt==1.19.0' from sources.yml:10 (one)"
    )


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        (":", "  ╰─▶ "),
        ("", "  cause: "),
        (" for split (markers: python_full_version >= '3.14'):", "  ╰─▶ "),
        (" for split (markers: (a == 'b' or c == 'd') and e != 'PyPy')", "  cause: "),
        (" for split (included: one; excluded: two):", "  ╰─▶ "),
    ],
)
def test_a_conflict_is_told_without_what_the_resolver_says_before_and_after(
    environment: Environment, head: str, cause: str
) -> None:
    error = told(
        environment,
        f"error: No solution found when resolving dependencies{head}",
        f"{cause}Because there is no version of six==99 and you require six.",
        "",
        "hint: While the active Python version is 3.11, the resolution failed for other Python versions"
        " supported by your project. Consider limiting your project's supported Python versions using"
        " `requires-python`.",
    )
    assert error.message.endswith("can't be had: Because there is no version of six==99 and you require six.")
    assert error.hint == "'six' from sources.yml:12 (one)"


@pytest.mark.parametrize(
    ("line", "message", "hint", "code"),
    [
        (
            "error: failed to write: No space left on device (os error 28)",
            "the disk is full",
            "dltpod gc",
            Exit.FAILED,
        ),
        (
            "error: Hash mismatch for `six==1.17.0`",
            "six==1.17.0 is not what the lock file says: its hash differs",
            "dltpod lock one",
            Exit.USAGE,
        ),
        (
            "E: Unable to locate package libfoo-dev",
            "Debian has no package 'libfoo-dev'",
            "apt-cache search",
            Exit.USAGE,
        ),
        (
            "E: Failed to fetch http://mirror.example.org/dists/trixie/InRelease  503  Service Unavailable\n"
            "DLTPOD-NOTE the package lists could not be updated\n"
            "E: Unable to locate package libfoo-dev",
            "Debian's package lists could not be fetched, and the ones kept lack 'libfoo-dev' "
            "(http://mirror.example.org/dists/trixie/InRelease 503 Service Unavailable)",
            "check the network",
            Exit.FAILED,
        ),
        (
            "error: Failed to fetch: `https://example.org/simple/six/` dns error: failed to lookup address",
            "no network, and the wheel cache lacks what is needed (https://example.org/simple/six/)",
            "HTTPS_PROXY",
            Exit.FAILED,
        ),
        (
            "DLTPOD-ERROR the base image has Python 3.12, not 3.13",
            "the base image has Python 3.12, not 3.13",
            "base_image:",
            Exit.FAILED,
        ),
    ],
)
def test_each_end_is_named_for_what_it_was(
    environment: Environment, line: str, message: str, hint: str, code: Exit
) -> None:
    error = told(environment, line)
    assert message in error.message
    assert hint in error.hint
    assert error.exit_code is code


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["building '_x' extension", "error: command 'gcc' failed: No such file or directory"],
            "error: command 'gcc' failed: No such file or directory",
        ),
        (
            ["src/x.c:1:10: fatal error: Python.h: No such file or directory", "compilation terminated."],
            "fatal error: Python.h: No such file or directory",
        ),
        (["Traceback:", "ValueError: no version"], "ValueError: no version"),
    ],
)
def test_what_can_not_be_built_is_told_by_its_own_words(
    environment: Environment, lines: list[str], reason: str
) -> None:
    error = told(environment, "  \u00d7 Failed to build `six==1.0`", *lines)
    said = f"six==1.0 ('six' from sources.yml:12 (one)) has no wheel and could not be built: {reason}"
    assert error.message.endswith(said)
    assert "container.system_packages" in error.hint


def test_what_nobody_foresaw_is_shown_by_its_own_error_line(environment: Environment) -> None:
    error = told(environment, "doing this", "error: the moon is full", "------")
    assert "the moon is full" in error.message


@pytest.mark.parametrize("before", [0, 120, 180, 410])
def test_credentials_of_an_index_or_a_repository_are_taken_out_before_a_text_is_cut(
    environment: Environment, before: int
) -> None:
    address = "https://reader:t0" + "k3n" * 30 + "@pypi.acme.com/simple/six/"
    for line in (
        f"error: {'x' * before} Failed to fetch: `{address}`",
        f"error: Git operation failed: fatal: {'x' * before} '{address}' not found",
        f"  \u00d7 No solution found when resolving dependencies: {'x' * before} {address}",
        f"E: {'x' * before} {address}",
    ):
        error = told(environment, line)
        assert "k3n" not in error.message + error.hint
