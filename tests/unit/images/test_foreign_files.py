"""What a source's own files can make the launcher read, and what it tells of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.config.models import VerifiedSources
from launcher.environment.requirement_files import of_module
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError
from launcher.images import contexts
from launcher.secrets.code import read_module
from tests.unit.images.projects import described, source, verified_tree

SECRET = "s3cr3t-of-the-project"


@pytest.fixture
def third(tmp_path: Path) -> Path:
    """A connector's package, in a project that has secrets."""
    folder = tmp_path / "custom_sources/third"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (tmp_path / ".env").write_text(f"TOKEN={SECRET}\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/pyproject.toml").write_text("")
    return folder


def refused(folder: Path, text: str, name: str = "requirements.txt") -> str:
    """What is said of a connector that asks for ``text``; never what stands there."""
    (folder / name).write_text(text)
    root = folder.parents[1]
    with pytest.raises(ConfigurationError) as error:
        described(root, source(module=folder.name))
    said = f"{error.value.message}\n{error.value.hint}"
    assert SECRET not in said
    return said


@pytest.mark.parametrize(
    "line", ["-r ../../.env", "-r more/../../../.env", "--requirement=link.txt", "-r /etc/passwd"]
)
def test_an_include_that_leads_out_of_the_package_is_refused_unread(third: Path, line: str) -> None:
    (third / "link.txt").symlink_to("../../.env")
    assert refused(third, f"six\n{line}\n").startswith(
        "custom_sources/third/requirements.txt:2: '-r' leads out of the package's own folder"
    )


@pytest.mark.parametrize("name", ["requirements.txt", "__init__.py"])
def test_a_file_that_is_a_link_out_of_the_package_is_refused_unread(third: Path, name: str) -> None:
    (third / name).unlink(missing_ok=True)
    (third / name).symlink_to("../../.env")
    with pytest.raises(ConfigurationError, match=f"third/{name} leads out of the package's own folder"):
        described(third.parents[1], source(module="third"))


def test_a_package_that_is_a_link_to_the_project_reaches_none_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "custom_sources/third").symlink_to("..")
    (tmp_path / "requirements.txt").write_text("-r .env\n")
    with pytest.raises(ConfigurationError, match="leads out of the package's own folder"):
        described(tmp_path, source(module="third"))


def test_a_package_that_is_a_link_to_its_neighbour_has_the_neighbours_requirements(third: Path) -> None:
    (third.parent / "alias").symlink_to("third")
    (third / "requirements.txt").write_text("-r base.txt\n")
    (third / "base.txt").write_text("six\n")
    found = of_module(third.parent, "alias", root=third.parents[1])
    assert [item.text for item in found] == ["six"]


@pytest.mark.parametrize(
    "line",
    [
        f"PASSWORD={SECRET}",
        f"{SECRET} {SECRET}",
        f"--{SECRET}",
        f"erp @ file:///srv/{SECRET}",
        f"FILE:///srv/{SECRET}",
        f"./{SECRET}",
        f"/srv/{SECRET}",
        f"https://user:{SECRET}@example.org/x.whl",
        f"-r {SECRET}.txt",
        f"six\x1b[31m{SECRET}",
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "__init__.py"])
def test_a_line_that_is_refused_is_told_by_its_place_alone(third: Path, line: str, name: str) -> None:
    if name == "__init__.py":
        line = f"# /// script\n# dependencies = ['''{line}''']\n# ///\n"
    assert f"custom_sources/third/{name}:" in refused(third, line, name)


def test_a_block_that_is_no_toml_is_told_without_what_stands_there(third: Path) -> None:
    refused(third, f"# /// script\n# [{SECRET}]\n# [{SECRET}]\n# ///\n", "__init__.py")


@pytest.mark.parametrize("path", ["../../notes", ".//../../notes", "./../../notes[x]", "./link", "~/notes"])
def test_a_connectors_path_stays_in_its_own_folder(third: Path, path: str) -> None:
    (third / "link").symlink_to("../../notes")
    assert "names a path outside its package's own folder" in refused(third, path)


def test_a_modules_file_can_name_no_path_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "custom_sources").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "custom_sources/demo.py").write_text('# /// script\n# dependencies = ["./"]\n# ///\n')
    with pytest.raises(ConfigurationError, match="names a path outside its package's own folder"):
        described(tmp_path, source())


def test_a_variable_that_the_build_would_fill_in_is_refused(third: Path) -> None:
    assert "holds a password, a token or a variable" in refused(
        third, "x @ https://e.org/${UV_INDEX_URL}/x.whl\n"
    )


def test_a_verified_source_can_name_no_path(tmp_path: Path) -> None:
    tree = verified_tree(tmp_path / "verified")
    (tree / "sources/zoo/requirements.txt").write_text("./..\n")
    verified = Repository(VerifiedSources(location=str(tree)), root=tmp_path, environ={})
    with pytest.raises(ConfigurationError, match="a path"):
        described(tmp_path, source(module="zoo", extras=("zoo",)), verified=verified)


def fifo(place: Path) -> None:
    os.mkfifo(place)


def device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def huge(place: Path) -> None:
    with place.open("wb") as stream:
        stream.truncate(1 << 30)


