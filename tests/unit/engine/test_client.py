"""The engine is found as the docker CLI finds it, and what is wrong is said in few words."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.engines.docker.engine import DockerEngine
from launcher.errors import EngineError
from launcher.host.docker_engine import connect, find_endpoint
from launcher.host.launchers import unknown


def context(config: Path, name: str, host: str) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = config / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    meta = {"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    context(tmp_path, "colima", "unix:///home/me/.colima/docker.sock")
    context(tmp_path, "far", "tcp://far:2376")
    (tmp_path / "contexts/tls" / hashlib.sha256(b"far").hexdigest() / "docker").mkdir(parents=True)
    return tmp_path


def host(config: Path, **environ: str) -> str:
    return find_endpoint({"DOCKER_CONFIG": str(config), **environ}).host


def test_the_order_is_docker_host_then_docker_context_then_the_current_context_then_the_default(
    config: Path,
) -> None:
    default = "unix:///var/run/docker.sock"
    assert host(config) == default
    (config / "config.json").write_text('{"currentContext": "colima"}')
    assert host(config) == "unix:///home/me/.colima/docker.sock"
    assert host(config, DOCKER_CONTEXT="far") == "tcp://far:2376"
    assert host(config, DOCKER_CONTEXT="default") == default
    assert host(config, DOCKER_CONTEXT="far", DOCKER_HOST="tcp://here:1") == "tcp://here:1"


def test_a_context_brings_its_certificates(config: Path) -> None:
    found = find_endpoint({"DOCKER_CONFIG": str(config), "DOCKER_CONTEXT": "far"})
    assert found.tls is not None
    assert found.remote


def test_a_context_that_is_not_there_is_named_with_the_near_miss(config: Path) -> None:
    with pytest.raises(EngineError) as caught:
        host(config, DOCKER_CONTEXT="colma")
    assert "did you mean 'colima'?" in caught.value.message


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_config_file_is_named(config: Path, text: str) -> None:
    (config / "config.json").write_text(text)
    with pytest.raises(EngineError, match=r"config\.json"):
        host(config)


def problem(**environ: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        connect(environ)
    return caught.value


@pytest.mark.parametrize("place", ["unix:///no/such.sock", "tcp://127.0.0.1:1"])
def test_where_no_engine_answers_the_message_says_where_and_the_hint_how_to_start_one(place: str) -> None:
    error = problem(DOCKER_HOST=place)
    assert error.message == f"no Docker engine answers at {place} (DOCKER_HOST)"
    assert "systemctl start docker" in error.hint


def test_a_socket_that_one_may_not_use_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root may use any socket: ask as somebody else.
        script = "\n".join(
            [
                "import os, socket, sys",
                "sys.path.insert(0, os.getcwd())",
                "import docker, requests",
                "from launcher.host.docker_engine import connect",
                "from launcher.errors import EngineError",
                "os.setgid(65534); os.setuid(65534)",
                "try: connect({'DOCKER_HOST': sys.argv[1]})",
                "except EngineError as error: print(error.message, '|', error.hint)",
            ]
        )
        with locked_socket(tmp_path) as path:
            done = subprocess.run(
                [sys.executable, "-c", script, f"unix://{path}"], capture_output=True, text=True, check=True
            )
        text = done.stdout
    else:
        with locked_socket(tmp_path) as path:
            error = problem(DOCKER_HOST=f"unix://{path}")
        text = f"{error.message} | {error.hint}"
    assert "no permission to talk to the Docker engine" in text
    assert "usermod -aG docker" in text


@contextlib.contextmanager
def locked_socket(folder: Path) -> Iterator[Path]:
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    path = folder / "locked.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        yield path


class OldEngine:
    """Answers as an engine of 19.03 would."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                body = json.dumps({"ApiVersion": "1.40", "ServerVersion": "19.03.15"}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)


def test_an_engine_that_is_too_old_is_refused_with_the_version_that_would_do(tmp_path: Path) -> None:
    engine = OldEngine(tmp_path / "old.sock")
    with pytest.raises(EngineError) as caught:
        DockerEngine(environ={"DOCKER_HOST": f"unix://{tmp_path / 'old.sock'}"}, alive=unknown).facts()
    engine.listener.close()
    assert "19.03.15 is too old" in caught.value.message
    assert "20.10" in caught.value.hint


def test_an_engine_over_ssh_is_refused_with_the_way_out() -> None:
    error = problem(DOCKER_HOST="ssh://me@far:2222")
    assert "DOCKER_HOST names an engine over ssh" in error.message
    assert "run dltpod on that machine" in error.hint
