"""What the processes of the tests are forked from: everything imported, nothing run."""

from __future__ import annotations

import dlt.destinations.impl.duckdb.duck
import dlt.destinations.impl.filesystem.filesystem
import dlt.destinations.impl.postgres.postgres
import dlt.load.load
import dlt.normalize.normalize
import pyarrow.parquet

from runner.load import pipeline

LOADED = (dlt, pyarrow, pipeline)
