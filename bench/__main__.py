"""``python -m bench [NAME…]``: the named benchmarks, or all, one after the other."""

from __future__ import annotations

import sys

from bench import environment, masking, startup, warm_sync

BENCHMARKS = {
    "startup": startup.main,
    "masking": masking.main,
    "warm_sync": warm_sync.main,
    "environment": environment.main,
}

for name in sys.argv[1:] or BENCHMARKS:
    print(f"== {name}")
    BENCHMARKS[name]()
