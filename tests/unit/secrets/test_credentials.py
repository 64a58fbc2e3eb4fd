"""The real dlt finds each source's own credentials in its slice, and falls back as it would by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.secrets.asking import answer, given, in_the_job

CODE = """\
import dlt
from dlt.common.configuration.specs import ConnectionStringCredentials


@dlt.source
def api(token: str = dlt.secrets.value, subdomain: str = dlt.config.value, page_size: int = 10):
    @dlt.resource
    def rows():
        yield {"token": token, "subdomain": subdomain, "page_size": page_size}

    return rows


@dlt.resource
def bare(token: str = dlt.secrets.value):
    yield {"token": token}


@dlt.resource
async def awaited(token: str = dlt.secrets.value):
    yield {"token": token}


@dlt.transformer(data_from=bare)
def bound(item, token: str = dlt.secrets.value):
    yield {"token": token}


@dlt.source(name="renamed", section="elsewhere")
def renamed(token: str = dlt.secrets.value):
    return dlt.resource([{"token": token}], name="rows")


@dlt.source
def database(credentials: ConnectionStringCredentials = dlt.secrets.value):
    return dlt.resource([{"credentials": credentials.to_native_representation()}], name="rows")


@dlt.source
def nested(token: str = dlt.secrets.value):
    @dlt.resource
    def rows(since: str = dlt.config.value, token: str = dlt.secrets.value):
        yield {"since": since, "token": token}

    return rows


@dlt.source
def hard_coded():
    return dlt.resource([{"token": dlt.secrets["sources.api.token"]}], name="rows")
"""

TWO = """\
sources:
  - {name: acme, dlt_native: {source_module: api, source_function: api}}
  - {name: bolt, dlt_native: {source_module: api, source_function: api}}
"""

FLAT = """\
[sources.acme]
token = "acme's"
subdomain = "acme"
[sources.bolt]
token = "bolt's"
subdomain = "bolt"
page_size = 5
"""


def test_two_sources_on_one_module_hold_different_credentials(tmp_path: Path) -> None:
    project = given(tmp_path, TWO, FLAT, code=CODE)
    assert answer(project, "acme") == {"token": "acme's", "subdomain": "acme", "page_size": 10}
    assert answer(project, "bolt") == {"token": "bolt's", "subdomain": "bolt", "page_size": 5}


@pytest.mark.parametrize("function", ["bare", "awaited", "bound", "renamed", "nested", "hard_coded"])
def test_every_kind_of_callable_finds_the_entrys_own_token(tmp_path: Path, function: str) -> None:
    native = (
        '[sources.api]\ntoken = "native"\nsince = "2024"\n[sources.elsewhere.renamed]\ntoken = "native"\n'
    )
    project = given(tmp_path, TWO.replace("function: api", f"function: {function}"), FLAT + native, code=CODE)
    assert answer(project, "acme", function)["token"] == "acme's"
    assert answer(project, "bolt", function)["token"] == "bolt's"


@pytest.mark.parametrize(
    "native",
    [
        '[sources.api.api]\ntoken = "native"',
        '[sources.api]\ntoken = "native"',
        '[sources]\ntoken = "native"',
        'token = "native"',
        '[acme.sources.api.api]\ntoken = "native"',
        '[acme.sources]\ntoken = "native"',
        '[acme]\ntoken = "native"',
    ],
)
def test_dlts_native_places_are_the_fallback_and_the_entry_wins_over_each(
    tmp_path: Path, native: str
) -> None:
    config = '[sources.api]\nsubdomain = "x"\n'
    assert answer(given(tmp_path / "a", TWO, native, config, CODE), "acme")["token"] == "native"
    own = f'{native}\n[sources.acme]\ntoken = "own"\n'
    assert answer(given(tmp_path / "b", TWO, own, config, CODE), "acme")["token"] == "own"


def test_a_section_of_another_entry_is_never_a_fallback(tmp_path: Path) -> None:
    from dlt.common.configuration.exceptions import ConfigFieldMissingException

    sources = TWO.replace("name: bolt", "name: api")
    project = given(
        tmp_path, sources, '[sources.api]\ntoken = "the other account"\nsubdomain = "x"\n', code=CODE
    )
    assert answer(project, "api")["token"] == "the other account"
    with pytest.raises(ConfigFieldMissingException):
        answer(project, "acme")


def test_another_entrys_section_can_be_asked_for_by_name(tmp_path: Path) -> None:
    sources = TWO.replace("name: bolt", "name: api").replace(
        "function: api}}\n", "function: api, secret_sections: [sources.api]}}\n", 1
    )
    project = given(tmp_path, sources, '[sources.api]\ntoken = "shared"\nsubdomain = "x"\n', code=CODE)
    assert answer(project, "acme")["token"] == "shared"


def test_flat_parameters_are_found_among_the_entrys_credentials(tmp_path: Path) -> None:
    secrets = '[sources.acme]\nsubdomain = "s"\n[sources.acme.credentials]\ntoken = "t"\n'
    assert answer(given(tmp_path, TWO, secrets, code=CODE), "acme")["token"] == "t"


def test_a_flat_key_wins_over_the_same_key_among_the_credentials(tmp_path: Path) -> None:
    secrets = '[sources.acme]\nsubdomain = "s"\ntoken = "flat"\n[sources.acme.credentials]\ntoken = "t"\n'
    assert answer(given(tmp_path, TWO, secrets, code=CODE), "acme")["token"] == "flat"


DATABASES = TWO.replace("function: api", "function: database")
NATIVE_TABLE = """\
[sources.api.credentials]
drivername = "postgresql"
host = "native-host"
database = "native"
username = "native-user"
password = "native-password"
"""


@pytest.mark.parametrize(
    ("own", "address"),
    [
        ('[sources.acme]\ncredentials = "mysql://u:p@own/db"\n', "mysql://u:p@own/db"),
        (
            '[sources.acme.credentials]\ndrivername = "mysql"\ndatabase = "db"\nusername = "u"\n',
            "mysql://u@/db",
        ),
        (
            '[sources.acme.credentials]\ndrivername = "mysql"\ndatabase = "db"\nhost = "own"\nport = 99\n',
            "mysql://own:99/db",
        ),
    ],
)
@pytest.mark.parametrize(
    "native",
    [NATIVE_TABLE, NATIVE_TABLE.replace("sources.api.", ""), NATIVE_TABLE.replace("api.", "api.database.")],
)
def test_the_entrys_credentials_replace_the_native_ones_whole(
    tmp_path: Path, own: str, address: str, native: str
) -> None:
    project = given(tmp_path, DATABASES, native + own, code=CODE)
    assert answer(project, "acme", "database")["credentials"] == address


def test_native_credentials_serve_an_entry_that_has_none(tmp_path: Path) -> None:
    project = given(tmp_path, DATABASES, NATIVE_TABLE, code=CODE)
    assert answer(project, "acme", "database")["credentials"] == (
        "postgresql://native-user:native-password@native-host/native"
    )


def test_credentials_may_be_split_over_secrets_and_config(tmp_path: Path) -> None:
    secrets = '[sources.acme.credentials]\npassword = "p"\n'
    config = '[sources.acme.credentials]\ndrivername = "mysql"\nhost = "h"\ndatabase = "d"\nusername = "u"\n'
    project = given(tmp_path, DATABASES, secrets + NATIVE_TABLE, config, code=CODE)
    assert answer(project, "acme", "database")["credentials"] == "mysql://u:p@h/d"


def test_a_resources_own_section_below_the_entry_is_found(tmp_path: Path) -> None:
    sources = TWO.replace("function: api", "function: nested")
    secrets = '[sources.acme]\ntoken = "outer"\n[sources.acme.rows]\ntoken = "inner"\n'
    project = given(tmp_path, sources, secrets, '[sources.acme.rows]\nsince = "2024"\n', CODE)
    assert answer(project, "acme", "nested") == {"since": "2024", "token": "inner"}


SECTIONS = """\
import dlt
from dlt.common.configuration.specs import ConnectionStringCredentials


