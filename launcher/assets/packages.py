"""Writes down what an image holds, distribution to version, and to the commit where it came from git."""

import json
import re
from importlib.metadata import distributions
from pathlib import Path


def name_of(text: str) -> str:
    return text.lower().replace("_", "-")


commits = {}
for file in Path("/dev/dltpod/wheels/wheels").glob("*/commit"):
    # The step that left it ran foreign code.
    commit = file.read_text().strip() if file.is_file() and not file.is_symlink() else ""
    if re.fullmatch("[0-9a-f]{40,64}", commit):
        for wheel in file.parent.glob("*.whl"):
            commits[name_of(wheel.name.partition("-")[0])] = commit
found = {}
for distribution in distributions(path=[str(next(Path("/opt/venv/lib").glob("python3*/site-packages")))]):
    name = name_of(distribution.metadata["Name"])
    commit = commits.get(name, "")
    found[name] = distribution.version + (f"@{commit}" if commit else "")
text = json.dumps(dict(sorted(found.items())), separators=(",", ":"))
Path("/opt/dltpod/packages.json").write_text(text)
