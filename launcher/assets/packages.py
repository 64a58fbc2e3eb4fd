"""Writes down what an image holds, distribution to version."""

import json
from importlib.metadata import distributions
from pathlib import Path

found = {}
for distribution in distributions():
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id", "")
    found[distribution.metadata["Name"].lower().replace("_", "-")] = distribution.version + (
        f"@{commit}" if commit else ""
    )
text = json.dumps(dict(sorted(found.items())), separators=(",", ":"))
Path("/opt/dltpod/packages.json").write_text(text)
