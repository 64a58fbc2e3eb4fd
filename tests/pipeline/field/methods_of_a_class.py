"""A connector written as a class, whose methods give the rows; a resource has its cursor put on afterwards."""

import functools

import dlt


class Connector:
    def __init__(self, base: str) -> None:
        self.base = base
        self.calls = 0

    def get(self, what: str, run: int):
        self.calls += 1
        return [{"what": what, "from": self.base, "call": self.calls, "run": run}]

    def orders(self, run: int):
        yield from self.get("orders", run)

    def __call__(self, run: int):
        yield dlt.resource(self.orders(run), name="orders")
        people = dlt.resource(self.get("people", run), name="people")
        people.apply_hints(incremental=dlt.sources.incremental("run", initial_value=0))
        yield people
        yield dlt.resource(functools.partial(self.get, "partial")(run), name="partial")


@dlt.source(name="connector")
def load(run: int):
    return Connector("https://api.example")(run)
