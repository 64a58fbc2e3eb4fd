"""What masking costs: a hundred secrets looked for in ordinary log lines, in seconds for each gigabyte."""

from __future__ import annotations

import base64
import time

from bench import page
from bench.paired import Spread
from runner.supervise.masking import Masker

LINES = 20_000


def main(*, quick: bool = False) -> str:
    masker = Masker([f"sk_live_{i:03}_{base64.b64encode(bytes([i] * 12)).decode()}" for i in range(100)])
    lines = b"".join(
        b'2026-11-22 22:13:48,123|[INFO]|worker|dlt|extract.py|page %d of resource orders: {"id": %d}\n'
        % (i, i * 7)
        for i in range(LINES)
    )
    found = []
    for _ in range(3 if quick else 9):
        began = time.process_time()
        assert masker.mask(lines) == lines
        found.append((time.process_time() - began) * (1 << 30) / len(lines))
    rows = [["100 secrets looked for in a gigabyte of log lines", Spread.of(found).text("")]]
    return f"{page.machine()}\n{page.table(['', 'CPU seconds'], rows)}"


if __name__ == "__main__":
    print(main())
