"""Speaks to an engine over ssh as the docker CLI does: ``ssh HOST docker system dial-stdio``.

The SDK wants paramiko for this, which reads neither all of ~/.ssh/config nor its agents. Here a
local socket, in a folder that only this user can enter, hands each connection to an ssh of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from launcher.errors import EngineError


def bridge(url: str) -> str:
    """A ``unix://`` address that leads to the engine of ``ssh://[user@]host[:port]``.

    The socket lives as long as this process. Raises EngineError where there is no ssh here or the
    address names no host.
    """
    command = _command(url)
    if shutil.which(command[0]) is None:
        raise EngineError(f"{url} needs ssh, and there is none here", "install the OpenSSH client")
    folder = Path(tempfile.mkdtemp(prefix="dltpod-ssh-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "docker.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(64)
    threading.Thread(target=_serve, args=(listener, command), daemon=True, name="docker over ssh").start()
    return f"unix://{path}"


def _command(url: str) -> list[str]:
    parts = urlsplit(url)
    # A host that begins with a dash would be read as an option of ssh.
    if not parts.hostname or parts.hostname.startswith("-") or (parts.username or "").startswith("-"):
        raise EngineError(f"{url} is no address of an engine", "write it as ssh://user@host")
    command = ["ssh", "-o", "ConnectTimeout=30", "-o", "BatchMode=yes", "-T"]
    if parts.username:
        command += ["-l", parts.username]
    if parts.port:
        command += ["-p", str(parts.port)]
    return [*command, "--", parts.hostname, "docker", "system", "dial-stdio"]


def _serve(listener: socket.socket, command: list[str]) -> None:
    while True:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError), connection:
            # ssh holds the connection by itself from here on, and ends when either side does.
            subprocess.Popen(
                command,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
