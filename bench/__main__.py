"""``python -m bench [--quick] [NAME…]``: the named benchmarks, or all, one after the other.

Their tables go into docs/performance.md. With ``--quick`` they run fewer times and on less, without the
longest (environment, fleet, peers), and are only printed.
"""

from __future__ import annotations

import sys

from bench import environment, fleet, many_sources, masking, page, peers, rows, startup, warm_sync

BENCHMARKS = {
    "startup": startup.main,
    "many_sources": many_sources.main,
    "masking": masking.main,
    "warm_sync": warm_sync.main,
    "environment": environment.main,
    "rows": rows.main,
    "fleet": fleet.main,
    "peers": peers.main,
}
LONG = ("environment", "fleet", "peers")

quick = "--quick" in sys.argv[1:]
names = [name for name in sys.argv[1:] if name != "--quick"]
for name in names or [name for name in BENCHMARKS if not (quick and name in LONG)]:
    print(f"== {name}", flush=True)
    made = BENCHMARKS[name](quick=quick)
    print(made, flush=True)
    if not quick:
        page.write(name, made)
