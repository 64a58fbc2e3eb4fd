"""A Postgres server of the tests' own, in a temporary folder, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from tests.ports import held_port

INSTALL = "no Postgres server found: apt-get install postgresql, or put its bin folder on PATH"


def tool(name: str) -> str:
    """The path of one of the server's programs."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    assert found is not None, INSTALL
    # by its real place: a link elsewhere can't find the server's own files
    return str(Path(found).resolve())


def _unprivileged() -> dict[str, typing.Any]:
    """Postgres refuses to be run by root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def server(*settings: str) -> Iterator[str]:
    """Starts a server and yields its address as a URL; ends it and deletes its files afterwards.

    ``settings`` are more of what its ``-c`` takes. From another address than 127.0.0.1 a password is needed.
    """
    # not in pytest's folder, which only its owner may go through
    with tempfile.TemporaryDirectory(prefix="dltpod-unit-postgres-") as name, held_port() as port:
        yield from _serve(Path(name), port, settings)


def _serve(folder: Path, port: int, more: tuple[str, ...]) -> Iterator[str]:
    account = _unprivileged()
    if account:
        os.chown(folder, account["user"], account["group"])
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "cwd": str(folder), **account}
    subprocess.run(
        [tool("initdb"), "-D", str(data), "-U", "loader", "-A", "trust", "-N", "-E", "UTF8"],
        check=True,
        **quiet,
    )
    values = ("fsync=off", f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1", *more)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")
    settings = [part for value in values for part in ("-c", value)]
    process = subprocess.Popen(
        [tool("postgres"), "-D", str(data), "-p", str(port), *settings], stderr=subprocess.DEVNULL, **quiet
    )
    url = f"postgresql://loader:any@127.0.0.1:{port}/postgres"
    try:
        _wait(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            psycopg2.connect(url).close()
            return
        except psycopg2.OperationalError:
            assert process.poll() is None, "the Postgres server ended at once"
            assert time.monotonic() < deadline, "the Postgres server doesn't answer"
            time.sleep(0.1)
