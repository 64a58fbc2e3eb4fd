"""State by hand: of the source, shared by a resource and a transformer, and of single resources."""

import dlt


@dlt.source(name="crm")
def load(run: int):
    @dlt.resource
    def users():
        state = dlt.current.source_state()
        first = state.setdefault("next", 1)
        state["runs"] = [*state.get("runs", []), run]
        for number in range(first, first + 3):
            state["next"] = number + 1
            yield {"id": number, "runs": len(state["runs"])}

    @dlt.transformer(data_from=users)
    def mails(user):
        seen = dlt.current.resource_state().setdefault("seen", {})
        seen[str(user["id"])] = run
        yield {"user": user["id"], "seen": len(seen), "next": dlt.current.source_state()["next"]}

    return users, mails
