"""A module with the interface of dlt's verified source for MongoDB, for tests where that can't be had."""

from collections.abc import Iterator
from typing import Any, Optional

import dlt
from bson.objectid import ObjectId
from pymongo import MongoClient


@dlt.source
def mongodb(
    connection_url: str = dlt.secrets.value,
    database: Optional[str] = dlt.config.value,
    collection_names: Optional[list[str]] = dlt.config.value,
    incremental: Optional[dlt.sources.incremental] = None,
    write_disposition: Optional[str] = dlt.config.value,
    limit: Optional[int] = None,
) -> Any:
    """A resource for each collection."""
    client: Any = MongoClient(connection_url, tz_aware=True)
    source = client[database] if database else client.get_default_database()

    def documents(
        name: str, incremental: Optional[dlt.sources.incremental] = None
    ) -> Iterator[list[dict[str, Any]]]:
        since = incremental.last_value if incremental else None
        found = source[name].find({incremental.cursor_path: {"$gte": since}} if incremental and since else {})
        rows = list(found.limit(limit) if limit else found)
        yield [{key: str(v) if isinstance(v, ObjectId) else v for key, v in row.items()} for row in rows]

    for name in collection_names or source.list_collection_names():
        yield dlt.resource(
            documents, name=name, primary_key="_id", write_disposition=write_disposition or "append"
        )(name, incremental=incremental)
