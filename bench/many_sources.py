"""What commands cost in a project of thousands of sources, against reading it and against writing YAML alone.

Processor time of whole processes and their peak of memory, so that other work on the machine matters little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import page, projects
from bench.paired import Spread

DLTPOD = str(Path(sys.executable).parent / "dltpod")
COMMANDS = (
    ("list",),
    ("check",),
    ("render", "kubernetes"),
    ("render", "compose"),
    ("render", "ci"),
)


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds of processors, its own and its children's, and the most memory in MB."""

    cpu: float
    memory: float


def cost(command: Sequence[str], output: Path) -> Cost:
    """What one run of a command costs. Raises RuntimeError with its errors where it fails."""
    errors = output.with_suffix(".errors")
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}\n{errors.read_text()}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


EMIT = """
import sys, time, yaml
documents = list(yaml.load_all(open(sys.argv[1]).read(), Loader=yaml.CSafeLoader))
began = time.process_time()
for document in documents:
    yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=10_000)
print(time.process_time() - began)
"""


def emitting(file: Path) -> float:
    """Seconds of a processor that libyaml's emitter needs for the documents of a file.

    In a process of its own: the kernel counts the memory of whoever starts a process as that one's peak.
    """
    command = [sys.executable, "-c", EMIT, str(file)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def measure(sources: int, runs: int) -> list[list[str]]:
    """The table's rows for a project of so many sources."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file, output = projects.write(root / "project", sources), root / "output"
        listed: list[float] = []
        for words in COMMANDS:
            costs = [cost([DLTPOD, *words, "--file", str(file)], output) for _ in range(runs)]
            cpu = Spread.of([each.cpu for each in costs])
            listed = listed or [each.cpu for each in costs]
            against = (
                f"{cpu.median / Spread.of(listed).median:.1f} times `list`" if words != ("list",) else ""
            )
            if words in (("render", "kubernetes"), ("render", "compose")):
                alone = emitting(output)
                against += f", {cpu.median / alone:.1f} times libyaml ({alone:.2f} s)"
            memory = max(each.memory for each in costs)
            rows.append([f"`{' '.join(words)}`", f"{sources:,}", cpu.text(""), against, f"{memory:.0f}"])
    return rows


def main(*, quick: bool = False) -> str:
    numbers, runs = ((500,), 1) if quick else ((2_000, 10_000), 3)
    rows = [row for number in numbers for row in measure(number, runs)]
    made = page.table(["", "sources", "CPU seconds", "against", "peak MB"], rows)
    return f"{page.machine('pyyaml', 'pydantic')}\n{made}"


if __name__ == "__main__":
    print(main())
