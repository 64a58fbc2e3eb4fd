"""Work given to a pool of processes and of threads from within a resource."""

import concurrent.futures
import multiprocessing

import dlt


def squared(n: int) -> int:
    return n * n


@dlt.resource(write_disposition="replace")
def load(run: int):
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        yield [{"n": n} for n in pool.map(squared, range(3 * run))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for n in pool.map(squared, range(3)):
            yield {"n": -n}
