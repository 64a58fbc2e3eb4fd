"""A source's own secrets win over dlt's native places; a missing one is told with its cure.

The launcher lays an entry's own keys at ``[<pipeline>.sources]`` and leaves native places as they are.
"""

from __future__ import annotations

import pytest

from runner.contract import Destination, ExitCode, FailureKind
from tests.pipeline.runner.box import Box, Outcome

HEAD = "import dlt\nfrom dlt.sources.credentials import ConnectionStringCredentials, FileSystemCredentials\n"
WAYS = {
    "a source": """
@dlt.source
def orders(token: str = dlt.secrets.value):
    return dlt.resource([{"id": token}], name="orders")
""",
    "a source with another section and name": """
@dlt.source(name="other", section="elsewhere")
def orders(token: str = dlt.secrets.value):
    return dlt.resource([{"id": token}], name="orders")
""",
    "a resource": """
@dlt.resource
def orders(token: str = dlt.secrets.value):
    yield [{"id": token}]
""",
    "a resource within a source": """
@dlt.source
def orders():
    @dlt.resource
    def orders(token: str = dlt.secrets.value):
        yield [{"id": token}]
    return orders
""",
    "a transformer": """
@dlt.transformer(data_from=dlt.resource([1], name="ids"))
def orders(item, token: str = dlt.secrets.value):
    yield [{"id": token}]
""",
    "a parallelized resource": """
@dlt.resource(parallelized=True)
def orders(token: str = dlt.secrets.value):
    yield [{"id": token}]
""",
    "an async source": """
@dlt.source
async def orders(token: str = dlt.secrets.value):
    return dlt.resource([{"id": token}], name="orders")
""",
    "a plain generator": """
def orders(token=dlt.secrets.value):
    yield [{"id": token}]
""",
    "a plain function": """
def orders(token: str = dlt.secrets.value):
    return [{"id": token}]
""",
    "a plain coroutine": """
async def orders(token: str = dlt.secrets.value):
    return [{"id": token}]
""",
    "a source made when the module is imported": """
@dlt.source
def make(token: str = dlt.secrets.value):
    return dlt.resource([{"id": token}], name="orders")
orders = make()
""",
    "a resource with a default of None": """
@dlt.resource
def orders(token: str = None):
    yield [{"id": token}]
""",
}


def ids(box: Box, secrets: str, **changes: object) -> list[str]:
    """What the rows' ids came to: the secrets that the source got."""
    outcome = box.run(secrets, **changes)  # type: ignore[arg-type]
    assert outcome.code == 0, outcome.log
    return sorted(row[0] for row in box.rows("select id from raw_shop.orders"))


@pytest.mark.parametrize("way", WAYS)
def test_the_entrys_own_secret_wins_over_the_native_places(box: Box, way: str) -> None:
    box.write("shop.py", HEAD + WAYS[way])
    native = "".join(
        f"[sources.{section}]\ntoken = 'native'\n"
        for section in ("shop", "shop.orders", "elsewhere", "elsewhere.other", "orders")
    )
    assert ids(box, "token = 'root'\n[shop.sources]\ntoken = 'own-secret'\n" + native) == ["own-secret"]


@pytest.mark.parametrize("way", [way for way in WAYS if "another section" not in way])
def test_without_one_of_its_own_the_modules_native_secret_is_found(box: Box, way: str) -> None:
    box.write("shop.py", HEAD + WAYS[way])
    assert ids(box, "[sources.shop]\ntoken = 'native-secret'\n") == ["native-secret"]


@pytest.mark.parametrize("way", [way for way in WAYS if "None" not in way])
def test_a_missing_secret_is_told_with_the_line_to_paste_in_a_run_and_in_check(box: Box, way: str) -> None:
    box.write("shop.py", HEAD + WAYS[way])
    for outcome in (
        box.check(secret_names=("sources.shop.tokne",)),
        box.run(secret_names=("sources.shop.tokne",)),
    ):
        assert (outcome.code, outcome.failure.kind) == (
            ExitCode.CONFIGURATION,
            FailureKind.SECRETS_MISSING,
        ), outcome.log
        assert outcome.failure.message == "missing secret 'token' for source 'shop' (there is 'tokne')"
        assert outcome.failure.hint == 'add to .dlt/secrets.toml:\n[sources.shop]\ntoken = "…"'
    verdicts = box.check().stored.verdicts
    assert (verdicts[-1].what, verdicts[-1].ok) == ("secrets", False) or "import" in way


CREDENTIALS = """
@dlt.source
def orders(credentials: ConnectionStringCredentials = dlt.secrets.value):
    return dlt.resource([{"id": credentials.to_native_representation()}], name="orders")
"""


