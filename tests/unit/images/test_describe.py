"""What a source's image must hold, from all places that ask for something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from launcher.config.models import VerifiedSources
from launcher.environment.dlt_versions import choose
from launcher.environment.values import LocalPackage, Requirement, VerifiedSource
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError
from launcher.images.images import distinct
from tests.unit.images.projects import described, project, source, verified_tree


@pytest.fixture
def verified(tmp_path: Path) -> Repository:
    tree = verified_tree(tmp_path / "verified")
    return Repository(VerifiedSources(location=str(tree)), root=tmp_path, environ={})


def texts(requirements: tuple[Requirement, ...]) -> list[str]:
    return [item.text for item in requirements]


def test_requirements_of_the_entry_and_of_the_module_are_joined_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/demo.py").write_text(
        '# /// script\n# dependencies = [\n#   "six"\n# ]\n# ///\n'
    )
    environment = described(tmp_path, source(requirements=("stripe<16",)))
    assert environment.requirements == (
        Requirement("stripe<16", "sources.yml:10 (one)"),
        Requirement("six", "custom_sources/demo.py:3"),
    )


def test_a_package_brings_the_requirements_txt_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "custom_sources/erp"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("# needed\nsix==1.17.0  # why not\n\nidna\n")
    environment = described(tmp_path, source(module="erp.orders"))
    assert environment.requirements == (
        Requirement("six==1.17.0", "custom_sources/erp/requirements.txt:2"),
        Requirement("idna", "custom_sources/erp/requirements.txt:4"),
    )


def test_a_destination_brings_its_extra_and_parquet(tmp_path: Path) -> None:
    assert described(tmp_path, source()).dlt_requirement == "dlt[parquet,postgres]==1.31.0"


def test_a_destination_without_an_extra_of_its_own_brings_none(tmp_path: Path) -> None:
    assert described(tmp_path, source(destination="dummy")).dlt_extras == ("parquet",)


@pytest.mark.parametrize("module", ["", "..m", "../evil", "a..b", "shop.py", "a b"])
def test_what_is_no_modules_name_is_refused_before_the_verified_sources_are_fetched(
    tmp_path: Path, module: str
) -> None:
    said: list[str] = []
    nowhere = VerifiedSources(location="https://127.0.0.1:1/none.git")
    repository = Repository(nowhere, root=tmp_path, environ={"HOME": str(tmp_path)}, say=said.append)
    with pytest.raises(ConfigurationError, match=r"^sources\.yml:10 \(one\): .*(module|empty)"):
        described(tmp_path, source(module=module, extras=("jira",)), verified=repository)
    assert said == []


@pytest.mark.parametrize(
    "module", ["sql_database", "dlt.sources.sql_database", "dlt.sources.sql_database.helpers"]
)
def test_dlts_own_sql_database_brings_the_extra_it_cannot_be_imported_without(
    tmp_path: Path, module: str
) -> None:
    assert "sql-database" in described(tmp_path, source(module=module)).dlt_extras


@pytest.mark.parametrize("module", ["dlt.sources.rest_api", "my_company.sql_database"])
def test_a_module_that_needs_no_extra_of_dlts_own_sources_brings_none(tmp_path: Path, module: str) -> None:
    assert "sql-database" not in described(tmp_path, source(module=module)).dlt_extras


def test_a_custom_module_of_a_core_sources_name_brings_no_extra(tmp_path: Path) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/sql_database.py").write_text("")
    assert "sql-database" not in described(tmp_path, source(module="sql_database")).dlt_extras


@pytest.mark.parametrize(
    "line",
    [
        "from dlt.sources.sql_database import sql_table",
        "from dlt.sources import sql_database",
        "def rows():\n    import dlt.sources.sql_database.helpers",
    ],
)
def test_custom_code_that_imports_dlts_sql_database_brings_its_extra(tmp_path: Path, line: str) -> None:
    (tmp_path / "custom_sources/erp").mkdir(parents=True)
    (tmp_path / "custom_sources/erp/__init__.py").write_text("")
    (tmp_path / "custom_sources/erp/orders.py").write_text(line + "\n")
    assert "sql-database" in described(tmp_path, source(module="erp.orders")).dlt_extras


@pytest.mark.parametrize(
    "line", ["from dlt.sources import DltResource", "from .sql_database import x", "x = ("]
)
def test_custom_code_that_imports_no_source_of_dlts_brings_no_extra(tmp_path: Path, line: str) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/demo.py").write_text(line + "\n")
    assert "sql-database" not in described(tmp_path, source()).dlt_extras


def test_a_verified_source_that_imports_dlts_sql_database_brings_its_extra(
    tmp_path: Path, verified: Repository
) -> None:
    code = tmp_path / "verified/sources/zoo/helpers.py"
    code.write_text("from dlt.sources.sql_database import engine_from_credentials\n")
    environment = described(tmp_path, source(module="zoo", extras=("zoo",)), verified=verified)
    assert "sql-database" in environment.dlt_extras


@pytest.mark.parametrize("spelling", ["sql_database", "sql-database", "SQL.Database"])
def test_an_extra_of_dlt_is_taken_in_any_spelling(tmp_path: Path, spelling: str) -> None:
    assert "sql-database" in described(tmp_path, source(extras=(spelling,))).dlt_extras


def test_an_extra_that_is_a_verified_source_brings_its_code_and_its_requirements(
    tmp_path: Path, verified: Repository
) -> None:
    environment = described(tmp_path, source(module="zoo", extras=("zoo",)), verified=verified)
    assert [item.name for item in environment.verified] == ["zoo"]
    assert environment.verified[0].commit.startswith("content:")
    assert texts(environment.requirements) == ["six<2", "dlt>=0.5.1"]
    assert environment.requirements[0].origin == "verified source zoo, requirements.txt:1"
    assert environment.notes == ()


def test_an_extra_that_is_neither_is_refused_with_the_near_miss(tmp_path: Path, verified: Repository) -> None:
    with pytest.raises(ConfigurationError) as error:
        described(tmp_path, source(extras=("weathr",)), verified=verified)
    assert error.value.message == (
        "sources.yml:10 (one): 'weathr' is neither an extra of dlt 1.31.0 nor a verified source;"
        " did you mean 'weather'?"
    )


def test_a_module_that_only_the_verified_sources_account_for_is_taken_and_said(
    tmp_path: Path, verified: Repository
) -> None:
    environment = described(tmp_path, source(module="jira"), verified=verified)
    assert [item.name for item in environment.verified] == ["jira"]
    assert environment.notes == (
        "source 'one': module 'jira' is taken from dlt's verified sources;"
        " 'container.extras: [jira]' pins that",
    )


def test_a_requirement_of_the_modules_name_accounts_for_it(tmp_path: Path, verified: Repository) -> None:
    assert (
        described(tmp_path, source(module="jira", requirements=("jira>3",)), verified=verified).verified == ()
    )


def test_a_custom_module_accounts_for_itself(tmp_path: Path, verified: Repository) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/jira.py").write_text("")
    assert described(tmp_path, source(module="jira"), verified=verified).verified == ()


def test_a_changed_verified_source_changes_the_digest(tmp_path: Path, verified: Repository) -> None:
    before = described(tmp_path, source(module="jira"), verified=verified)
    (tmp_path / "verified/sources/jira/helpers.py").write_text("X = 1\n")
    assert described(tmp_path, source(module="jira"), verified=verified).digest != before.digest


def test_a_git_requirement_brings_debians_git_and_says_so(tmp_path: Path) -> None:
    environment = described(tmp_path, source(requirements=("erp @ git+https://example.org/erp@v1",)))
    assert environment.system_packages == ("git",)
    assert environment.notes == ("source 'one': Debian's git is added, for its git+ requirement",)


def test_a_local_package_counts_by_its_content(tmp_path: Path) -> None:
    package = tmp_path / "packages/erp"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text("[project]\nname='erp'\nversion='1'\n")
    before = described(tmp_path, source(requirements=("./packages/erp[pdf]",)))
    assert [item.path for item in before.local_packages] == ["packages/erp"]
    (package / "erp.py").write_text("X = 1\n")
    assert described(tmp_path, source(requirements=("./packages/erp[pdf]",))).digest != before.digest


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("./nowhere", "does not exist"),
        ("../elsewhere", "lies outside the project"),
        ("./bare", "has neither pyproject.toml nor setup.py"),
    ],
)
def test_a_local_package_that_cannot_be_built_is_refused(tmp_path: Path, path: str, words: str) -> None:
    root = tmp_path / "project"
    (root / "bare").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ConfigurationError, match=words):
        described(root, source(requirements=(path,)))


def test_the_order_and_origin_of_requirements_do_not_change_the_digest(tmp_path: Path) -> None:
    one = described(tmp_path, source(requirements=("a", "b"), system_packages=("gcc", "git")))
    other = described(tmp_path, source("two", requirements=("b", "a"), system_packages=("git", "gcc")))
    assert one.system_packages == ("gcc", "git")
    assert one.digest == other.digest


def test_every_input_changes_the_digest(tmp_path: Path) -> None:
    base = described(tmp_path, source())
    others = [
        replace(base, base_identity="sha256:other"),
        replace(base, python="3.11"),
        replace(base, dlt="==1.30.0"),
        replace(base, dlt_extras=("parquet",)),
        replace(base, requirements=(Requirement("six", "here"),)),
        replace(base, local_packages=(LocalPackage("packages/erp", "aa"),)),
        replace(base, verified=(VerifiedSource("jira", "aa"),)),
        replace(base, system_packages=("git",)),
        replace(base, lock="six==1.17.0\n"),
        replace(base, platform="linux/arm64"),
    ]
    assert len({item.digest for item in (base, *others)}) == len(others) + 1


def test_the_base_images_name_is_no_input_for_its_identity_is(tmp_path: Path) -> None:
    base = described(tmp_path, source())
    assert replace(base, base_image="mirror.example.org/python:3.13-slim").digest == base.digest


def test_equal_environments_are_one_with_all_their_sources(tmp_path: Path) -> None:
    both = [described(tmp_path, source(name)) for name in ("one", "two")]
    assert [item.sources for item in distinct(both)] == [("one", "two")]


@pytest.mark.parametrize(
    ("dlt", "python", "words"),
    [
        ("==1.5.0", "3.13", "older than the oldest supported, 1.18.0"),
        ("==1.31.0", "3.15", "needs Python <3.15,>=3.10, not Python 3.15"),
        ("==1.31.0", "3.9", "needs Python <3.15,>=3.10, not Python 3.9"),
        ("==1.19.7", "3.13", "there is no dlt ==1.19.7"),
        ("newest", "3.13", "is no version specifier"),
    ],
)
def test_a_dlt_that_cannot_be_had_is_refused_before_anything_is_built(
    dlt: str, python: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        choose(dlt, python, source="one")


def test_of_the_dlts_that_are_allowed_the_newest_that_runs_on_the_python_is_meant() -> None:
    assert choose(">=1.18,<1.29", "3.9", source="one").version == "1.28.0"


@pytest.mark.parametrize("dlt", ["==1.18.2", ">=1.20,<1.25", ">=1.99", "~=1.31"])
def test_an_old_a_bounded_and_a_yet_unknown_dlt_are_taken(tmp_path: Path, dlt: str) -> None:
    assert described(tmp_path, source(dlt=dlt)).dlt.lstrip("=><~")[0] == "1"


def test_an_extra_that_only_a_newer_dlt_has_is_refused_for_an_old_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'hf' is neither an extra of dlt 1\.18\.2"):
        described(tmp_path, source(dlt="==1.18.2", extras=("hf",)))


def test_nothing_but_the_sources_own_lines_is_read_for_another_source(tmp_path: Path) -> None:
    broken = source("two", requirements=("not a requirement!",))
    environment = described(tmp_path, source(), broken)
    assert environment.requirements == ()
    with pytest.raises(
        ConfigurationError, match=r"sources.yml:10 \(two\): 'not a requirement!' is no requirement"
    ):
        described(tmp_path, broken)
    assert project(tmp_path, broken).sources == (broken,)


def test_verified_sources_that_could_not_be_asked_are_told(tmp_path: Path) -> None:
    gone = Repository(VerifiedSources(location="./gone"), root=tmp_path, environ={})
    (note,) = described(tmp_path, source(module="my_company.erp"), verified=gone).notes
    assert note == (
        "verified sources couldn't be asked for 'my_company': "
        "verified_sources.location: './gone' does not exist"
    )


def test_requirements_may_bring_a_dotted_module_so_verified_sources_are_not_asked(tmp_path: Path) -> None:
    gone = Repository(VerifiedSources(location="./gone"), root=tmp_path, environ={})
    entry = source(module="my_company.sources.erp", requirements=("acme-sources",))
    assert described(tmp_path, entry, verified=gone).notes == ()
