"""A network namespace for jobs from which no link-local address is reached."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.gateway import LABEL_ROLE
from launcher.engines.docker.spec import hardened
from launcher.errors import EngineError
from launcher.host.docker_engine import Input, create
from launcher.host.rights import as_invoking_user
from launcher.images import contexts
from launcher.images.tags import LABEL_MANAGED
from launcher.log import in_thread
from launcher.plan.egress import LINK_LOCAL
from launcher.plan.values import ContainerSpec
from launcher.untrusted import clean

if TYPE_CHECKING:
    from docker import APIClient

ROLE = "network"
_DONE = b"closed\n"
"""What the container writes when all is well."""
_FRAME_HEAD = 8
"""Bytes before what a container has written, on an attached connection."""
_READY_SECONDS = 30
_MEMORY = 64 << 20
_CLOSE = ("python3", "-I", "-S", "-c")


class NetworkRefused(EngineError):
    """The engine can't give a job the network that it is to have."""


class Namespace:
    """A network namespace from which no link-local address is reached: jobs join it, one at a time.

    A container of the base image has closed it, with the one right for that, and holds it. No job has
    that right, nor has its image a part in it. The container ends some seconds after its launcher.
    Raises NetworkRefused where the base image can't be had.
    """

    def __init__(self, api: APIClient, spec: ContainerSpec) -> None:
        self._api, self._spec = api, spec
        self._container = self._create(_arguments(spec), f"dltpod-network-{secrets.token_hex(4)}")
        self.mode = f"container:{self._container}"
        self._error: Exception | None = None
        self._stdin: Input | None = None
        self._started = threading.Event()
        self._closing = in_thread(f"close {self._container[:12]}", self._close)
        self._removing: threading.Thread | None = None
        self._lock = threading.Lock()

    def _create(self, body: Mapping[str, Any], name: str) -> str:
        """A container's id. Where the source's image was pulled, the base image may not be there yet."""
        from docker.errors import APIError, ImageNotFound

        try:
            return create(self._api, body, name)
        except ImageNotFound:
            pass
        base = self._spec.base
        try:
            self._api.pull(base)
            return create(self._api, body, name)
        except APIError as error:
            said = clean.words(str(error.explanation or error), 300)
            raise NetworkRefused(
                f"the machine's metadata address can't be closed to the source without {base}: {said}",
                f"docker pull {base}",
            ) from None

    def _close(self) -> None:
        from docker.errors import APIError

        said = b""
        try:
            self._stdin = Input(self._api, self._container, output=True)
            self._api.start(self._container)
            self._started.set()
            self._stdin.connection.settimeout(_READY_SECONDS)
            while data := self._stdin.connection.recv(4096):
                said += data
                if said.endswith(_DONE):
                    return
        except (APIError, OSError) as error:
            self._error = error
        else:
            text = clean.words(said[_FRAME_HEAD:].decode(errors="replace"), 300) or "its container ended"
            self._error = NetworkRefused(
                f"the machine's metadata address can't be blocked for the source: {text}",
                "list what the source needs in container.egress, or set container.network: none",
            )
        finally:
            self._started.set()

    def wait_started(self) -> None:
        """Until a container can join it. Raises what ``wait_closed`` does."""
        self._started.wait()
        if self._error is not None:
            raise self._error

    def wait_closed(self) -> None:
        """Until no link-local address is reached.

        Raises NetworkRefused where the kernel can't close them, and what the SDK raises.
        """
        self._closing.join()
        self.wait_started()

    @property
    def runs(self) -> bool:
        """Whether a container can still join it."""
        from docker.errors import NotFound

        self._closing.join()
        try:
            return bool(self._api.inspect_container(self._container)["State"]["Running"])
        except NotFound:
            return False

    def remove(self, *, wait: bool = True) -> None:
        """Remove its container. Further calls only wait for that."""
        with self._lock:
            if self._removing is None:
                self._removing = in_thread(f"remove {self._container[:12]}", self._remove)
        if wait:
            self._removing.join()

    def _remove(self) -> None:
        self._closing.join()
        if self._stdin is not None:
            if self._error is None:
                with contextlib.suppress(Exception):
                    self._stdin.connection.sendall(b"\n")
                    self._api.wait(self._container, timeout=_READY_SECONDS, condition="removed")
            self._stdin.close()
        # where it did not start, or does not end by itself
        with contextlib.suppress(Exception):
            self._api.remove_container(self._container, force=True, v=True)


def _arguments(spec: ContainerSpec) -> dict[str, Any]:
    """The body of ``POST /containers/create`` for the container of a namespace.

    No package is in its image, because no package may have this right.
    """
    with as_invoking_user():
        program = (contexts.runner_folder() / "supervise" / "link_local.py").read_text(encoding="utf-8")
    return {
        "Image": spec.base,
        "Cmd": [*_CLOSE, program, *LINK_LOCAL],
        "Entrypoint": [],
        "User": "0:0",
        "WorkingDir": "/",
        # Not the project's: it belongs to no source, and ends by itself.
        "Labels": {LABEL_MANAGED: "1", LABEL_ROLE: ROLE},
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        # A first process is deaf to SIGTERM, and a job that ends gently needs its network until then.
        "StopTimeout": int(spec.stop_grace),
        "HostConfig": {
            # Whatever becomes of this launcher, nothing of it stays.
            "AutoRemove": True,
            "NetworkMode": spec.network,
            "ExtraHosts": [f"{name}:{address}" for name, address in spec.extra_hosts.items()],
            **hardened(memory=_MEMORY, pids=16),
            "CapAdd": ["NET_ADMIN"],
        },
    }
