"""Parquet files that a source hands over whole (``dlt.mark.with_file_import``) get their package's load id.

The runner has dlt give Arrow rows the ids by which it finds what a killed load left. dlt then promises a load
id in the table of such a file too, but doesn't write it into its rows: the destination refused them.
"""

from __future__ import annotations

import tempfile
import typing
from contextlib import AbstractContextManager
from pathlib import Path

from runner import patches


def with_load_ids() -> AbstractContextManager[None]:
    """Within the body Parquet files that sources hand over are loaded with load ids."""
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
    """The file's rows, each with ``load_id``, a row group at a time."""
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
