"""Many syncs in a row, in one process: what do they leave behind?

    python bench/soak.py --syncs 200

Prints one line every 20 syncs and, at the end, what grew. Exits with 1 where anything did: a container,
a network or a volume of this project, a temporary file, an open descriptor, a thread, or more than
16 MiB of memory between the tenth sync and the last.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

CODE = """
import dlt


@dlt.resource(name="rows", primary_key="id", write_disposition="append")
def rows(total: int = 100, at=dlt.sources.incremental("id", initial_value=0)):
    yield [{"id": n} for n in range((at.last_value or 0) + 1, total + 1)]
"""
SETTLED = 10
MEMORY_BYTES = 16 << 20


@dataclass(frozen=True)
class Left:
    """What is there after a number of syncs. Memory in bytes."""

    containers: int
    networks: int
    volumes: int
    temporary: int
    descriptors: int
    threads: int
    memory: int


def soak(client: docker.DockerClient, syncs: int, warm: int = SETTLED) -> tuple[Left, Left]:
    """Sync one source so many times; what is there after ``warm`` of them, and at the end.

    Raises RuntimeError where a sync fails or a row is lost or doubled.
    """
    from launcher import config
    from launcher.plan.options import SyncOptions
    from launcher.runs.sync import sync

    root = Path(tempfile.mkdtemp(prefix="soak-"))
    name = f"soak{secrets.token_hex(4)}"
    (root / "custom_sources").mkdir()
    (root / "temporary").mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(root / "temporary")
    (root / "custom_sources" / "soak.py").write_text(CODE)
    settled = None
    volumes = {volume.name for volume in client.volumes.list()}
    try:
        for number in range(1, syncs + 1):
            native = {
                "source_module": "soak",
                "source_function": "rows",
                "function_kwargs": {"total": number},
            }
            entry = {"name": "rows", "type": "dlt_native", "dlt_native": native}
            text = json.dumps({"version": 1, "project": name, "sources": [entry]})
            (root / "sources.yml").write_text(text)
            project = config.load(root / "sources.yml")
            (record,) = sync(project, project.sources, SyncOptions()).records
            if record.status != "ok" or record.total_rows != 1:
                raise RuntimeError(f"sync {number}: {record.status} {record.rows} {record.message}")
            if number == min(warm, syncs):
                settled = look(client, name, volumes)
            if number % 20 == 0:
                print(f"{number} syncs: {look(client, name, volumes)}", flush=True)
        assert settled is not None
        return settled, look(client, name, volumes)
    finally:
        tempfile.tempdir = before
        shutil.rmtree(root, ignore_errors=True)


def look(client: docker.DockerClient, project: str, before: set[str]) -> Left:
    """What is there now. Volumes have no label of ours: those that were not there ``before`` count."""
    label: dict[str, Any] = {"label": f"dltpod.project={project}"}
    time.sleep(0.2)
    status = Path("/proc/self/status").read_text()
    memory = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS"))
    return Left(
        containers=len(client.containers.list(all=True, filters=label, ignore_removed=True)),
        networks=len(client.networks.list(filters=label)),
        volumes=sum(volume.name not in before for volume in client.volumes.list()),
        temporary=sum(1 for _ in Path(tempfile.gettempdir()).iterdir()),
        descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=threading.active_count(),
        memory=memory,
    )


def grown(settled: Left, end: Left) -> list[str]:
    """What grew, in words."""
    found = []
    for name in ("containers", "networks", "volumes", "temporary", "descriptors", "threads"):
        first, last = getattr(settled, name), getattr(end, name)
        if last > first:
            found.append(f"{name}: {first} once all was warm, {last} at the end")
    if end.memory > settled.memory + MEMORY_BYTES:
        found.append(f"memory: {settled.memory >> 20} MiB, then {end.memory >> 20} MiB")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--syncs", type=int, default=200)
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from launcher.host.docker_engine import connect

    began = time.monotonic()
    settled, end = soak(connect(), arguments.syncs)
    found = grown(settled, end)
    for line in (f"after {SETTLED}: {settled}", f"at the end: {end}", *found):
        print(line)
    print(f"{arguments.syncs} syncs in {time.monotonic() - began:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
