"""Adds the load id to Parquet files that a source imports as a whole (``dlt.mark.with_file_import``).

The runner sets dlt to add ids to Arrow rows, to find what a killed load left. dlt then declares a load id for
the table of such a file too, but doesn't add it to the file, and the destination would refuse the rows.
"""

from __future__ import annotations

import tempfile
import typing
from contextlib import AbstractContextManager
from pathlib import Path

from runner import patches


def with_load_ids() -> AbstractContextManager[None]:
    """Within the body the rows of Parquet files that sources import have load ids."""
    from dlt.extract.extractors import Extractor

    return patches.wrapped(Extractor, "_import_item", _import_item)


def _import_item(
    original: typing.Any, self: typing.Any, table_name: str, resource_name: str, meta: typing.Any
) -> None:
    columns = self.schema.get_table_columns(table_name)
    name = self.schema.naming.normalize_identifier("_dlt_load_id")
    if meta.file_format != "parquet" or name not in columns:
        original(self, table_name, resource_name, meta)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = type(meta)(str(Path(folder, "rows.parquet")), meta.metrics, meta.file_format)
        _copy(meta.file_path, copy.file_path, name, self.load_id)
        original(self, table_name, resource_name, copy)


def _copy(file: str, to: str, column: str, load_id: str) -> None:
    """Copies the file, a row group at a time, and sets ``column`` to ``load_id`` in each row."""
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as rows:
        field = pyarrow.field(column, pyarrow.string(), nullable=False)
        kept = [part for part in rows.schema_arrow if part.name != column]
        with pyarrow.parquet.ParquetWriter(to, pyarrow.schema([*kept, field])) as writer:
            for number in range(rows.num_row_groups):
                table = rows.read_row_group(number, columns=[part.name for part in kept])
                ids = pyarrow.repeat(pyarrow.scalar(load_id), table.num_rows)
                writer.write_table(table.append_column(field, ids))
