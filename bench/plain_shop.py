"""The hand-written script that `dltpod sync shop` is held against: the same rows by plain dlt."""

import dlt
from dlt.sources.sql_database import sql_database

source = sql_database(credentials="sqlite:////workspace/shop.db")
for resource in source.resources.values():
    resource.apply_hints(write_disposition="merge")
pipeline = dlt.pipeline(
    "shop",
    destination=dlt.destinations.duckdb("/data/plain.duckdb"),
    dataset_name="raw_shop",
    pipelines_dir="/state",
)
print(pipeline.run(source))
