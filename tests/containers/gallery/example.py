"""An example as somebody has it who copied its folder and filled in the secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from launcher.runs.history import RunRecord
from tests.containers.folder import REPOSITORY, Folder

EXAMPLES = REPOSITORY / "examples"


class Example:
    """``secrets`` are a whole secrets.toml; the template has to ask for these keys and for no others."""

    def __init__(
        self,
        folder: Folder,
        name: str,
        secrets: Mapping[str, Any],
        network: str | None = None,
        verified: Path | None = None,
    ) -> None:
        self.folder = folder
        for file in (EXAMPLES / name).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                copy = folder.root / file.relative_to(EXAMPLES / name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
        # no other line of it changes
        text = (folder.root / "sources.yml").read_text()
        if network and text.startswith("defaults:"):
            text = text.replace("  container:\n", f"  container:\n    network: {network}\n", 1)
        elif network:
            text = f"defaults: {{container: {{network: {network}}}}}\n{text}"
        assert network is None or network in text
        if verified:
            text = f"verified_sources: {{location: {verified}}}\n{text}"
        folder.write("sources.yml", f"project: {folder.name}\n{text}")
        template = tomlkit.parse((folder.root / "secrets.example.toml").read_text()).unwrap()
        assert sorted(_keys(template)) == sorted(_keys(secrets))
        self.fill_in(secrets)

    def fill_in(self, secrets: Mapping[str, Any]) -> None:
        """Other secrets."""
        self.folder.write(".dlt/secrets.toml", tomlkit.dumps(secrets))

    def run(self, name: str) -> Mapping[str, int]:
        """A sync that goes well: what was loaded, by table."""
        return self.folder.must(name).rows

    def run_all(self) -> Mapping[str, Mapping[str, int]]:
        """A sync of all entries that goes well: what was loaded, by entry and table."""
        records = self.folder.sync(jobs=3).records
        for record in records:
            assert record.status == "ok", f"{record.message}\n{self.folder.log(record)}"
        return {record.source: record.rows for record in records}

    def fails(self, name: str) -> RunRecord:
        """A sync that fails, and is not tried again."""
        record = self.folder.run(name)
        assert record.status == "failed", record
        assert record.attempts == 1, record
        return record


def _keys(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
