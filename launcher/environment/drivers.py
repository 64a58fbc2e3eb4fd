"""Packages that a source needs for what it connects to: drivers, by the schemes of its addresses; readers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from launcher.config.destinations import bucket_extra
from launcher.secrets import code

_DRIVERS: dict[str, tuple[str, ...]] = {
    "postgresql": ("psycopg2-binary", "psycopg[binary]"),
    "postgresql+psycopg": ("psycopg[binary]",),
    "postgresql+psycopg2": ("psycopg2-binary",),
    "postgresql+pg8000": ("pg8000",),
    "mysql+pymysql": ("pymysql[rsa]",),
    "mariadb+pymysql": ("pymysql[rsa]",),
    "mysql+mysqlconnector": ("mysql-connector-python",),
    "mssql": ("pyodbc",),
    "mssql+pyodbc": ("pyodbc",),
    "mssql+pymssql": ("pymssql",),
    "oracle+oracledb": ("oracledb",),
    "snowflake": ("snowflake-sqlalchemy",),
    "bigquery": ("sqlalchemy-bigquery",),
    "redshift+psycopg2": ("sqlalchemy-redshift", "psycopg2-binary"),
    "cockroachdb": ("sqlalchemy-cockroachdb", "psycopg2-binary"),
    "clickhouse+http": ("clickhouse-sqlalchemy",),
    "clickhouse+native": ("clickhouse-sqlalchemy",),
    "clickhousedb": ("clickhouse-connect",),
    "duckdb": ("duckdb-engine",),
    "trino": ("trino[sqlalchemy]",),
    "databricks": ("databricks-sqlalchemy",),
    "ibm_db_sa": ("ibm-db-sa",),
    "hana": ("sqlalchemy-hana",),
    "vertica+vertica_python": ("sqlalchemy-vertica-python", "vertica-python"),
}
"""SQLAlchemy's name of dialect and driver to what brings it. For ``postgresql`` alone it takes psycopg 3 from
2.1 on, and psycopg2 before."""
_OTHERWISE = {
    "postgres": "postgresql",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mysql+mysqldb": "mysql+pymysql",
    "oracle": "oracle+oracledb",
    "oracle+cx_oracle": "oracle+oracledb",
    "redshift": "redshift+psycopg2",
    "clickhouse": "clickhouse+http",
}
"""Names that SQLAlchemy doesn't know, or whose driver has no wheels, to the one to write instead."""
_READERS = {"read_csv": ("pandas",), "readers": ("pandas",)}
_HELPERS = {"OAuthJWTAuth": ("pyjwt", "cryptography")}
"""Names of ``dlt.sources.filesystem`` and of dlt's REST helpers, to what they need besides dlt."""
CORE_SOURCES = {"sql_database": "sql-database", "filesystem": None, "rest_api": None}
"""dlt's own sources (``dlt.sources.<name>``), and the dlt extra that each needs."""


Needed = tuple[tuple[str, ...], str]
"""Packages that are installed unasked, and why. Without packages, it is only advice."""


def of_schemes(schemes: Iterable[str]) -> Iterator[Needed]:
    """The drivers that SQLAlchemy needs for addresses with these schemes (``postgresql+psycopg2``)."""
    for scheme in dict.fromkeys(schemes):
        if scheme in _DRIVERS:
            yield _DRIVERS[scheme], f"'{scheme}://'"
        elif scheme in _OTHERWISE:
            other = _OTHERWISE[scheme]
            yield (), f"'{scheme}://' has no driver that installs by itself: write '{other}://'"


def bucket_extras(schemes: Iterable[str]) -> dict[str, str]:
    """The dlt extras of the buckets that addresses with these schemes lie in, by scheme."""
    return {scheme: extra for scheme in schemes if (extra := bucket_extra(f"{scheme}://")) is not None}


def dlt_parts_used(module: str, function: str, resources: Sequence[str], files: Iterable[Path]) -> set[str]:
    """The parts of ``dlt.sources`` that the entry or the source's code names: ``filesystem.read_csv``, say.

    ``files`` are that code. None of them is run.
    """
    own = module.removeprefix("dlt.sources.")
    chosen = resources if resources and function == "readers" else (function, *resources)
    named = {f"{own}.{name}" for name in chosen} if own.partition(".")[0] in CORE_SOURCES else set()
    for file in files:
        for node in code.read_module(file).imports:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlt.sources"):
                place = (node.module or "").removeprefix("dlt.sources").lstrip(".")
                named |= {f"{place}.{alias.name}".lstrip(".") for alias in node.names}
    return named


def of_names(named: Iterable[str]) -> Iterator[Needed]:
    """What these parts of ``dlt.sources`` (see ``dlt_parts_used``) need besides dlt."""
    last = {name.rpartition(".")[2] for name in named}
    for name, packages in {**_READERS, **_HELPERS}.items():
        if name in last:
            yield packages, name


def core_extra(module: str) -> str | None:
    """The dlt extra that one of dlt's own sources needs, by its bare name or as ``dlt.sources.<name>``."""
    return CORE_SOURCES.get(module.removeprefix("dlt.sources.").partition(".")[0])


def core_extras(files: Iterable[Path]) -> set[str]:
    """The dlt extras that Python files need because they import dlt's own sources.

    A file that can't be read or parsed is skipped: its run reports it. No file is run.
    """
    found: set[str] = set()
    for file in files:
        for node in code.read_module(file).imports:
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif not node.level:
                modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for module in modules:
                extra = core_extra(module)
                if module.startswith("dlt.sources.") and extra is not None:
                    found.add(extra)
    return found