def test_nested_credentials_and_connection_strings_are_read_from_the_entrys_keys(box: Box) -> None:
    box.write("shop.py", HEAD + CREDENTIALS)
    fields = {
        "drivername": "postgresql",
        "host": "own-host",
        "username": "me",
        "password": "own-pass",
        "database": "d",
    }
    own = "[shop.sources.credentials]\n" + "".join(f"{key} = '{value}'\n" for key, value in fields.items())
    assert ids(box, own) == ["postgresql://me:own-pass@own-host/d"]
    string = "[shop.sources]\ncredentials = 'postgresql://me:other@own-host/d'\n"
    assert ids(box, string, full_refresh=True) == ["postgresql://me:other@own-host/d"]


def test_missing_fields_of_nested_credentials_are_told_in_one_message(box: Box) -> None:
    box.write("shop.py", HEAD + CREDENTIALS)
    outcome = box.check("[shop.sources.credentials]\nhost='h'\n")
    assert outcome.failure.kind is FailureKind.SECRETS_MISSING
    assert "'drivername'" in outcome.failure.message
    assert "[sources.shop.credentials]" in outcome.failure.hint
    assert 'drivername = "…"' in outcome.failure.hint
    import tomlkit

    pasted = tomlkit.parse(outcome.failure.hint.partition("\n")[2]).unwrap()
    assert "drivername" in pasted["sources"]["shop"]["credentials"]


WAYS_IN = """
from typing import ClassVar, List, Union
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretValue

@configspec
class Base(CredentialsConfiguration):
    subdomain: str = dlt.config.value

@configspec
class Password(Base):
    email: str = dlt.config.value
    password: TSecretValue = dlt.secrets.value

@configspec
class Token(Base):
    email: str = dlt.config.value
    token: TSecretValue = dlt.secrets.value

@configspec
class OAuth(Base):
    oauth_token: TSecretValue = dlt.secrets.value

@dlt.source
def orders(credentials: Union[Password, Token, OAuth] = dlt.secrets.value, region: str = dlt.secrets.value):
    return dlt.resource([{"id": type(credentials).__name__}], name="orders")
"""


@pytest.mark.parametrize(
    ("there", "first", "others"),
    [
        ("", ["subdomain", "email", "password"], ["subdomain, email, token", "subdomain, oauth_token"]),
        ("subdomain='s'\nemail='e'\n", ["password"], ["token", "oauth_token"]),
    ],
)
def test_each_of_the_ways_that_a_source_takes_is_told_with_all_that_it_lacks(
    box: Box, there: str, first: list[str], others: list[str]
) -> None:
    box.write("shop.py", HEAD + WAYS_IN)
    failure = box.check(f"[shop.sources.credentials]\n{there}").failure
    named = ", ".join(f"'{name}'" for name in (*first, "region"))
    assert failure.message == f"missing secrets {named} for source 'shop'"
    assert failure.hint.splitlines()[1:] == [
        "[sources.shop.credentials]",
        *(f'{name} = "…"' for name in first),
        *(f"# or: {names}" for names in others),
        "[sources.shop]",
        'region = "…"',
    ]


def test_a_missing_setting_that_is_no_secret_goes_to_config_toml(box: Box) -> None:
    box.write(
        "shop.py", HEAD + "@dlt.resource\ndef orders(region: str = dlt.config.value):\n    yield region\n"
    )
    assert box.check().failure.hint == 'add to .dlt/config.toml:\n[sources.shop]\nregion = "…"'
    assert box.check(config="[shop.sources]\nregion = 'eu'\n").code == 0


@pytest.mark.parametrize(
    "code",
    [
        'KEY = dlt.secrets["sources.acme.extra"]\n\ndef orders():\n    yield KEY\n',
        '@dlt.source\ndef orders():\n    return [dlt.resource([dlt.secrets["sources.acme.extra"]])]\n',
        'def orders():\n    yield dlt.secrets["sources.acme.extra"]\n',
    ],
    ids=["at import", "a source", "a generator"],
)
def test_a_secret_that_the_code_asks_by_its_place_is_told_with_that_place(box: Box, code: str) -> None:
    box.write("shop.py", HEAD + code)
    outcome = box.run(secret_names=("sources.acme.other",))
    assert outcome.failure.kind is FailureKind.SECRETS_MISSING, outcome.log
    assert outcome.failure.message == "missing secret 'sources.acme.extra' for source 'shop'"
    assert outcome.failure.hint == 'add to .dlt/secrets.toml:\n[sources.acme]\nextra = "…"'


