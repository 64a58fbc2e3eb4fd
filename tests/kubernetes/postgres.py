"""A real Postgres from Debian's packages, on an address that pods reach."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Postgres:
    """One server, with one account whose password only the tests know."""

    host: str
    port: int
    password: str
    binaries: Path
    folder: Path

    @classmethod
    @contextlib.contextmanager
    def started(cls, host: str) -> Iterator[Postgres]:
        """A server of its own, stopped afterwards. ``host`` is this machine as its clients know it.

        It listens everywhere: a cluster's bridge does not exist before its first pod.
        """
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, "the Kubernetes tests need Postgres: apt-get install postgresql"
        binaries = found[-1].parent
        with socket.socket() as free:
            free.bind(("", 0))
            port = int(free.getsockname()[1])
        # Not in pytest's folder: only its owner may go through that, and Postgres runs as another.
        folder = Path(tempfile.mkdtemp(prefix="dltpod-postgres-"))
        server = cls(host, port, secrets.token_urlsafe(16), binaries, folder / "data")
        password_file = folder / "password"
        password_file.write_text(server.password)
        _own(folder)
        server._run(
            "initdb",
            "-D",
            str(server.folder),
            "-U",
            "loader",
            "-A",
            "scram-sha-256",
            f"--pwfile={password_file}",
            "--no-sync",
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder)

    def start(self) -> None:
        with (self.folder / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        log = str(self.folder / "log")
        options = (
            f"-c listen_addresses=* -c port={self.port} -c fsync=off -c max_connections=200"
            f" -c unix_socket_directories={self.folder}"
        )
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def rows(self, query: str) -> list[list[str]]:
        """The rows of a query, as texts."""
        command = [str(self.binaries / "psql"), "-X", "-A", "-t", "-F", "\x1f", "-c", query]
        environment = {
            **os.environ,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "loader",
            "PGPASSWORD": self.password,
            "PGDATABASE": "postgres",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"select count(*) from {table}")[0][0])

    @property
    def toml(self) -> str:
        """The destination's credentials as dlt reads them."""
        return (
            "[destination.postgres.credentials]\n"
            f'host = "{self.host}"\nport = {self.port}\ndatabase = "postgres"\n'
            f'username = "loader"\npassword = "{self.password}"\n'
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        if os.geteuid() == 0:
            # Postgres refuses to run as root.
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr


def _own(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "postgres", "postgres")
