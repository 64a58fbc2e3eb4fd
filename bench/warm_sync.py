"""A warm `dltpod sync shop` against `docker run` of the same image with a plain dlt script.

Both read the same SQLite file and merge into a DuckDB file that has the rows already. What dltpod adds
is its own start, the plan, supervision, restore of state, and the summary.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import page
from bench.paired import alternate, seconds

REPOSITORY = Path(__file__).resolve().parent.parent
DLTPOD = str(Path(sys.executable).parent / "dltpod")
UNPRIVILEGED = 65532
SOURCES_YML = """\
version: 1
project: bench
sources:
  - name: shop
    type: dlt_native
    dlt_native:
      source_module: sql_database
      source_function: sql_database
      function_kwargs: {credentials: "sqlite:////workspace/shop.db"}
      write_disposition: merge
    container:
      extras: [sql_database]
      mounts: ["shop.db:/workspace/shop.db:ro"]
"""


def main(*, quick: bool = False) -> str:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run(
            [sys.executable, str(REPOSITORY / "examples/make_shop.py"), str(root / "shop.db")], check=True
        )
        (root / "sources.yml").write_text(SOURCES_YML)
        sync = [DLTPOD, "sync", "shop"]
        seconds(sync, root)  # builds the image, loads all rows
        plain = root / "plain"
        user = os.getuid() or UNPRIVILEGED  # dltpod does so too; fuse-overlayfs serves root faster
        root.chmod(0o755)
        for name in ("state", "data"):
            (plain / name).mkdir(parents=True)
            os.chown(plain / name, user, -1)
        shutil.copy(REPOSITORY / "bench/plain_shop.py", plain)
        docker = [
            *("docker", "run", "--rm", "--user", f"{user}:{user}"),
            *("-e", "HOME=/tmp", "-e", "RUNTIME__DLTHUB_TELEMETRY=false"),
            *("-v", f"{plain}/state:/state", "-v", f"{plain}/data:/data"),
            *(
                "-v",
                f"{plain}/plain_shop.py:/plain_shop.py:ro",
                "-v",
                f"{root}/shop.db:/workspace/shop.db:ro",
            ),
            *("--entrypoint", "/opt/venv/bin/python", image_of(root, "shop"), "/plain_shop.py"),
        ]
        ours, theirs, ratio = alternate(
            lambda: seconds(sync, root), lambda: seconds(docker), runs=3 if quick else 9
        )
    rows = [
        ["`dltpod sync shop`", ours.text("")],
        ["`docker run`, plain dlt script", theirs.text("")],
        ["ratio, pair by pair", ratio.text("")],
    ]
    return f"{page.machine()}\n{page.table(['', 'seconds'], rows)}"


def built_image(root: Path, source: str) -> str:
    """The image that a sync of a source uses, built where it was missing."""
    seconds([DLTPOD, "build", source], root)
    return image_of(root, source)


def image_of(root: Path, source: str) -> str:
    """The image that a sync of a source uses, as its own plan tells it."""
    plan = subprocess.run(
        [DLTPOD, "sync", source, "--dry-run", "--json"], cwd=root, capture_output=True, text=True, check=True
    )
    events = map(json.loads, plan.stdout.splitlines())
    return next(str(event["image"]) for event in events if event["event"] == "planned")


if __name__ == "__main__":
    print(main())
