"""The tests' Postgres, on an address that pods reach."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline import postgres


@dataclass(frozen=True)
class Postgres:
    """One server, with one account whose password only the tests know."""

    host: str
    port: int
    password: str
    url: str
    """The server's address on this machine, where it asks for no password."""

    @classmethod
    @contextlib.contextmanager
    def started(cls, host: str) -> Iterator[Postgres]:
        """A server of its own, stopped afterwards. ``host`` is this machine as its clients know it.

        It listens everywhere: a cluster's bridge does not exist before its first pod.
        """
        with postgres.server("listen_addresses=*", "max_connections=200") as url:
            password = secrets.token_urlsafe(16)
            server = cls(host, urllib.parse.urlsplit(url).port or 0, password, url)
            server.rows(f"alter user loader password '{password}'")
            yield server

    def rows(self, query: str) -> list[list[str]]:
        """The rows of a query, as texts."""
        command = [
            str(Path(postgres.tool("initdb")).with_name("psql")),
            "-X",
            "-q",
            "-A",
            "-t",
            "-F",
            "\x1f",
            "-c",
            query,
            self.url,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
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
