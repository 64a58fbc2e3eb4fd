"""dlt's own helpers on the way: pivot, the first rows, what is skipped."""

import dlt
from dlt.sources.helpers.transform import pivot, skip_first, take_first


@dlt.source
def load(run: int):
    matrix = dlt.resource([{"id": run, "m": [[1, 2], [3, 4]]}], name="matrix").add_map(
        pivot("$.m", prefix="c")
    )

    @dlt.resource
    def numbers():
        for n in range(10):
            yield {"n": n}

    some = numbers.with_name("some").add_filter(skip_first(2)).add_filter(take_first(3))

    return matrix, some
