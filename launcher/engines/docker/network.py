"""What a job's container is connected to: dltpod's own network, another one, a gateway, or nothing.

On dltpod's own network, a bridge, no container reaches another; gateways are on it too. Whatever the
network, no job reaches a link-local address: the routes in its container refuse it, or its gateway does.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.gateway import LABEL_ROLE, Gateway, arguments, explain_refusal
from launcher.engines.docker.spec import hardened
from launcher.engines.protocol import Ended
from launcher.errors import EngineError
from launcher.host.docker_engine import create
from launcher.host.files import build_lock
from launcher.host.rights import as_invoking_user
from launcher.images import contexts
from launcher.images.tags import LABEL_MANAGED
from launcher.plan.egress import ENGINE_UID, LINK_LOCAL
from launcher.plan.values import NETWORK, NETWORK_OPTIONS, ContainerSpec
from launcher.untrusted import clean

if TYPE_CHECKING:
    from docker import APIClient

_MTU = "com.docker.network.driver.mtu"
ROLE = "network"
_DONE = "closed"
"""What the helper says when all is well."""
_MEMORY = 64 << 20
_CLOSE = ("python3", "-I", "-S", "-c")


class NetworkRefused(EngineError):
    """The engine can't give a job the network that it is to have."""


class Network:
    """One container's. ``mode`` is the engine's word for it."""

    def __init__(
        self, api: APIClient, spec: ContainerSpec, mode: str, gateway: Gateway | None, *, closes: bool
    ) -> None:
        self._api, self._spec, self._gateway, self._closes = api, spec, gateway, closes
        self.mode = mode

    def explain_refusal(self, ended: Ended) -> Ended:
        """The end of a job, once its gateway is closed: see ``gateway.explain_refusal``."""
        return ended if self._gateway is None else explain_refusal(ended, self._gateway.reader.refused)

    def open(self, note: Callable[[str], None]) -> None:
        """Before the container starts. ``note`` hears of what a gateway refuses. Raises EngineError."""
        if self._gateway is not None:
            self._gateway.open(note)

    def close_link_local(self, container: str) -> None:
        """In a container that waits for its job, so that none but the runner's first process has run there.

        A second container does it, of the base image, which has the one right for it and is gone then. Raises
        NetworkRefused where the kernel can't, or the base image can't be had. A container that has ended
        needs nothing.
        """
        from docker.errors import APIError

        if not self._closes:
            return
        api = self._api
        helper = self._create(_helper(self._spec, container))
        try:
            output = api.attach(helper, stream=True)
            api.start(helper)
            said = b"".join(output).decode(errors="replace").strip()
        except APIError as error:
            said = str(error.explanation or error)
            with contextlib.suppress(APIError):
                api.remove_container(helper, force=True, v=True)
        if said != _DONE and api.inspect_container(container)["State"]["Running"]:
            raise NetworkRefused(
                f"the machine's metadata address can't be blocked for the source: {clean.words(said, 300)}",
                "list what the source needs in container.egress, or set container.network: none",
            )

    def _create(self, body: dict[str, Any]) -> str:
        """A container's id. Where the source's image was pulled, the base image may not be there yet."""
        from docker.errors import APIError, ImageNotFound

        try:
            return create(self._api, body)
        except ImageNotFound:
            pass
        base = self._spec.base
        try:
            self._api.pull(base)
            return create(self._api, body)
        except APIError as error:
            said = clean.words(str(error.explanation or error), 300)
            raise NetworkRefused(
                f"the machine's metadata address can't be closed to the source without {base}: {said}",
                f"docker pull {base}",
            ) from None


