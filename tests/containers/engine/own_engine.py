"""A Docker Engine of a test's own, which may be killed: its own root, socket and process ids; no network."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.host.docker_engine import connect
from tests.waiting import wait_for

if TYPE_CHECKING:
    import docker

_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


class OwnEngine:
    """``dockerd`` in a folder. Without root it is started by sudo, which must ask for no password."""

    def __init__(self, folder: Path, storage_driver: str, settings: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._driver = storage_driver
        self._settings = dict(settings or {})
        self._namespace = f"test-{secrets.token_hex(4)}"  # where engines share a containerd
        self._daemon: subprocess.Popen[bytes]
        self._sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def start(self) -> docker.DockerClient:
        """The daemon, and a client of it once it answers."""
        daemon = shutil.which("dockerd", path=_PLACES)
        assert daemon, "this test starts a Docker Engine of its own: dockerd must be on this machine"
        settings = self.folder / "daemon.json"
        settings.write_text(json.dumps(self._settings))  # not this machine's
        # Without a bridge it removes docker0, so it gets a network namespace where there is none.
        command = [*self._sudo, "unshare", "--net", daemon, "--config-file", str(settings)]
        command += ["-H", self.host, "--group", str(os.getegid())]
        command += ["--data-root", str(self.folder / "root"), "--exec-root", str(self.folder / "run")]
        command += ["--pidfile", str(self._pid_file), "--storage-driver", self._driver]
        command += ["--bridge=none", "--iptables=false", "--containerd-namespace", self._namespace]
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        client: docker.DockerClient = wait_for(self._answering, text="the test's own engine does not answer")
        return client

    def kill(self) -> None:
        """SIGKILL to the daemon alone, as the kernel does when memory runs out."""
        self._signal(self._pid_file, signal.SIGKILL)
        # Its containerd dies with it. Where nobody reaps them, zombies would count as processes that run.
        self._daemon.wait(60)
        subprocess.run([*self._sudo, "rm", "-f", str(self._containerd_pid_file)], check=True)

    def close(self) -> None:
        """Ends the daemon and what it started, and removes its folder."""
        self._signal(self._pid_file, signal.SIGTERM)
        wait_for(lambda: not self._pid_file.exists(), text="the test's own engine does not end")
        self._signal(self._containerd_pid_file, signal.SIGKILL)
        for mount in self._mounts():
            subprocess.run([*self._sudo, "umount", "-l", mount], check=False)
        subprocess.run([*self._sudo, "rm", "-rf", "--one-file-system", str(self.folder)], check=True)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "docker.pid"

    @property
    def _containerd_pid_file(self) -> Path:
        return self.folder / "run" / "containerd" / "containerd.pid"

    def _answering(self) -> docker.DockerClient:
        client = connect({**os.environ, "DOCKER_HOST": self.host})
        client.ping()
        return client

    def _signal(self, file: Path, number: int) -> None:
        if file.exists():
            pid = file.read_text().strip()
            subprocess.run([*self._sudo, "kill", f"-{number}", pid], check=False)

    def _mounts(self) -> list[str]:
        lines = Path("/proc/self/mounts").read_text().splitlines()
        found = [line.split(" ")[1] for line in lines]
        return sorted((m for m in found if m.startswith(f"{self.folder}/")), reverse=True)


@contextmanager
def own_engine(
    client: docker.DockerClient, *images: str, settings: Mapping[str, Any] | None = None
) -> Iterator[OwnEngine]:
    """An engine that runs and has the ``images`` of another; ``settings`` as in ``daemon.json``."""
    folder = Path(tempfile.mkdtemp(prefix="dltpod-engine-"))
    engine = OwnEngine(folder, client.info()["Driver"], settings)
    try:
        own = engine.start()
        try:
            for image in images:
                chunks = client.images.get(image).save(named=image)
                own.images.load(chunks)  # type: ignore[arg-type] # requests streams an iterator
        finally:
            own.close()
        yield engine
    finally:
        engine.close()
