"""The files that a new project and a new source begin with. ``NAME`` stands for the source's name."""

from __future__ import annotations

PROJECT = """\
# Each source runs in a container of its own: `dltpod sync NAME`.
# `dltpod new` adds one; `dltpod sources` lists what can be had.
version: 1

sources:
"""

IGNORED = (".dlt/secrets.toml", ".env", ".dltpod/", "data/", "__pycache__/")
"""What git must not keep: secrets, state and logs, file destinations."""

PYTHON_ENTRY = """\
- name: NAME
  dlt_native:
    source_module: NAME # custom_sources/NAME.py
    source_function: NAME
"""

PYTHON = '''\
# /// script
# dependencies = []  # the packages that it imports, such as "requests>=2.32"
# ///
"""NAME: put what asks your system in the place of `_changed`; the rest can stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt

EXAMPLE = [
    {"id": 1, "title": "first", "updated_at": "2024-01-01T08:00:00Z"},
    {"id": 2, "title": "second", "updated_at": "2024-01-02T08:00:00Z"},
    {"id": 3, "title": "third", "updated_at": "2024-01-03T08:00:00Z"},
]


@dlt.resource(primary_key="id", write_disposition="merge")
def NAME(
    # token: str = dlt.secrets.value,  # token = "..." below [sources.NAME] in .dlt/secrets.toml
    updated_at: Any = dlt.sources.incremental("updated_at", initial_value="2000-01-01T00:00:00Z"),
) -> Iterator[dict[str, Any]]:
    """Rows that changed since the last run; a row replaces the one of the same id."""
    yield from _changed(updated_at.last_value)


def _changed(since: str) -> Iterator[dict[str, Any]]:
    yield from (row for row in EXAMPLE if row["updated_at"] >= since)
'''

PYTHON_TEST = '''\
"""Runs without a container, where dlt and pytest are: `uvx --with dlt pytest tests/test_NAME.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "custom_sources" / "NAME.py"


def test_each_row_has_an_id_of_its_own() -> None:
    spec = importlib.util.spec_from_file_location("NAME_under_test", FILE)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ids = [row["id"] for row in module.NAME()]
    assert ids and len(ids) == len(set(ids))
'''

REST_API_ENTRY = """\
- name: NAME
  dlt_native:
    source_module: rest_api
    source_function: rest_api_source
    function_kwargs:
      config:
        client:
          base_url: https://api.example.com/v1/
          auth: {type: bearer} # its token: [sources.NAME.credentials] in .dlt/secrets.toml
        resource_defaults: {primary_key: id, write_disposition: merge}
        resources: # a table each
          - customers
          - name: orders
            endpoint:
              path: orders
              params: {since: "{incremental.start_value}"}
              incremental: {cursor_path: updated_at, initial_value: "2024-01-01"}
"""

SQL_DATABASE_ENTRY = """\
- name: NAME
  dlt_native:
    source_module: sql_database
    source_function: sql_database
    # function_kwargs: {table_names: [accounts, orders]} # without it: every table
    write_disposition: replace # whole tables; merge, where all of them have primary keys
"""

FILESYSTEM_ENTRY = """\
- name: NAME
  dlt_native:
    source_module: NAME # custom_sources/NAME.py
    source_function: NAME
    function_kwargs: {folder: /workspace/NAME, pattern: "*.csv"} # or s3://bucket/folder
  container:
    mounts: ["files/NAME:/workspace/NAME:ro"] # a folder of this machine
"""

FILESYSTEM = '''\
"""CSV files of a folder or a bucket: dlt's filesystem source finds them, and this reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.filesystem import filesystem
from pyarrow import csv


@dlt.source
def NAME(folder: str, pattern: str = "*.csv") -> Any:
    """The table NAME. Files that are new or changed since the last run are read, each as a whole."""
    files = filesystem(bucket_url=folder, file_glob=pattern)
    files.apply_hints(incremental=dlt.sources.incremental("modification_date"))
    return files | _rows


# With primary_key="..." and write_disposition="merge", the rows of a changed file replace those read before.
@dlt.transformer(name="NAME", write_disposition="append")
def _rows(files: Any) -> Iterator[Any]:
    for file in files:
        with file.open() as stream:
            yield csv.read_csv(stream)
'''

CSV = """\
id,product,quantity,ordered_at
1,apples,12,2024-01-01
2,pears,5,2024-01-02
3,plums,40,2024-01-03
"""
