"""What a new source is made of, kind by kind: its entry, its secrets and its files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from launcher.start import templates

KINDS = ("python", "rest_api", "sql_database", "filesystem")


@dataclass(frozen=True)
class Secret:
    """A key of ``.dlt/secrets.toml``: below ``[sources.<name>]``, or in a ``section`` of that."""

    key: str
    comment: str = ""
    section: str = ""


@dataclass(frozen=True)
class Kind:
    """A new source. ``entry`` is a YAML list of one item; ``files`` are by their path from the root."""

    entry: str
    secrets: tuple[Secret, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    todo: tuple[str, ...] = ()
    """What is to be filled in by hand before a run, secrets aside."""


def make(kind: str, name: str) -> Kind:
    """A source of one of KINDS, called ``name``."""
    return _MAKERS[kind](name)


def _python(name: str) -> Kind:
    return Kind(
        entry=_entry(
            f"""
            - name: {name}
              dlt_native:
                source_module: {name} # custom_sources/{name}.py
                source_function: {name}
            """
        ),
        files={
            f"custom_sources/{name}.py": templates.PYTHON.replace("NAME", name),
            f"tests/test_{name}.py": templates.PYTHON_TEST.replace("NAME", name),
        },
    )


def _filesystem(name: str) -> Kind:
    return Kind(
        entry=_entry(
            f"""
            - name: {name}
              dlt_native:
                source_module: {name} # custom_sources/{name}.py
                source_function: {name}
                function_kwargs: {{folder: /workspace/{name}, pattern: "*.csv"}} # or s3://bucket/folder
              container:
                mounts: ["files/{name}:/workspace/{name}:ro"] # a folder of this machine
            """
        ),
        files={
            f"custom_sources/{name}.py": templates.FILESYSTEM.replace("NAME", name),
            f"files/{name}/example.csv": templates.CSV,
        },
    )


def _rest_api(name: str) -> Kind:
    return Kind(
        entry=_entry(
            f"""
            - name: {name}
              dlt_native:
                source_module: rest_api
                source_function: rest_api_source
                function_kwargs:
                  config:
                    client:
                      base_url: https://api.example.com/v1/
                      auth: {{type: bearer}} # its token: [sources.{name}.credentials] in .dlt/secrets.toml
                    resource_defaults: {{primary_key: id, write_disposition: merge}}
                    resources: # a table each
                      - customers
                      - name: orders
                        endpoint:
                          path: orders
                          params: {{since: "{{incremental.start_value}}"}}
                          incremental: {{cursor_path: updated_at, initial_value: "2024-01-01"}}
            """
        ),
        secrets=(Secret("token", "the bearer token", section="credentials"),),
        todo=("base_url and resources",),
    )


def _sql_database(name: str) -> Kind:
    return Kind(
        entry=_entry(
            f"""
            - name: {name}
              dlt_native:
                source_module: sql_database
                source_function: sql_database
                # function_kwargs: {{table_names: [accounts, orders]}} # without it: every table
                write_disposition: replace # whole tables; merge, where all of them have primary keys
            """
        ),
        secrets=(
            Secret(
                "credentials",
                "postgresql://reader:PASSWORD@db.example.com:5432/crm; this machine is host.docker.internal",
            ),
        ),
    )


_MAKERS: Mapping[str, Callable[[str], Kind]] = {
    "python": _python,
    "rest_api": _rest_api,
    "sql_database": _sql_database,
    "filesystem": _filesystem,
}


def _entry(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")
