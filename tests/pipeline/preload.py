"""What the processes of the tests are forked from: everything imported that a run imports, nothing run."""

from __future__ import annotations

import contextlib
import importlib

import dlt.common.libs.pyarrow
import dlt.destinations.impl.duckdb.duck
import dlt.destinations.impl.filesystem.filesystem
import dlt.destinations.impl.postgres.postgres
import dlt.load.load
import dlt.normalize.normalize
import dlt.sources.helpers.requests
import pyarrow.parquet

from runner.load import pipeline

LOADED = (dlt, pyarrow, pipeline)

# What dlt imports as it runs, where its version has it.
for _name in ("dlt._workspace.cli._plugins", "pendulum.locales.en.locale", "sqlalchemy"):
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)
