"""Where rows go: files below data/, told as the container sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from launcher.config import Project, load
from launcher.errors import ConfigurationError
from launcher.secrets.gather import drivers_for, read_environment
from runner.contract import CONFIG_FILE, SECRETS_FILE, Destination
from tests.unit.config.project import write
from tests.unit.secrets.asking import cut, given, in_the_job, source


def entry(destination: str) -> str:
    return (
        f"sources:\n  - {{name: acme, destination: {destination}, "
        "dlt_native: {source_module: m, source_function: f}}\n"
    )


def resolved(
    root: Path, destination: str, secrets: str = "", config: str = "", **environ: str
) -> Destination:
    project = given(root, entry(destination), secrets, config)
    return drivers_for(project, source(project, "acme"), read_environment(project, environ)).destination


def test_duckdb_writes_to_one_file_by_default(tmp_path: Path) -> None:
    assert resolved(tmp_path, "duckdb") == Destination(
        "duckdb",
        "",
        "/data/warehouse.duckdb",
        "/data/.warehouse.duckdb.lock",
        f"{tmp_path}/data/warehouse.duckdb",
    )


@pytest.mark.parametrize(
    "text",
    [
        'credentials = "data/x/my.duckdb"',
        'credentials = "./data/x/../x/my.duckdb"',
        'credentials = "duckdb:///data/x/my.duckdb"',
        'credentials = "duckdb:data/x/my.duckdb?threads=2"',
        'credentials.database = "data/x/my.duckdb"',
        'credentials = "{root}/data/x/my.duckdb"',
        'credentials = "/data/x/my.duckdb"',
    ],
)
def test_a_file_of_its_own_is_found_below_data(tmp_path: Path, text: str) -> None:
    made = resolved(tmp_path, "duckdb", f"[destination.duckdb]\n{text}\n".replace("{root}", str(tmp_path)))
    assert (made.file, made.lock) == ("/data/x/my.duckdb", "/data/x/.my.duckdb.lock")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("warehouse.duckdb", 'Give|Move it there and give its place as "data/warehouse.duckdb"'),
        ("../elsewhere.duckdb", "data/elsewhere.duckdb"),
        ("data/../x.duckdb", "data/x.duckdb"),
        ("data", "data/data"),
        ("/etc/x.duckdb", "data/x.duckdb"),
        (":memory:", "name a file below data/"),
        ("md:my_db", "destination: motherduck"),
    ],
)
def test_a_file_outside_of_data_is_refused_with_the_way_out(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolved(tmp_path, "duckdb", f'[destination.duckdb]\ncredentials = "{text}"\n')
    assert caught.value.message.startswith(f"{tmp_path}/sources.yml:2: acme: ")
    assert what.rpartition("|")[2] in caught.value.hint


def test_a_link_that_leaves_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "out").symlink_to("/etc")
    with pytest.raises(ConfigurationError, match="is not below"):
        resolved(tmp_path, "duckdb", '[destination.duckdb]\ncredentials = "data/out/x.duckdb"\n')


def test_a_dango_projects_duckdb_is_where_dango_keeps_it(tmp_path: Path) -> None:
    write(tmp_path, "platform: {duckdb_path: ./data/dango.duckdb}\n", ".dango/project.yml")
    project = load(write(tmp_path, entry("duckdb"), ".dango/sources.yml"))
    made = drivers_for(project, source(project, "acme"), {}).destination
    assert (made.file, made.lock) == ("/data/dango.duckdb", "/data/.dango.duckdb.lock")


def test_a_named_destination_has_its_own_type_and_file(tmp_path: Path) -> None:
    made = resolved(tmp_path, "lake", config='[destination.lake]\ndestination_type = "duckdb"\n')
    assert (made.type, made.name, made.file) == ("duckdb", "lake", "/data/lake.duckdb")
    by_variable = resolved(tmp_path / "b", "duckdb", DESTINATION__DUCKDB__CREDENTIALS="data/v.duckdb")
    assert by_variable.file == "/data/v.duckdb"


def test_the_pipelines_own_settings_of_a_destination_win(tmp_path: Path) -> None:
    secrets = '[destination.duckdb]\ncredentials = "data/a.duckdb"\n'
    secrets += '[acme.destination.duckdb]\ncredentials = "data/b.duckdb"\n'
    assert resolved(tmp_path, "duckdb", secrets).file == "/data/b.duckdb"
    project = given(tmp_path, entry("duckdb"), secrets)
    assert "duckdb" not in "".join(cut(project, "acme").files.values()).replace("destination.duckdb", "")


def test_a_folder_of_files_is_below_data_and_a_bucket_is_not_here(tmp_path: Path) -> None:
    plain = resolved(tmp_path / "a", "filesystem")
    assert (plain.file, plain.lock, plain.shown) == ("/data/files", None, f"{tmp_path}/a/data/files")
    own = '[destination.filesystem]\nbucket_url = "file://data/lake"\n'
    assert resolved(tmp_path / "b", "filesystem", config=own).file == "/data/lake"
    bucket = resolved(
        tmp_path / "c",
        "filesystem",
        config='[destination.filesystem]\nbucket_url = "s3://lake/raw?key=hunter2"\n',
    )
    assert (bucket.file, bucket.shown) == (None, "s3://lake/raw")


@pytest.mark.parametrize(
    ("destination", "text", "file"),
    [
        ("sqlalchemy", 'credentials = "sqlite:///data/x.db"', "/data/x.db"),
        ("sqlalchemy", 'credentials = {drivername = "sqlite", database = "data/x.db"}', "/data/x.db"),
        ("sqlalchemy", 'credentials = "mysql://u:p@h/db"', None),
        ("ducklake", "", "/data/ducklake.sqlite"),
        ("ducklake", 'credentials.catalog = "postgres://u:p@h/db"', "/data/ducklake.files"),
        ("ducklake", 'credentials = {catalog = "duckdb:///data/c.duckdb"}', "/data/c.duckdb"),
        (
            "ducklake",
            'credentials = {catalog = "postgres://u:p@h/db", storage = {bucket_url = "s3://b"}}',
            None,
        ),
        ("lance", "", "/data/lance"),
        ("lance", 'storage.bucket_url = "s3://b"', None),
        ("lancedb", 'lance_uri = "data/x.lancedb"', "/data/x.lancedb"),
        ("lancedb", "", "/data/lancedb.lancedb"),
        ("lancedb", 'credentials.uri = "db://remote"', None),
        ("postgres", 'credentials = "postgres://u:p@h/db"', None),
        ("dummy", "", None),
    ],
)
def test_other_destinations_keep_their_files_below_data_too(
    tmp_path: Path, destination: str, text: str, file: str | None
) -> None:
    assert resolved(tmp_path, destination, f"[destination.{destination}]\n{text}\n").file == file


def test_an_unknown_type_is_told_with_the_near_miss(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'postgres'"):
        resolved(tmp_path, "lake", config='[destination.lake]\ndestination_type = "postgers"\n')


def test_the_slice_names_no_place_of_the_host(tmp_path: Path) -> None:
    for destination, text in [
        ("duckdb", 'credentials = "data/x.duckdb"'),
        ("duckdb", f'credentials = {{database = "{tmp_path}/data/x.duckdb", read_only = false}}'),
        ("filesystem", f'bucket_url = "{tmp_path}/data/lake"'),
        ("sqlalchemy", f'credentials = "sqlite:///{tmp_path}/data/x.db"'),
    ]:
        project = given(tmp_path, entry(destination), f"[destination.{destination}]\n{text}\nmore = 1\n")
        files = cut(project, "acme").files
        assert str(tmp_path) not in "".join(files.values()), destination
        assert "more = 1" in files[SECRETS_FILE]
    assert 'credentials = "sqlite:////data/x.db"' in files[SECRETS_FILE]


def dlts_own(project: Project) -> Any:
    """What dlt makes of the destination's configuration with the slice alone."""
    import dlt.destinations

    with in_the_job(project, "acme"):
        factory = getattr(dlt.destinations, project.sources[0].destination)()
        return factory.configuration(factory.spec()._bind_dataset_name(dataset_name="raw"))


