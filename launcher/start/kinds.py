"""What a new source is made of, kind by kind: its entry, its secrets and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from launcher.start import templates


@dataclass(frozen=True)
class Secret:
    """A key of ``.dlt/secrets.toml``: below ``[sources.<name>]``, or in a ``section`` of that."""

    key: str
    comment: str = ""
    section: str = ""

    def header(self, name: str) -> str:
        """The section's line, for the source of this name."""
        return f"[sources.{name}{f'.{self.section}' if self.section else ''}]"


@dataclass(frozen=True)
class Kind:
    """A new source. ``entry`` is a YAML list of one item; ``files`` are by their path from the root."""

    entry: str
    secrets: tuple[Secret, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    todo: tuple[str, ...] = ()
    """What is to be filled in by hand before a run, secrets aside."""
    about: str = ""
    """Its description in ``dltpod sources``."""
    usual: str = ""
    """The name of a project's first source of this kind where none is given."""
    words: str = ""
    """Other words by which ``dltpod sources WORD`` finds this kind."""


KINDS: Mapping[str, Kind] = {
    "python": Kind(
        templates.PYTHON_ENTRY,
        files={"custom_sources/NAME.py": templates.PYTHON, "tests/test_NAME.py": templates.PYTHON_TEST},
        about="code of your own, in custom_sources/",
        usual="example",
    ),
    "rest_api": Kind(
        templates.REST_API_ENTRY,
        secrets=(Secret("token", "the bearer token", section="credentials"),),
        todo=("base_url and resources",),
        about="any REST API, by a list of its endpoints",
        usual="api",
        words="http https",
    ),
    "sql_database": Kind(
        templates.SQL_DATABASE_ENTRY,
        secrets=(
            Secret(
                "credentials",
                "postgresql://reader:PASSWORD@db.example.com:5432/crm; this machine is host.docker.internal",
            ),
        ),
        about="the tables of any database that SQLAlchemy reaches",
        usual="database",
        words="postgres postgresql mysql mariadb mssql sql server sqlite oracle db2 snowflake bigquery"
        " redshift clickhouse databricks cockroachdb trino",
    ),
    "filesystem": Kind(
        templates.FILESYSTEM_ENTRY,
        files={"custom_sources/NAME.py": templates.FILESYSTEM, "files/NAME/example.csv": templates.CSV},
        about="files of a folder or a bucket: CSV, Parquet, JSON lines",
        usual="files",
        words="s3 gcs azure blob adls sftp minio jsonl",
    ),
}
"""The kinds that need no verified source; ``NAME`` stands for the source's name."""


def make(kind: str, name: str) -> Kind:
    """A source of one of KINDS, called ``name``. Raises KeyError for another kind."""
    found = KINDS[kind]
    files = {file.replace("NAME", name): text.replace("NAME", name) for file, text in found.files.items()}
    return replace(found, entry=found.entry.replace("NAME", name), files=files)
