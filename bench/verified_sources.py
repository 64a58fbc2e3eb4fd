"""Whether dlt's verified sources resolve and pass `check --deep` up to their missing credentials.

    python -m bench.verified_sources WORK_TREE [NAME…]

WORK_TREE is a checkout of dlt's verified-sources repository. Each source gets an entry with nothing but its
extra, and the three that moved into dlt one with nothing at all; the line of each says what the check found.
Exits 1 where one failed for another reason than secrets and arguments.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOVED = {"filesystem": "readers", "rest_api": "rest_api_source", "sql_database": "sql_database"}
"""What dlt itself holds by now; the repository keeps empty folders of these names."""
DLTPOD = (sys.executable, "-m", "dltpod")


def main(tree: Path, names: list[str]) -> int:
    sources = {
        folder.name: function
        for folder in sorted((tree / "sources").iterdir())
        if (folder / "__init__.py").is_file()
        and (not names or folder.name in names)
        and (function := MOVED.get(folder.name) or _function(folder / "__init__.py"))
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        lines = ["version: 1", f"verified_sources: {{location: {json.dumps(str(tree))}}}", "sources:"]
        for module, function in sources.items():
            lines += [f"  - name: {module}", "    type: dlt_native"]
            lines += [f"    dlt_native: {{source_module: {module}, source_function: {function}}}"]
            lines += [f"    container: {{extras: [{module}]}}"] if module not in MOVED else []
        (root / "sources.yml").write_text("\n".join(lines) + "\n")
        (root / "custom_sources").mkdir()
        done = subprocess.run(
            [*DLTPOD, "check", "--deep", "--json", *sources],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    rows = json.loads(done.stdout)
    right = 0
    for name in sources:
        wrong = [row for row in rows if row["source"] == name and row["level"] == "wrong"]
        looked = [row["what"] for row in rows if row["source"] == name]
        # Nobody has given the arguments and secrets that a source asks for; all before them must be well.
        well = "function" in looked and all(row["what"] in ("arguments", "secrets") for row in wrong)
        right += well
        said = "; ".join(f"{row['what']}: {row['text']}" for row in wrong) or "nothing is missing"
        print(f"{'ok   ' if well else 'WRONG'} {name:20} {said}")
    print(f"{right} of {len(sources)} pass up to what only their user can give")
    return 0 if right == len(sources) else 1


def _function(file: Path) -> str | None:
    """The first function of a module that is a dlt source or resource."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorated = " ".join(ast.unparse(item) for item in node.decorator_list)
            if "source" in decorated or "resource" in decorated:
                return node.name
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