@pytest.mark.parametrize("make", [fifo, device, huge])
@pytest.mark.parametrize("name", ["requirements.txt", "more.txt"])
def test_requirements_in_a_file_that_never_ends_are_refused(
    third: Path, make: Callable[[Path], None], name: str
) -> None:
    (third / "requirements.txt").write_text("-r more.txt\n")
    (third / name).unlink(missing_ok=True)
    make(third / name)
    with pytest.raises(ConfigurationError, match=r"regular file|larger than|leads out"):
        described(third.parents[1], source(module="third"))


@pytest.mark.parametrize("make", [fifo, device, huge])
def test_code_in_a_file_that_never_ends_is_not_read(third: Path, make: Callable[[Path], None]) -> None:
    make(third / "helper.py")
    module = read_module(third / "helper.py")
    assert module.tree is None and "can't be read: it is" in module.error
    assert described(third.parents[1], source(module="third")).requirements == ()


def test_files_that_include_one_another_many_times_are_read_once(third: Path) -> None:
    (third / "requirements.txt").write_text("-r 1.txt\n")
    for number in range(1, 40):
        (third / f"{number}.txt").write_text(f"-r {number + 1}.txt\n" * 2)
    (third / "40.txt").write_text("six\n")
    assert [r.text for r in of_module(third.parent, "third", root=third.parents[1])] == ["six"]


def test_more_files_than_anyone_writes_are_refused(third: Path) -> None:
    for number in range(60):
        (third / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    assert "more than 50 files by '-r'" in refused(third, "-r 0.txt\n")


def test_text_made_to_keep_a_reader_busy_is_read_in_no_time(third: Path) -> None:
    (third / "__init__.py").write_text("# /// script\n" * 100_000)
    assert of_module(third.parent, "third", root=third.parents[1]) == ()
    assert "more than 1000 dependencies" in refused(
        third, "# /// script\n# dependencies = [\n" + '#   "six",\n' * 2000 + "# ]\n# ///\n", "__init__.py"
    )


@pytest.mark.parametrize("cookie", ["hex", "rot13", "undefined", "idna", "unicode_escape"])
def test_an_encoding_that_is_none_of_text_is_no_crash(third: Path, cookie: str) -> None:
    (third / "__init__.py").write_text(f"# coding: {cookie}\n# \\udc80\n")
    try:
        described(third.parents[1], source(module="third"))
    except ConfigurationError as error:
        assert "encoding" in error.message


def copied(root: Path, *paths: str) -> set[str]:
    """What of a project, that has these files, a build of ``./`` sees."""
    (root / "pyproject.toml").write_text("")
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    environment = described(root, source(requirements=("./",)))
    with contexts.make(environment, root=root) as folder:
        local = folder / "environment/local"
        return {str(f.relative_to(local)) for f in local.rglob("*") if f.is_symlink() or not f.is_dir()}


def test_a_build_of_the_project_sees_no_secrets_state_or_data_of_it(tmp_path: Path) -> None:
    kept = copied(
        tmp_path,
        "src/erp/__init__.py",
        "src/erp/data/rates.csv",
        "src/erp/locks/__init__.py",
        ".dltpod/secrets/x/secrets.toml",
        ".dltpod/history.sqlite",
        ".dlt/config.toml",
        ".env",
        ".env.production",
        ".envrc",
        ".ENV",
        "src/.env.local",
        "src/erp/.dlt/secrets.toml",
        "src/erp/secrets.toml",
        ".git/config",
        ".netrc",
        "data/warehouse.duckdb",
        "locks/one.txt",
    )
    assert kept == {
        "pyproject.toml",
        "src/erp/__init__.py",
        "src/erp/data/rates.csv",
        "src/erp/locks/__init__.py",
    }


def test_a_build_of_the_project_does_not_see_what_its_links_lead_to(tmp_path: Path) -> None:
    for name in (".dltpod", "data"):
        (tmp_path / f"var/{name[-4:]}").mkdir(parents=True)
        (tmp_path / name).symlink_to(f"var/{name[-4:]}")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/prod").write_text(SECRET)
    (tmp_path / ".env").symlink_to("conf/prod")
    (tmp_path / "out").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert copied(tmp_path, "data/rows.duckdb", ".dltpod/history.sqlite") == {"data", "out", "pyproject.toml"}


def test_what_a_build_does_not_see_is_no_part_of_its_digest(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    before = described(tmp_path, source(requirements=("./",))).digest
    for path in (".env.production", ".dltpod/state/one/x", "data/rows.duckdb", ".git/HEAD"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
        assert described(tmp_path, source(requirements=("./",))).digest == before
    (tmp_path / "erp.py").write_text("x")
    assert described(tmp_path, source(requirements=("./",))).digest != before


def test_code_that_is_baked_into_an_image_leaves_secrets_out(tmp_path: Path) -> None:
    custom = tmp_path / "custom_sources"
    custom.mkdir()
    for name in ("a.py", ".env", "secrets.toml"):
        (custom / name).write_text(name)
    with contexts.make(root=tmp_path, custom_sources=custom) as folder:
        assert {file.name for file in (folder / "custom_sources").iterdir()} == {"a.py"}
