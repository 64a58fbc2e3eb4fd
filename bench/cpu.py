"""Seconds of processors: of processes, and of containers, which are no children of the command."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Iterator

import docker


def of_children() -> float:
    """CPU seconds of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def of_containers(project: str) -> Iterator[dict[str, float]]:
    """CPU seconds of each container of a project while this lasts, as last seen before its end."""
    used: dict[str, float] = {}
    ended = threading.Event()
    client = docker.from_env()

    def look() -> None:
        while not ended.wait(0.1):
            # No answer, or one without figures, of a container that ends just now.
            with contextlib.suppress(docker.errors.APIError, KeyError, ValueError):
                for found in client.api.containers(filters={"label": f"dltpod.project={project}"}):
                    stats = client.api.stats(found["Id"], stream=False, one_shot=True)
                    usage = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
                    used[found["Id"]] = max(usage, used.get(found["Id"], 0))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield used
    finally:
        ended.set()
        thread.join()
        client.close()
