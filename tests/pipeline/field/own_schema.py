"""A source with a schema of its own: types, preferred types, what is left out, a field handed down to children."""

import dlt
from dlt.common.normalizers.json.relational import DataItemNormalizer
from dlt.common.schema.utils import new_table

SCHEMA = dlt.Schema("crm")
SCHEMA.update_table(
    new_table(
        "people",
        columns=[{"name": "id", "data_type": "text"}, {"name": "joined_at", "data_type": "timestamp"}],
    )
)
SCHEMA.tables["people"]["filters"] = {"excludes": ["re:^internal"]}
SCHEMA._settings["preferred_types"] = {"re:_no$": "text"}
SCHEMA._compile_settings()
DataItemNormalizer.update_normalizer_config(
    SCHEMA, {"propagation": {"tables": {"people": {"id": "person_id"}}}}
)


@dlt.source(schema=SCHEMA, max_table_nesting=2)
def load(run: int):
    @dlt.resource
    def people():
        yield {"id": run, "joinedAt": 1767225600, "house_no": 7, "internal_x": 1, "mails": [{"mail": "a@x"}]}
        yield [
            {"id": run + 10, "joinedAt": 1767225601.5, "mails": [{"mail": "b"}, {"mail": "c", "deep": [1]}]}
        ]

    return people