def test_a_missing_secret_of_the_destination_names_the_destinations_section(box: Box) -> None:
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    outcome = box.run(destination=Destination("postgres"))
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.SECRETS_MISSING), (
        outcome.log
    )
    assert "for destination 'postgres'" in outcome.failure.message
    assert "[destination.postgres.credentials]" in outcome.failure.hint


def test_a_secret_of_the_wrong_type_is_told_without_its_value(box: Box) -> None:
    box.write("shop.py", HEAD + "@dlt.resource\ndef orders(n: int = dlt.secrets.value):\n    yield n\n")
    outcome = box.run("[shop.sources]\nn = 'not-a-number-9'\n")
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.CONFIGURATION)
    assert "'n'" in outcome.failure.message.replace("`", "'")
    assert "not-a-number-9" not in outcome.everything


def shop_database(box: Box) -> str:
    import sqlite3

    path = box.root / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (id text)")
        connection.execute("insert into orders values ('from sqlite')")
    return f"sqlite:///{path}"


def test_sql_database_reads_the_entrys_connection_string(box: Box) -> None:
    secrets = f"[shop.sources]\ncredentials = '{shop_database(box)}'\n[sources.sql_database]\ncredentials = 'sqlite:////no/such'\n"
    assert ids(box, secrets, module="sql_database", function="sql_database") == ["from sqlite"]
    changes = {"function": "sql_table", "kwargs": {"table": "orders"}, "full_refresh": True}
    assert ids(box, secrets, module="sql_database", **changes) == ["from sqlite"]


def test_sql_database_takes_its_connection_string_as_an_argument_too(box: Box) -> None:
    address = shop_database(box)
    outcome = box.run(
        values={"DSN": address},
        module="sql_database",
        function="sql_database",
        kwargs={"credentials": "env:DSN"},
    )
    assert outcome.code == 0, outcome.log
    assert box.rows("select id from raw_shop.orders") == [("from sqlite",)]


def test_filesystem_reads_the_entrys_settings(box: Box) -> None:
    (box.root / "files").mkdir()
    (box.root / "files/a.csv").write_text("id\n1\n")
    outcome = box.run(
        config=f"[shop.sources]\nbucket_url = 'file://{box.root}/files'\n[sources.filesystem]\nbucket_url = 'file:///none'\n",
        module="filesystem",
        function="filesystem",
        kwargs={"file_glob": "*.csv"},
    )
    assert outcome.code == 0, outcome.log
    assert box.rows("select file_name from raw_shop.filesystem") == [("a.csv",)]


REST = {
    "client": {"base_url": "http://127.0.0.1:9/", "auth": {"type": "bearer"}},
    "resources": [{"name": "orders", "endpoint": "orders"}],
}


def rest(box: Box, secrets: str) -> Outcome:
    return box.check(secrets, module="rest_api", function="rest_api_source", kwargs={"config": REST})


def test_rest_api_finds_its_token_among_the_entrys_credentials(box: Box) -> None:
    outcome = rest(box, "[shop.sources.credentials]\ntoken = 'own-token-1'\n")
    if outcome.stored.versions["dlt"] < "1.3":
        # Such a dlt wants the token in the configuration itself.
        assert (outcome.code, "BearerTokenAuthConfig" in outcome.failure.message) == (ExitCode.FAILED, True)
        return
    assert outcome.code == 0, outcome.log
    outcome = rest(box, "")
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.SECRETS_MISSING), (
        outcome.log
    )
    assert "'token'" in outcome.failure.message
    assert outcome.failure.hint == 'add to .dlt/secrets.toml:\n[sources.shop.credentials]\ntoken = "…"'


def test_check_looks_up_the_secrets_of_resources_and_of_what_feeds_them(box: Box) -> None:
    box.write(
        "shop.py",
        """
        import dlt

        @dlt.resource
        def parent(parent_key: str = dlt.secrets.value):
            raise RuntimeError("extracted")

        @dlt.transformer(data_from=parent)
        def child(item, child_key: str = dlt.secrets.value):
            yield item

        @dlt.source
        def orders():
            return child, dlt.resource([1], name="other")
        """,
    )
    assert "'child_key'" in box.check("[shop.sources]\nparent_key = 'k'\n").failure.message
    assert "'parent_key'" in box.check("[shop.sources]\nchild_key = 'k'\n").failure.message
    assert box.check("[shop.sources]\nparent_key = 'k'\nchild_key = 'k'\n").code == 0
    assert box.check(resources=("other",)).code == 0
    outcome = box.check(resources=("othre",))
    assert (outcome.code, outcome.failure.kind) == (ExitCode.CONFIGURATION, FailureKind.CONFIGURATION)
    assert "has no resource 'othre'; did you mean 'other'?" in outcome.failure.message
