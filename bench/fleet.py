"""200 tiny sources in one `dltpod sync --all -j 2`, against as many bare containers, two at a time.

A bare container is `docker run` of the sources' image with dlt alone, which loads the same row into a DuckDB
file; half of them are run before the fleet, and half after it.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import page
from bench.paired import seconds
from bench.warm_sync import DLTPOD, UNPRIVILEGED, image_of

AT_ONCE = 2
ONE = """\
def rows():
    yield {"id": 1}
"""
PLAIN = """\
import dlt

into = dlt.destinations.duckdb("/data/plain.duckdb")
pipeline = dlt.pipeline("one", destination=into, dataset_name="raw", pipelines_dir="/state")
pipeline.run([{"id": 1}], table_name="rows", write_disposition="replace")
"""
HEAD = "version: 1\nproject: fleet\nsources:\n"
SOURCE = """\
  - name: s{number}
    type: dlt_native
    destination: own{number}
    dlt_native: {{source_module: one, source_function: rows, write_disposition: replace}}
"""
DESTINATION = '[destination.own{number}]\ndestination_type = "duckdb"\n'


def main(*, quick: bool = False, count: int = 200) -> str:
    count = 10 if quick else count
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        _project(root, count)
        sync = [DLTPOD, "sync", "--all", "-j", str(AT_ONCE)]
        seconds(sync, root)  # builds the image, makes the files
        image = image_of(root, "s0")
        lanes = [_bare(root, image, f"plain{lane}") for lane in range(AT_ONCE)]
        _side_by_side(lanes, 1)  # makes the files
        half = count // AT_ONCE // 2
        before = _side_by_side(lanes, half)
        fleet = seconds(sync, root)
        after = _side_by_side(lanes, count // AT_ONCE - half)
    rows = [
        [f"`dltpod sync --all -j {AT_ONCE}` of {count} sources", f"{fleet:.1f}"],
        [f"{count} bare containers, {AT_ONCE} at a time", f"{before + after:.1f}"],
        ["ratio", f"{fleet / (before + after):.2f}"],
    ]
    return f"{page.machine()}\n{page.table(['', 'seconds'], rows)}"


def _side_by_side(lanes: list[list[str]], times: int) -> float:
    """Wall seconds until each of the commands, side by side, has run so many times."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(lanes)) as pool:
        list(pool.map(lambda lane: [seconds(lane) for _ in range(times)], lanes))
    return time.perf_counter() - began


def _project(root: Path, count: int) -> None:
    (root / "custom_sources").mkdir()
    (root / "custom_sources/one.py").write_text(ONE)
    (root / "sources.yml").write_text(HEAD + "".join(SOURCE.format(number=at) for at in range(count)))
    (root / ".dlt").mkdir()
    (root / ".dlt/config.toml").write_text("".join(DESTINATION.format(number=at) for at in range(count)))
    (root / "plain.py").write_text(PLAIN)


def _bare(root: Path, image: str, lane: str) -> list[str]:
    user = os.getuid() or UNPRIVILEGED
    folders = []
    for name in ("state", "data"):
        place = root / lane / name
        place.mkdir(parents=True)
        os.chown(place, user, -1)
        folders += ["-v", f"{place}:/{name}"]
    command = ["docker", "run", "--rm", "--user", f"{user}:{user}", "-e", "HOME=/tmp"]
    command += ["-e", "RUNTIME__DLTHUB_TELEMETRY=false", *folders, "-v", f"{root}/plain.py:/plain.py:ro"]
    return [*command, "--entrypoint", "/opt/venv/bin/python", image, "/plain.py"]


if __name__ == "__main__":
    print(main())
