"""A MariaDB server of the tests' own, which speaks MySQL's protocol, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ports import held_port

SHARE = Path("/usr/share/mysql")
INSTALL = "no MariaDB server found: apt-get install mariadb-server-core"


@contextmanager
def server(address: str, sql: str) -> Iterator[int]:
    """Starts a server that has run the statements, and yields its port at the address."""
    found = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, INSTALL
    account = pwd.getpwnam("nobody") if os.getuid() == 0 else None
    user: dict[str, Any] = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    )
    with tempfile.TemporaryDirectory(prefix="dltpod-unit-mariadb-") as name, held_port() as port:
        folder = Path(name)
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        (folder / "init.sql").write_text(sql)
        (folder / "init.sql").chmod(0o644)
        common = (f"--datadir={folder}/data", f"--tmpdir={folder}", f"--log-error={folder}/log")
        small = (
            "--innodb-buffer-pool-size=8M",
            "--innodb-log-file-size=4M",
            "--innodb-flush-log-at-trx-commit=0",
        )
        # what mariadb-install-db does, which needs the client's package too
        tables = [
            (SHARE / f"mysql_{part}.sql").read_text() for part in ("system_tables", "system_tables_data")
        ]
        start = ["create database mysql;", "use mysql;", *tables]
        (folder / "data").mkdir()
        if account:
            os.chown(folder / "data", account.pw_uid, account.pw_gid)
        subprocess.run(
            [found, "--no-defaults", "--bootstrap", *common, *small],
            input="\n".join(start),
            text=True,
            check=True,
            capture_output=True,
            cwd=folder,
            **user,
        )
        own = (
            f"--bind-address={address}",
            f"--port={port}",
            f"--socket={folder}/socket",
            f"--init-file={folder}/init.sql",
        )
        process = subprocess.Popen(
            [found, "--no-defaults", *common, *small, *own], cwd=folder, stderr=subprocess.DEVNULL, **user
        )
        try:
            deadline = time.monotonic() + 120
            while not _answers(address, port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the MariaDB server doesn't answer"
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(120)


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
