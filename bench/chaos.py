"""Random kills, refusals and changes of the state directory: is a row lost or doubled?

    python -m bench.chaos --minutes 60
    python -m bench.chaos --world "postgres staging-optimized" --seed 17

Prints a line for each sequence, and the seed and steps of each that lost or doubled a row; exits with 1 where
one did. Needs a Postgres server's programs, as the tests do.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.pipeline import postgres
from tests.pipeline.chaos import Broken, Chaos
from tests.pipeline.worlds import WORLDS


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--world", choices=WORLDS, action="append")
    parser.add_argument("--seed", type=int, help="this one alone, else one after the other from 1")
    parser.add_argument("--first", type=int, default=1)
    arguments = parser.parse_args()
    # dlt tells of each kill and refusal; the processes that run the syncs are told by the variable
    logging.disable()
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    rounds = compared = broken = 0
    end = time.monotonic() + 60 * arguments.minutes
    seed = arguments.first if arguments.seed is None else arguments.seed
    with postgres.server() as url:
        while True:
            for world in arguments.world or WORLDS:
                with tempfile.TemporaryDirectory(prefix="chaos-") as root:
                    chaos = Chaos(Path(root), world, seed, url)
                    try:
                        chaos.run(arguments.steps)
                        print(f"ok      {chaos.title}: {len(chaos.steps)} steps", flush=True)
                    except Broken as exc:
                        broken += 1
                        print(f"BROKEN  {exc}", flush=True)
                    rounds, compared = rounds + 1, compared + chaos.compared
            seed += 1
            if arguments.seed is not None or time.monotonic() > end:
                break
    print(f"{rounds} sequences, {compared} comparisons, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