def test_dlt_finds_files_where_the_container_has_them(tmp_path: Path) -> None:
    def made(destination: str, secrets: str = "") -> Any:
        root = tmp_path / f"p{len(list(tmp_path.iterdir()))}"
        return dlts_own(given(root, entry(destination), secrets, code="\n"))

    assert made("filesystem").bucket_url.removeprefix("file://") == "/data/files"
    lake = made("ducklake").credentials
    assert (lake.catalog.database, lake.storage_url) == ("/data/ducklake.sqlite", "/data/ducklake.files")
    catalog = '[destination.ducklake.credentials]\ncatalog = "postgres://u:p@h/db"\n'
    lake = made("ducklake", catalog).credentials
    assert (lake.catalog.host, lake.storage_url) == ("h", "/data/ducklake.files")
    own = '[destination.sqlalchemy]\ncredentials = "sqlite:///data/x.db"\n'
    assert made("sqlalchemy", own).credentials.database == "/data/x.db"
    assert made("lancedb").lance_uri == "/data/lancedb.lancedb"
    assert made("lance").storage.bucket_url.removeprefix("file://") == "/data/lance"


def test_a_folder_of_files_is_told_to_dlt_as_the_container_has_it(tmp_path: Path) -> None:
    project = given(tmp_path, entry("filesystem"))
    assert cut(project, "acme").files == {
        CONFIG_FILE: '[destination.filesystem]\nbucket_url = "/data/files"\n'
    }


@pytest.mark.parametrize(
    ("destination", "config", "extras"),
    [
        ("duckdb", "", ("duckdb",)),
        ("postgres", "", ("postgres",)),
        ("dummy", "", ()),
        ("filesystem", "", ("filesystem",)),
        ("filesystem", 'bucket_url = "s3://x"', ("filesystem", "s3")),
        ("filesystem", 'bucket_url = "abfss://x"', ("filesystem", "az")),
        ("lake", 'destination_type = "motherduck"', ("motherduck",)),
    ],
)
def test_a_destination_brings_its_own_extras(
    tmp_path: Path, destination: str, config: str, extras: tuple[str, ...]
) -> None:
    project = given(tmp_path, entry(destination), config=f"[destination.{destination}]\n{config}\n")
    assert drivers_for(project, source(project, "acme"), {}).extras == extras


def test_dlt_itself_has_every_destination_and_extra_that_is_listed_here() -> None:
    from importlib.metadata import metadata

    import dlt.destinations

    from launcher.config.destinations import EXTRAS

    assert set(EXTRAS) == set(dlt.destinations.__all__)
    provided = set(metadata("dlt").get_all("Provides-Extra") or ())
    assert {extra for extra in EXTRAS.values() if extra} <= provided
