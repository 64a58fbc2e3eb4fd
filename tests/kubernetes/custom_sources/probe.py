"""Sources that do to a pod what real ones do, each in its own way."""

# mypy: disable-error-code="untyped-decorator, unreachable"

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt


@dlt.resource(primary_key="id", write_disposition="merge")
def numbers(
    first: int = 0,
    last: int = 10,
    cursor: Any = dlt.sources.incremental("id", initial_value=-1),
) -> Iterator[list[dict[str, Any]]]:
    """The numbers from ``first`` to ``last`` that the cursor hasn't seen, each with its square."""
    start = max(first, cursor.last_value + 1)
    print(f"numbers from {start} to {last - 1}")  # noqa: T201
    yield [{"id": number, "square": number * number} for number in range(start, last)]


@dlt.resource(write_disposition="append")
def walls(token: str = dlt.secrets.value) -> Iterator[dict[str, Any]]:
    """What the pod looks like from inside."""

    def writable(folder: str) -> bool:
        return os.access(folder, os.W_OK)

    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    print("the token is", token)  # noqa: T201
    yield {
        "uid": os.getuid(),
        "capabilities": fields["CapEff"].strip(),
        "no_new_privileges": fields["NoNewPrivs"].strip(),
        "seccomp": fields["Seccomp"].strip(),
        "writable": ",".join(
            f for f in ("/", "/opt", "/etc", "/state", "/tmp", "/run/secrets/dlt") if writable(f)
        ),
        "account_token": Path("/var/run/secrets/kubernetes.io").exists(),
        "token_length": len(token),
        "token_in_environment": token in "".join(os.environ.values()),
        "filesystem_of_secrets": _filesystem("/run/secrets/dlt"),
    }


_FOLDERS = ("/", "/opt", "/etc", "/state", "/tmp", "/run/secrets/dlt")


def _filesystem(folder: str) -> str:
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next((line[2] for line in lines if line[1] == folder), "")


@dlt.resource(write_disposition="append")
def slow(seconds: float = 60.0, lines: int = 1) -> Iterator[dict[str, Any]]:
    """Takes its time, and says every second that it does."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        for _ in range(lines):
            print(f"still here {number}", flush=True)  # noqa: T201
            number += 1
        time.sleep(min(1.0, seconds))
    yield {"number": number}


@dlt.resource(write_disposition="append")
def hog(child: bool = False) -> Iterator[dict[str, Any]]:
    """Takes memory until it is stopped; in a child of its own if asked."""
    code = "held = []\nwhile True: held.append(bytearray(b'x') * (16 << 20))"
    if child:
        subprocess.run([sys.executable, "-c", code], check=True)
    else:
        exec(code, {})
    yield {"never": True}


@dlt.resource
def broken() -> Iterator[dict[str, Any]]:
    """Fails, for good."""
    raise ValueError("there is no such account")
    yield {}


@dlt.resource
def many_tables(tables: int = 300) -> Iterator[Any]:
    """More tables than a termination message has room for."""
    for number in range(tables):
        yield dlt.mark.with_table_name({"id": number}, f"a_table_with_a_rather_long_name_{number:04d}")


@dlt.resource(write_disposition="append")
def deaf() -> Iterator[dict[str, Any]]:
    """Stays where no signal to Python is heard: in C code that holds the interpreter."""
    import re

    re.match(r"(a+)+$", "a" * 64 + "b")
    yield {"never": True}


@dlt.resource(write_disposition="append")
def filler(megabytes: int) -> Iterator[dict[str, Any]]:
    """Fills its state folder, then waits for what comes of it."""
    with Path("/state/spill").open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
    time.sleep(240)
    yield {"never": True}
