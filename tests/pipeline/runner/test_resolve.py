"""Where a source's module is looked for, and what is said when it isn't there or can't be imported."""

from __future__ import annotations

import importlib.metadata
import typing
from pathlib import Path

import pytest

from runner.contract import ExitCode, FailureKind
from runner.explain.missing import distribution_of
from tests.pipeline.runner.box import Box, Outcome

ROWS = """
    def orders():
        yield [{"id": 1, "of": "%s"}]
"""


def loaded(box: Box, **changes: typing.Any) -> str:
    """Which of the modules that ``ROWS`` marks has been loaded."""
    outcome = box.run(**changes)
    assert outcome.code == 0, outcome.log + str(outcome.stored)
    return str(box.rows("select of from raw_shop.orders")[0][0])


def refused(outcome: Outcome, kind: FailureKind) -> str:
    """The message and hint of a module that was refused."""
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, kind), outcome.log
    return f"{outcome.failure.message} | {outcome.failure.hint}"


def test_a_custom_module_wins_over_an_imported_library_and_shadows_it_for_no_one(box: Box) -> None:
    box.write(
        "yaml.py",
        """
        from dlt.common.configuration import providers  # imports PyYAML's neighbours
        import yaml, sys

        def orders():
            assert yaml.safe_load("a: 1") == {"a": 1}, yaml
            assert sys.modules["yaml"] is yaml and yaml.__name__ == "yaml"
            yield [{"id": 1, "of": "custom " + __name__.rpartition(".")[2]}]
        """,
    )
    assert loaded(box, module="yaml") == "custom yaml"


def test_a_custom_package_wins_over_an_installed_one_of_its_name(box: Box) -> None:
    box.write("/opt/site/jira/__init__.py", "INSTALLED = True\n")
    box.write("/opt/site/helper_of_jira.py", "import jira\nassert jira.INSTALLED\n")
    box.write("jira/__init__.py", "import helper_of_jira\nfrom .api import orders\n")
    box.write("jira/api.py", ROWS % "custom jira")
    box.environ["PYTHONPATH"] = f"{box.root}/opt/site:{Path(__file__).parents[3]}"
    box.server = None
    assert loaded(box, module="jira") == "custom jira"


def test_a_package_with_relative_imports_loads(box: Box) -> None:
    box.write("shop/__init__.py", "from .deep.orders import orders\n")
    box.write("shop/deep/__init__.py", "")
    box.write(
        "shop/deep/orders.py", "from ..names import NAME\ndef orders():\n    yield [{'id': 1, 'of': NAME}]\n"
    )
    box.write("shop/names.py", "NAME = 'relative'\n")
    assert loaded(box) == "relative"


@pytest.mark.parametrize("line", ["import helper", "from helper import NAME", "from .helper import NAME"])
def test_a_module_imports_its_sibling(box: Box, line: str) -> None:
    box.write("helper.py", "NAME = 'sibling'\n")
    name = "helper.NAME" if line == "import helper" else "NAME"
    box.write("shop.py", f"{line}\ndef orders():\n    yield [{{'id': 1, 'of': {name}}}]\n")
    assert loaded(box) == "sibling"


def test_a_sibling_never_shadows_an_installed_library(box: Box) -> None:
    box.write("requests.py", "raise RuntimeError('the sibling was imported')\n")
    box.write(
        "shop.py", "import requests\ndef orders():\n    yield [{'id': 1, 'of': requests.__version__[:1]}]\n"
    )
    assert loaded(box) == "2"


def test_dotted_modules_are_found_in_packages_and_in_folders_without_init(box: Box) -> None:
    box.write("acme/erp/orders.py", ROWS % "namespace")
    box.write("crm/__init__.py", "")
    box.write("crm/orders.py", ROWS % "package")
    assert loaded(box, module="acme.erp.orders") == "namespace"
    assert loaded(box, module="crm.orders", dataset_name="raw_shop") == "namespace"


def test_dlts_own_sources_come_after_custom_ones(box: Box) -> None:
    outcome = box.check(module="filesystem", function="readers", kwargs={"bucket_url": str(box.root)})
    assert outcome.stored.verdicts[0].text == "filesystem (dlt's own)"
    box.write("filesystem.py", ROWS % "custom")
    assert box.check(module="filesystem").stored.verdicts[0].text == "filesystem (custom_sources/)"


def test_verified_sources_of_the_image_are_found_after_dlts_own(box: Box) -> None:
    box.write("/opt/verified_sources/pipedrive/__init__.py", "from .helpers import orders\n")
    box.write("/opt/verified_sources/pipedrive/helpers.py", ROWS % "verified")
    box.write("/opt/verified_sources/filesystem/__init__.py", "raise RuntimeError\n")
    assert loaded(box, module="pipedrive") == "verified"
    outcome = box.check(module="filesystem", function="readers", kwargs={"bucket_url": str(box.root)})
    assert outcome.stored.verdicts[0].text == "filesystem (dlt's own)"


def test_any_other_importable_module_is_the_last_resort(box: Box) -> None:
    outcome = box.check(module="dlt.sources.rest_api", function="rest_api_source", kwargs={"config": {}})
    assert outcome.stored.verdicts[0].ok
    outcome = box.check(module="json", function="loads", kwargs={"s": "[]"})
    assert outcome.stored.verdicts[0].text == "json (installed)"


