"""How deep tables nest, for a source as a whole and for single resources, one set after it was made."""

import dlt

ROW = {"id": 1, "a": {"b": {"c": {"d": 1}}}, "list": [{"x": 1, "inner": [{"y": 2}]}]}


@dlt.source(max_table_nesting=2)
def load(run: int):
    row = {**ROW, "run": run}
    yield dlt.resource([row], name="of_the_source")
    yield dlt.resource([row], name="flat", max_table_nesting=0)
    later = dlt.resource([row], name="later")
    later.max_table_nesting = 1
    yield later
