"""What an environment costs: cold, with a warm wheel cache, and when it is there already.

The set is a large one on purpose (pandas, scikit-learn, BigQuery's and Amazon's clients): what dltpod
adds to the installer is the same few steps for any set. Held against:

- `uv pip install` of the same set, compiled, into a fresh virtual environment in a container of the same
  image, with a warm cache in a volume: the bare work, without the layer that has to be made of it;
- `pip install` into a fresh virtual environment on the host, its cache warm.

Each build is of a new set: a bound that excludes nothing makes the digest another and the wheels the same.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from bench import page
from bench.paired import Spread, alternate, seconds

DLTPOD = str(Path(sys.executable).parent / "dltpod")
SET = ("pandas>=2", "scikit-learn", "google-cloud-bigquery", "boto3", "sqlalchemy", "stripe")
VOLUME = "dltpod-bench-" + uuid.uuid4().hex[:8]

_versions = itertools.count(int(uuid.uuid4().hex[:6], 16))


def main(*, quick: bool = False) -> str:
    runs = 1 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _new_set(root)
        cold = _build(root)
        _, source = _image(root)
        try:
            bare = _bare_install(root, source)
            ours, theirs, ratio = alternate(lambda: _new_build(root), bare, runs=runs)
        finally:
            subprocess.run(["docker", "volume", "rm", "-f", VOLUME], capture_output=True, check=True)
        no_op = Spread.of([_build(root) for _ in range(runs)])
        pip = Spread.of([_pip(root) for _ in range(2)])
        added, source = _image(root)
    rows = [
        ["`dltpod build`, a new set, wheels not all in the cache", f"{cold:.1f}"],
        ["`dltpod build`, a new set, warm cache", ours.text("")],
        ["bare `uv pip install`, warm cache", theirs.text("")],
        ["ratio, pair by pair", ratio.text("")],
        ["`dltpod build`, nothing new", no_op.text("")],
        ["`pip install`, fresh virtual environment, warm cache", pip.text("")],
    ]
    made = f"{page.machine()}\n{page.table(['', 'seconds'], rows)}"
    return f"{made}\nThe environment adds {added / 1e6:.0f} MB to its base.\n"


def _new_set(root: Path) -> None:
    """A sources.yml whose set no environment had before."""
    requirements = [f"stripe!=0.0.{next(_versions)}", *SET]
    (root / "requirements.txt").write_text("\n".join(requirements) + "\n")
    (root / "custom_sources").mkdir(exist_ok=True)
    (root / "custom_sources" / "one.py").write_text("def rows():\n    yield {'id': 1}\n")
    (root / "sources.yml").write_text(
        "version: 1\nproject: bench\nsources:\n  - name: one\n    type: dlt_native\n"
        "    dlt_native: {source_module: one, source_function: rows}\n"
        f"    container: {{requirements: {json.dumps(requirements)}}}\n"
    )


def _new_build(root: Path) -> float:
    _new_set(root)
    return _build(root)


def _build(root: Path) -> float:
    return seconds([DLTPOD, "build", "one"], root)


def _bare_install(root: Path, image: str) -> Callable[[], float]:
    """A function that times the bare installation, its cache in a volume that is warm already."""
    certificates = os.environ.get("SSL_CERT_FILE")
    given = ["-v", f"{certificates}:/ca.pem:ro", "-e", "SSL_CERT_FILE=/ca.pem"] if certificates else []
    script = (
        "/opt/uv/bin/uv venv -q /new && VIRTUAL_ENV=/new UV_LINK_MODE=copy "
        "/opt/uv/bin/uv pip install -q --compile-bytecode -r /requirements.txt"
    )
    command = [
        "docker",
        "run",
        "--rm",
        "--user",
        "0:0",
        "-e",
        "UV_CACHE_DIR=/cache",
        "-v",
        f"{VOLUME}:/cache",
    ]
    command += [*given, "-v", f"{root}/requirements.txt:/requirements.txt:ro", image, "sh", "-c", script]
    return lambda: seconds(command)


def _pip(root: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = f"python3 -m venv {folder}/v && {folder}/v/bin/pip install -q -r {root}/requirements.txt"
        return seconds(["sh", "-c", script])


def _image(root: Path) -> tuple[int, str]:
    """Bytes that the environment adds to the image that all share, and the source's image."""
    plan = subprocess.run(
        [DLTPOD, "sync", "one", "--dry-run", "--json"], cwd=root, capture_output=True, text=True, check=True
    )
    events = map(json.loads, plan.stdout.splitlines())
    reference = next(event["image"] for event in events if event["event"] == "planned")
    shared = _sizes("reference=dltpod/default")
    return max(_sizes(f"reference={reference}")) - min(shared), reference


def _sizes(wanted: str) -> list[int]:
    listed = subprocess.run(
        ["docker", "images", "-q", "--no-trunc", "--filter", wanted],
        capture_output=True,
        text=True,
        check=True,
    )
    inspected = subprocess.run(
        ["docker", "inspect", "--format", "{{.Size}}", *set(listed.stdout.split())],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(size) for size in inspected.stdout.split()]


if __name__ == "__main__":
    print(main())
