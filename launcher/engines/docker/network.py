"""What a job's container is connected to: dltpod's own network, another one, a gateway, or nothing.

On dltpod's own network, a bridge, no container reaches another; gateways are on it too. Whatever the
network, no job reaches a link-local address: its network namespace refuses it, or its gateway does.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.gateway import Gateway, arguments, explain_refusal
from launcher.engines.docker.namespace import Namespace, NetworkRefused
from launcher.engines.protocol import Ended
from launcher.host.docker_engine import create
from launcher.host.files import build_lock
from launcher.images.tags import LABEL_MANAGED
from launcher.plan.egress import ENGINE_UID
from launcher.plan.values import NETWORK, NETWORK_OPTIONS, ContainerSpec
from launcher.untrusted import clean

if TYPE_CHECKING:
    from docker import APIClient

_MTU = "com.docker.network.driver.mtu"


class Network:
    """One job's. ``mode`` is the engine's word for it."""

    def __init__(
        self, mode: str, *, gateway: Gateway | None = None, namespace: Namespace | None = None
    ) -> None:
        self.mode, self._gateway, self._namespace = mode, gateway, namespace
        self.last = False
        """No other job will be in the namespace."""

    def explain_refusal(self, ended: Ended) -> Ended:
        """The end of a job, once its gateway is closed: see ``gateway.explain_refusal``."""
        return ended if self._gateway is None else explain_refusal(ended, self._gateway.reader.refused)

    def open(self, note: Callable[[str], None]) -> None:
        """Before the job's container starts. ``note`` hears of what a gateway refuses.

        Raises EngineError, and what the SDK raises.
        """
        if self._gateway is not None:
            self._gateway.open(note)
        if self._namespace is not None:
            self._namespace.wait_started()

    def wait_closed(self) -> None:
        """Before the container is given its job, so that none but the runner's first process has run there.

        Raises NetworkRefused where link-local addresses can't be closed.
        """
        if self._namespace is not None:
            self._namespace.wait_closed()

    def leave(self) -> None:
        """When the job has given its result: what no other job needs begins to go."""
        if self._namespace is not None and self.last:
            self._namespace.remove(wait=False)


class Networks:
    """The networks of an engine's jobs. With ``reuse``, a namespace serves one job after the other."""

    def __init__(self, api: APIClient, *, reuse: bool = False) -> None:
        self._api, self._reuse = api, reuse
        self._free: list[tuple[object, Namespace]] = []

    @contextlib.contextmanager
    def of(self, spec: ContainerSpec, run_id: str, *, podman: bool) -> Iterator[Network]:
        """A job's network, and its gateway where it has ``egress``; the gateway is removed at the end.

        Raises what the SDK raises, and NetworkRefused where the job can't have it.
        """
        if spec.network == "none":
            yield Network("none")
        elif spec.egress:
            # Podman's networks can't keep containers apart. Under rootless Docker the job has the uid of
            # the engine, which asks name servers from within a gateway that is not on its default bridge.
            if not podman and spec.user.uid != ENGINE_UID:
                spec = self._apart(spec)
            name = f"{spec.name}-gateway-{run_id[-6:]}"
            gateway = Gateway(self._api, create(self._api, arguments(spec), name))
            try:
                yield Network(gateway.network, gateway=gateway)
            finally:
                gateway.close()
        elif podman:
            yield Network(spec.network)
        else:
            yield from self._with_namespace(spec)

    def _with_namespace(self, spec: ContainerSpec) -> Iterator[Network]:
        kind = (spec.network, sorted(spec.extra_hosts.items()))
        namespace = self._take(kind) or Namespace(self._api, self._apart(spec))
        network = Network(namespace.mode, namespace=namespace)
        network.last = not self._reuse
        try:
            yield network
        except BaseException:
            network.last = True
            raise
        finally:
            if network.last:
                namespace.remove()
            else:
                self._free.append((kind, namespace))

    def _apart(self, spec: ContainerSpec) -> ContainerSpec:
        """On dltpod's own network, if it is on no network of the user's."""
        return replace(spec, network=own_network(self._api)) if spec.network == "bridge" else spec

    def _take(self, kind: object) -> Namespace | None:
        """A free one that still runs, the last one used first."""
        for each in self._free[::-1]:
            # Another thread may be quicker.
            with contextlib.suppress(ValueError):
                if each[0] == kind:
                    self._free.remove(each)
                    if each[1].runs:
                        return each[1]
                    each[1].remove(wait=False)
        return None

    def close(self) -> None:
        """Remove all namespaces. No job may be in one."""
        for wait in (False, True):
            for _, namespace in self._free:
                namespace.remove(wait=wait)
        self._free.clear()


def own_network(api: APIClient) -> str:
    """The name of dltpod's own network, which is made where it is missing. Raises NetworkRefused."""
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
