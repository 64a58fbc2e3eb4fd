"""Async generators, async functions and parallel ones side by side, one with a cursor."""

import asyncio
import threading
import time

import dlt


@dlt.source
def load(run: int):
    @dlt.resource(primary_key="id", write_disposition="merge")
    async def streamed(at=dlt.sources.incremental("id", initial_value=0)):
        for number in range(1, 4 * run + 1):
            await asyncio.sleep(0)
            yield {"id": number}

    @dlt.resource(write_disposition="replace")
    async def fetched():
        async def one(number):
            await asyncio.sleep(0.001)
            return {"n": number, "run": run}

        for number in range(3):
            yield one(number)

    def threads(name):
        @dlt.resource(name=name, parallelized=True, write_disposition="replace")
        def rows():
            for number in range(5):
                time.sleep(0.001)
                yield {"n": number, "main": threading.current_thread() is threading.main_thread()}

        return rows

    return streamed, fetched, threads("left"), threads("right")
