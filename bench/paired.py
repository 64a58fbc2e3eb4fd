"""Timing of whole processes, in pairs."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of a figure."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))

    def text(self, unit: str = " s") -> str:
        return f"{self.median:.2f}{unit} ({self.low:.2f} to {self.high:.2f})"


def seconds(command: Sequence[str], cwd: Path | None = None) -> float:
    """Wall seconds of one run of a command. Raises RuntimeError with its output where it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return took


def alternate(
    first: Callable[[], float], second: Callable[[], float], *, runs: int, warm_up: int = 1
) -> tuple[Spread, Spread, Spread]:
    """Spreads of first, of second and of first ÷ second pair by pair, after runs that don't count."""
    for _ in range(warm_up):
        first(), second()
    pairs = [(first(), second()) for _ in range(runs)]
    return (
        Spread.of([a for a, _ in pairs]),
        Spread.of([b for _, b in pairs]),
        Spread.of([a / b for a, b in pairs]),
    )
