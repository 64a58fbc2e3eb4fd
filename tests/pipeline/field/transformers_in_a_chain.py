"""A chain of transformers, one deferred, one async, one that gives several rows of each, and a parallel pair."""

import asyncio
import time

import dlt


@dlt.resource(selected=False)
def pages(run: int):
    for page in range(2 * run):
        yield [{"id": page * 3 + n} for n in range(3)]


@dlt.transformer
def details(items):
    @dlt.defer
    def one(item):
        time.sleep(0.001)
        return {**item, "detail": f"of {item['id']}"}

    for item in items:
        yield one(item)


@dlt.transformer(write_disposition="replace")
async def prices(item):
    await asyncio.sleep(0.001)
    return {"id": item["id"], "price": item["id"] * 1.5}


@dlt.transformer(write_disposition="replace", parallelized=True)
def lines(item, per: int = 2):
    for n in range(per):
        yield {"id": item["id"], "n": n}


@dlt.source
def load(run: int):
    rows = pages(run) | details
    rows.write_disposition = "replace"
    return rows, rows | prices, rows | lines(per=3)