@contextlib.contextmanager
def network_for(api: APIClient, spec: ContainerSpec, run_id: str, *, podman: bool) -> Iterator[Network]:
    """The network of a container, and its gateway where it has ``egress``; the gateway is removed at the end.

    Raises what the SDK raises, and NetworkRefused where dltpod's network can't be made.
    """
    # Podman's networks can't keep containers apart. Under rootless Docker the job has the uid of the engine,
    # which asks name servers from within a gateway that is not on the engine's default bridge.
    if spec.network == "bridge" and not podman and not (spec.egress and spec.user.uid == ENGINE_UID):
        spec = replace(spec, network=_own(api))
    if not spec.egress or spec.network == "none":
        yield Network(api, spec, spec.network, None, closes=spec.network != "none" and not podman)
        return
    gateway = Gateway(api, create(api, arguments(spec), f"{spec.name}-gateway-{run_id[-6:]}"))
    try:
        yield Network(api, spec, gateway.network, gateway, closes=False)
    finally:
        gateway.close()


def _own(api: APIClient) -> str:
    """dltpod's own network, made where it is missing."""
    found = _networks(api)
    if not found:
        with contextlib.ExitStack() as held:
            # One launcher at a time: while there are two of one name, the engine refuses it to everybody.
            # Without a cache folder to write in, it is made all the same.
            with contextlib.suppress(OSError):
                held.enter_context(build_lock("network", os.environ, lambda line: None))
            found = _networks(api)
            if not found:
                _make(api)
                found = _networks(api)
    if not any(
        row["Driver"] == "bridge" and NETWORK_OPTIONS.items() <= row["Options"].items() for row in found
    ):
        raise NetworkRefused(
            f"the engine has a network {NETWORK} in which containers reach each other",
            f"`docker network rm {NETWORK}`: dltpod makes its own; or set container.network",
        )
    return NETWORK


def _networks(api: APIClient) -> list[dict[str, Any]]:
    """Those of that name, the oldest first."""
    rows: list[dict[str, Any]] = api.networks(names=[NETWORK])
    return sorted((row for row in rows if row["Name"] == NETWORK), key=lambda row: row["Created"])


def _make(api: APIClient) -> None:
    from docker.errors import APIError, NotFound

    # A daemon's own `mtu` holds for its default bridge alone, which not every daemon has.
    default: dict[str, str] = {}
    with contextlib.suppress(NotFound):
        default = api.inspect_network("bridge").get("Options") or {}
    options = {**NETWORK_OPTIONS, **({_MTU: default[_MTU]} if _MTU in default else {})}
    try:
        api.create_network(
            NETWORK, driver="bridge", options=options, labels={LABEL_MANAGED: "1"}, check_duplicate=True
        )
    except APIError as error:
        if error.status_code == 409 or _made_by_another(api):
            return
        said = clean.words(str(error.explanation or error), 300)
        hint = "`docker network prune` frees addresses that no container uses"
        raise NetworkRefused(f"the engine can't make dltpod's network: {said}", hint) from None
    # Engines before 24 may make two of one name, where the other launcher is not of this user.
    for row in _networks(api)[1:]:
        with contextlib.suppress(APIError):
            api.remove_network(row["Id"])


def _made_by_another(api: APIClient) -> bool:
    """Whether the network comes up after all: another launcher may have taken the engine's last addresses."""
    for _ in range(10):
        if _networks(api):
            return True
        time.sleep(0.1)
    return False


def _helper(spec: ContainerSpec, container: str) -> dict[str, Any]:
    """The body of ``POST /containers/create`` for what closes link-local addresses to a container.

    It runs the runner's own file in the container's network namespace. No package is in its image, because
    no package may have this right.
    """
    with as_invoking_user():
        program = (contexts.runner_folder() / "supervise" / "link_local.py").read_text(encoding="utf-8")
    return {
        "Image": spec.base,
        "Cmd": [*_CLOSE, program, *LINK_LOCAL],
        "Entrypoint": [],
        "User": "0:0",
        "WorkingDir": "/",
        "Labels": {**spec.labels, LABEL_ROLE: ROLE},
        "AttachStdout": True,
        "AttachStderr": True,
        "HostConfig": {
            # Whatever becomes of this launcher, nothing of it stays.
            "AutoRemove": True,
            "NetworkMode": f"container:{container}",
            **hardened(memory=_MEMORY, pids=16),
            "CapAdd": ["NET_ADMIN"],
        },
    }