@dlt.source
def api(shop: ConnectionStringCredentials = dlt.secrets.value):
    @dlt.resource
    def rows(token: str = dlt.secrets.value, page: int = dlt.config.value, since: str = "ever"):
        yield {"token": token, "page": page, "since": since, "shop": shop.to_native_representation()}

    return rows
"""
SHOP = '[sources.acme.shop]\ndrivername = "mysql"\ndatabase = "own"\n'


@pytest.mark.parametrize("native", ["sources.api.rows", "sources.api.api.rows", "acme.sources.api.rows"])
@pytest.mark.parametrize("given_in", ["a variable", "secrets.toml", "config.toml"])
def test_a_resources_own_section_leaves_the_rest_of_its_native_one(
    tmp_path: Path, native: str, given_in: str
) -> None:
    environ = {"SOURCES__ACME__ROWS__TOKEN": "own"} if given_in == "a variable" else {}
    own = '[sources.acme.rows]\ntoken = "own"\n' if given_in == "secrets.toml" else ""
    config = f"[{native.replace('api.api', 'api')}]\npage = 3\n"
    if given_in == "config.toml":
        own, config = '[sources.acme]\ntoken = "own"\n', config + '[sources.acme.rows]\nsince = "2024"\n'
    secrets = f'{SHOP}{own}[{native}]\ntoken = "native"\n'
    project = given(tmp_path, TWO, secrets, config, SECTIONS)
    found = answer(project, "acme", environ=environ)
    assert found["token"] == "own"
    assert (found["page"], found["since"]) == (3, "2024" if given_in == "config.toml" else "ever")


def test_credentials_of_another_name_are_replaced_whole_too(tmp_path: Path) -> None:
    native = '[sources.api.shop]\nhost = "native"\npassword = "native"\nusername = "native"\n'
    rows = '[sources.acme.rows]\ntoken = "t"\npage = 1\n'
    project = given(tmp_path, TWO, SHOP + rows + native, native.replace("password", "port"), SECTIONS)
    assert answer(project, "acme")["shop"] == "mysql:///own"


@pytest.mark.parametrize("place", ["environ", ".env"])
def test_variables_of_the_same_meaning_win_over_the_files(tmp_path: Path, place: str) -> None:
    values = {"SOURCES__ACME__TOKEN": "from $a variable", "SOURCES__ACME__PAGE_SIZE": "7"}
    env = "".join(f"{name}='{value}'\n" for name, value in values.items()) if place == ".env" else ""
    project = given(tmp_path, TWO, FLAT, code=CODE, env=env)
    found = answer(project, "acme", environ=values if place == "environ" else {})
    assert found == {"token": "from $a variable", "subdomain": "acme", "page_size": 7}
    assert answer(project, "bolt", environ=values)["token"] == "bolt's"


def test_the_process_environment_wins_over_the_file_of_variables(tmp_path: Path) -> None:
    project = given(tmp_path, TWO, FLAT, code=CODE, env="SOURCES__ACME__TOKEN=file\n")
    assert answer(project, "acme", environ={"SOURCES__ACME__TOKEN": "process"})["token"] == "process"


def test_a_variable_of_the_module_is_a_native_place(tmp_path: Path) -> None:
    project = given(tmp_path, TWO, '[sources.acme]\nsubdomain = "x"\n', code=CODE)
    environ = {"SOURCES__API__TOKEN": "module's"}
    assert answer(project, "acme", environ=environ)["token"] == "module's"


def test_a_variable_replaces_a_table_of_the_same_name(tmp_path: Path) -> None:
    project = given(tmp_path, DATABASES, '[sources.acme.credentials]\nhost = "h"\n' + NATIVE_TABLE, code=CODE)
    environ = {"SOURCES__ACME__CREDENTIALS": "mysql://u:p@own/db"}
    assert answer(project, "acme", "database", environ)["credentials"] == "mysql://u:p@own/db"


def test_a_pipeline_name_of_its_own_changes_nothing(tmp_path: Path) -> None:
    sources = TWO.replace("source_function: api}}", "source_function: api, pipeline_name: nightly}}", 1)
    assert answer(given(tmp_path, sources, FLAT, code=CODE), "acme")["token"] == "acme's"


def test_the_destination_keeps_the_root_credentials_that_the_entry_replaces(tmp_path: Path) -> None:
    import dlt

    secrets = (
        'credentials = "postgres://u:p@warehouse/db"\n[sources.acme]\ncredentials = "mysql://u:p@own/db"\n'
    )
    sources = DATABASES.replace("{name: acme,", "{name: acme, destination: postgres,")
    project = given(tmp_path, sources, secrets, code=CODE)
    with in_the_job(project, "acme") as module:
        assert next(iter(module.database()))["credentials"] == "mysql://u:p@own/db"
        config = dlt.destinations.postgres().configuration(
            dlt.destinations.postgres().spec()._bind_dataset_name(dataset_name="raw")
        )
        assert (
            config.credentials.to_native_representation()
            == "postgres://u:p@warehouse:5432/db?connect_timeout=15"
        )


def test_credentials_in_another_entrys_section_are_shared_by_naming_it(tmp_path: Path) -> None:
    shared = (
        '[sources.crm.credentials]\ndrivername = "postgresql"\nhost = "h"\nusername = "u"\ndatabase = "d"\n'
    )
    sources = (
        "sources:\n"
        "  - {name: crm, dlt_native: {source_module: api, source_function: database}}\n"
        "  - {name: two, dlt_native: {source_module: api, source_function: database, "
        "secret_sections: [sources.crm]}}\n"
    )
    project = given(tmp_path, sources, shared + 'password = "p"\n', code=CODE)
    assert answer(project, "two", "database") == answer(project, "crm", "database")


def test_an_entrys_own_keys_win_over_those_that_it_shares(tmp_path: Path) -> None:
    sources = (
        "sources:\n"
        "  - {name: crm, dlt_native: {source_module: api, source_function: bare}}\n"
        "  - {name: two, dlt_native: {source_module: api, source_function: bare, "
        "secret_sections: [sources.crm]}}\n"
    )
    secrets = '[sources.crm]\ntoken = "of crm"\n[sources.two]\ntoken = "of two"\n'
    project = given(tmp_path, sources, secrets, code=CODE)
    assert answer(project, "two", "bare") == {"token": "of two"}


def test_the_name_that_the_decorator_gives_is_a_native_section(tmp_path: Path) -> None:
    code = CODE + (
        '\n@dlt.source(name="acme_api")\ndef named(token: str = dlt.secrets.value):\n'
        '    return dlt.resource([{"token": token}], name="x")\n'
    )
    sources = "sources:\n  - {name: one, dlt_native: {source_module: api, source_function: named}}\n"
    project = given(tmp_path, sources, '[sources.acme_api]\ntoken = "t"\n', code=code)
    assert answer(project, "one", "named") == {"token": "t"}
