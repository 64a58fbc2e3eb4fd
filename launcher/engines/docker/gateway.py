"""The gateway of a source with ``container.egress``: a container whose network namespace it joins.

It has four capabilities, the source none; it ends with its standard input, as the source does.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.logs import Follower
from launcher.engines.docker.spec import hardened
from launcher.engines.protocol import Ended
from launcher.errors import EngineError
from launcher.host.docker_engine import Input
from launcher.host.rights import as_invoking_user
from launcher.plan import egress
from launcher.plan.values import ContainerSpec

if TYPE_CHECKING:
    from docker import APIClient

LABEL_ROLE = "dltpod.role"
ROLE = "gateway"
READY_SECONDS = 30.0
LAST_WORDS_SECONDS = 3.0
"""How long a gateway that was told to end may take to tell its last refusals."""
_LOOK_SECONDS = 1.0
"""Between two looks at the log of a gateway that refused very much."""
_SCRIPT = Path(__file__).parents[2] / "assets" / "gateway.sh"
_MEMORY = 128 << 20


class Gateway:
    """One gateway, made and not started. ``network`` is the source's network mode.

    Only when it is closed has its ``reader`` heard all refusals.
    """

    def __init__(self, api: APIClient, container: str) -> None:
        self._api, self._container = api, container
        self.network = f"container:{container}"
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._last = b""
        self._note: Callable[[str], None] = lambda line: None
        self.reader = egress.Reader()
        self._stdin: Input | None = None
        self._follower: threading.Thread | None = None

    def open(self, note: Callable[[str], None]) -> None:
        """Start it, and wait until its walls stand. ``note`` hears of each refusal, once.

        Raises EngineError where it can't be.
        """
        self._note = note
        self._stdin = Input(self._api, self._container)
        self._api.start(self._container)
        self._follower = threading.Thread(
            target=self._follow, daemon=True, name=f"gateway {self._container[:12]}"
        )
        self._follower.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready.wait(0.05):
            running = self._api.inspect_container(self._container)["State"]["Running"]
            if not running or time.monotonic() > deadline:
                said = self._last.decode("utf-8", "replace")[:200]
                raise EngineError(
                    f"the egress gateway did not become ready: {said or 'it said nothing'}",
                    "container.egress needs nftables in the engine's kernel (5.2 or newer)",
                )

    def _follow(self) -> None:
        follower = Follower(self._api, self._container, self._line)
        # It ends with the gateway; what breaks it earlier costs lines of the log, no wall.
        with contextlib.suppress(Exception):
            ended = False
            while not ended:
                ended = self._ended.is_set()
                if not follower.read():
                    self._ended.wait(_LOOK_SECONDS)

    def _line(self, stream: int, line: bytes) -> None:
        if line == b"ready":
            self._ready.set()
            return
        self._last = line or self._last
        text = self.reader.read(line)
        if text is not None:
            self._note(text)

    def close(self) -> None:
        """End it and remove it."""
        if self._stdin is not None:
            self._stdin.close()
        self._ended.set()
        if self._follower is not None:
            self._follower.join(LAST_WORDS_SECONDS)
        with contextlib.suppress(Exception):
            self._api.remove_container(self._container, force=True, v=True)


def explain_refusal(ended: Ended, refused: Iterable[str]) -> Ended:
    """The end of a run that failed for want of a host that its list leaves out, with what to write."""
    failure = ended.result.failure if ended.result is not None else None
    if ended.failure is not None or failure is None:
        return ended
    for host in refused:
        if re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", failure.message, re.IGNORECASE):
            hint = f"container.egress doesn't list it: add {host} with its port, {host}:443 say"
            return replace(ended, failure=replace(failure, hint=hint, transient=False))
    return ended


def arguments(spec: ContainerSpec) -> dict[str, Any]:
    """The body of ``POST /containers/create`` for a source's gateway. Pure but for its own script."""
    with as_invoking_user():
        script = _SCRIPT.read_text(encoding="ascii")
    return {
        "Image": spec.gateway,
        "Cmd": ["sh", "-c", script],
        "Entrypoint": [],
        "User": "0:0",
        "WorkingDir": "/",
        "Env": [f"{name}={text}" for name, text in egress.rules(spec.egress, spec.user.uid).items()],
        "Labels": {**spec.labels, LABEL_ROLE: ROLE},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": False,
        "AttachStderr": False,
        "StopTimeout": 1,
        "HostConfig": {
            # The same passwd file as the source's: it knows dnsmasq's user by a uid that is no one's.
            "Mounts": [
                {"Type": "bind", "Source": str(m.source), "Target": m.target, "ReadOnly": True}
                for m in spec.mounts
                if m.target == "/etc/passwd"
            ],
            "NetworkMode": spec.network,
            "ExtraHosts": [f"{name}:{address}" for name, address in spec.extra_hosts.items()],
            **hardened(memory=_MEMORY, pids=64),
            "CapAdd": ["NET_ADMIN", "NET_BIND_SERVICE", "SETGID", "SETUID"],
            "Tmpfs": {"/run": "rw,nosuid,nodev,noexec,size=1m"},
            "Init": True,
            "RestartPolicy": {"Name": "no"},
        },
    }
