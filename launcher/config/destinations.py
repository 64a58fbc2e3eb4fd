"""dlt's destinations, by name, and the dlt extra that each needs."""

from __future__ import annotations

from collections.abc import Mapping

EXTRAS: Mapping[str, str | None] = {
    "athena": "athena",
    "bigquery": "bigquery",
    "clickhouse": "clickhouse",
    "databricks": "databricks",
    "destination": None,
    "dremio": "dremio",
    "duckdb": "duckdb",
    "ducklake": "ducklake",
    "dummy": None,
    "fabric": "fabric",
    "filesystem": "filesystem",
    "lance": "lance",
    "lancedb": "lancedb",
    "motherduck": "motherduck",
    "mssql": "mssql",
    "postgres": "postgres",
    "qdrant": "qdrant",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "sqlalchemy": "sqlalchemy",
    "synapse": "synapse",
    "weaviate": "weaviate",
}
"""Destination to extra, None where it needs none: dlt 1.31's ``dlt.destinations.__all__`` and metadata."""

_SCHEMES: Mapping[str, str] = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfss": "az",
    "azure": "az",
    "sftp": "sftp",
    "hf": "hf",
}
"""``bucket_url``'s scheme to the extra that brings its driver."""


def bucket_extra(bucket_url: str) -> str | None:
    """The extra that the scheme of a ``bucket_url`` asks for; None for a folder and for an unknown scheme."""
    scheme, colon, _ = bucket_url.partition("://")
    return _SCHEMES.get(scheme.lower()) if colon else None