def test_not_found_lists_the_places_looked_at_and_the_near_misses(box: Box) -> None:
    box.write("jira_issues.py", ROWS)
    box.write("/opt/verified_sources/hubspot/__init__.py", "")
    text = refused(box.run(module="jira_isues"), FailureKind.MODULE_NOT_FOUND)
    for word in (
        "custom_sources/",
        "dlt.sources",
        "hubspot",
        "installed packages",
        "did you mean 'jira_issues'?",
    ):
        assert word in text
    assert "'hubspot'" in refused(box.run(module="hubspto"), FailureKind.MODULE_NOT_FOUND)
    assert "'sql_database'" in refused(box.run(module="sql_databse"), FailureKind.MODULE_NOT_FOUND)
    assert "no module 'jira_issues.nothing'" in refused(
        box.run(module="jira_issues.nothing"), FailureKind.MODULE_NOT_FOUND
    )


@pytest.mark.parametrize("module", ["", "../shop", "shop.py/", "a..b", "shop; import os"])
def test_what_is_no_modules_name_is_refused(box: Box, module: str) -> None:
    assert "is not a module's name" in refused(box.run(module=module), FailureKind.MODULE_NOT_FOUND)


def test_a_folder_without_init_is_no_source_and_its_modules_are_named(box: Box) -> None:
    box.write("acme/orders.py", ROWS)
    text = refused(box.run(module="acme"), FailureKind.FUNCTION_NOT_FOUND)
    assert "without __init__.py" in text


def test_a_folder_of_data_hides_no_source_of_its_name(box: Box) -> None:
    box.write("pipedrive/notes.txt", "")
    box.write("/opt/verified_sources/pipedrive/__init__.py", ROWS % "verified")
    assert loaded(box, module="pipedrive") == "verified"


def test_a_syntax_error_names_file_and_line(box: Box) -> None:
    box.write("shop.py", "def orders(:\n    pass\n")
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    assert "syntax error" in text
    assert "custom_sources/shop.py:1" in text
    assert str(box.root) not in text


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("import nosuchlib", "nosuchlib"),
        ("import nosuch_lib.deep", "nosuch-lib"),
        ("import MySQLdb", "mysqlclient"),
        ("import fitz", "pymupdf"),
        (
            "from dlt.common.exceptions import MissingDependencyException as E; raise E('x', ['zeep>=4'])",
            "zeep>=4",
        ),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_brings_it(
    box: Box, line: str, requirement: str
) -> None:
    box.write("shop.py", f"{line}\ndef orders(): ...\n")
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    assert f'container: {{requirements: ["{requirement}"]}}' in text
    assert "custom_sources/shop.py:1" in text


def test_an_extra_of_dlt_that_is_missing_is_told_with_the_package_that_it_stands_for(box: Box) -> None:
    box.write(
        "shop.py",
        """
        from dlt.common.exceptions import MissingDependencyException
        try:
            import nosuchalchemy.engine
        except ModuleNotFoundError:
            raise MissingDependencyException("helpers", ["dlt[sql_database]"])
        """,
    )
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    assert "module 'shop' needs 'nosuchalchemy', which its environment lacks" in text
    assert 'container: {requirements: ["dlt[sql_database]"]}' in text
    box.write(
        "shop.py",
        "from dlt.common.exceptions import MissingDependencyException as E; raise E('x', ['dlt[s3]'])",
    )
    assert "module 'shop' needs 'dlt[s3]', which" in refused(box.run(), FailureKind.IMPORT_FAILED)


def test_a_module_that_the_installed_version_of_a_package_lacks_is_told_with_that_version(box: Box) -> None:
    box.write("shop.py", "from duckdb.long_gone import thing\n")
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    version = importlib.metadata.version("duckdb")
    assert f"needs 'duckdb.long_gone', which duckdb {version} does not have" in text
    assert f'"duckdb<{version.partition(".")[0]}" say' in text


def test_any_other_error_while_importing_is_told_with_its_line(box: Box) -> None:
    box.write("shop/__init__.py", "from . import settings\n")
    box.write("shop/settings.py", "\n\nraise ValueError('no such region')\n")
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    assert "ValueError: no such region at custom_sources/shop/settings.py:3: raise" in text


def test_a_typo_within_a_custom_package_is_not_taken_for_a_missing_module(box: Box) -> None:
    box.write("shop/__init__.py", "from .nosuch import orders\n")
    text = refused(box.run(), FailureKind.IMPORT_FAILED)
    assert "nosuch" in text
    assert "requirements" not in text


def test_a_pipeline_made_at_a_modules_top_does_not_take_the_jobs_place(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import dlt
        other = dlt.pipeline("other", destination="duckdb")

        @dlt.resource
        def orders(key: str = dlt.secrets.value):
            yield [{"id": 1, "of": key}]
        """,
    )
    assert loaded(box, secrets="[shop.sources]\nkey = 'right'\n[other.sources]\nkey = 'wrong'\n") == "right"


@pytest.mark.parametrize(
    ("imported", "distribution"),
    [
        ("yaml", "pyyaml"),
        ("google.cloud.bigquery", "google-cloud-bigquery"),
        ("google.cloud.translate_v2", "google-cloud-translate-v2"),
        ("sklearn.svm", "scikit-learn"),
        ("my_lib.part", "my-lib"),
    ],
)
def test_the_distribution_of_an_import_is_guessed(imported: str, distribution: str) -> None:
    assert distribution_of(imported) == distribution
