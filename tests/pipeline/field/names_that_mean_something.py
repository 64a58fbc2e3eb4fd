"""Arguments, resources and columns whose names mean something elsewhere: limit, name, schema, section, user."""

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration


@configspec
class Spec(BaseConfiguration):
    schema: str = "public"
    section: str = None
    user: str = None
    token: dlt.TSecretStrValue = None


@dlt.source(spec=Spec)
def load(
    run: int,
    limit: int = 3,
    resources=("a",),
    schema=dlt.config.value,
    section=dlt.config.value,
    user=dlt.config.value,
    token=dlt.secrets.value,
    **more,
):
    rows = [
        {"limit": limit, "schema": schema, "section": section, "user": user, "token": len(token), "run": run}
    ]
    yield dlt.resource(rows, name="tables")
    yield dlt.resource(rows, name="_dlt_like")
    yield dlt.resource(
        [{"table": 1, "select": 2, "_load_id": 3, "run": run, "_dlt": {"id": 4}}], name="select"
    )
