"""How long people wait for an answer that needs no container: help, and the list of 500 sources."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import page
from bench.paired import Spread, seconds

DLTPOD = str(Path(sys.executable).parent / "dltpod")
SOURCES = 500


def main(*, quick: bool = False) -> str:
    entries = [
        f"  - name: source_{n}\n    type: dlt_native\n    tags: [t{n % 7}]\n"
        f"    dlt_native: {{source_module: m{n}, source_function: f, function_kwargs: {{n: {n}}}}}\n"
        f"    container: {{requirements: ['stripe<16'], memory: 1g}}\n"
        for n in range(SOURCES)
    ]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "sources.yml").write_text("version: 1\nproject: bench\nsources:\n" + "".join(entries))
        for words in (["--help"], ["list"]):
            command = [DLTPOD, *words]
            seconds(command, root)
            spread = Spread.of([seconds(command, root) for _ in range(3 if quick else 9)])
            note = f" with {SOURCES} sources" if words == ["list"] else ""
            rows.append([f"`dltpod {' '.join(words)}`{note}", spread.text("")])
    return f"{page.machine()}\n{page.table(['', 'seconds'], rows)}"


if __name__ == "__main__":
    print(main())
