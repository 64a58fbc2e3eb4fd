"""What a source can do in its container, seen from inside and by inspect."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import pytest

from tests.containers.folder import AtPhase, Folder, wait_for

SECRET = "s3cr3t-of-this-source"
OTHER = "s3cr3t-of-another"
PROBE = """
import json
import os
import time
import dlt


def _writable():
    found = []
    for place, folders, files in os.walk("/"):
        if place.startswith(("/proc", "/sys")):
            folders[:] = []
            continue
        try:
            name = os.path.join(place, ".probe")
            with open(name, "w") as file:
                file.write("x")
            os.unlink(name)
            found.append(place)
        except OSError:
            pass
    return found


def _try(act):
    try:
        act()
        return "done"
    except Exception as error:
        return type(error).__name__


def _readable_secrets():
    text = ""
    for place, _, files in os.walk("/run/secrets"):
        for name in files:
            text += open(os.path.join(place, name)).read()
    return text


def look(password: str = dlt.secrets.value):
    status = dict(
        line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line
    )
    seen = {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privileges": status["NoNewPrivs"].strip(),
        "seccomp": status["Seccomp"].strip(),
        "writable": _writable(),
        "sockets": [p for p in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(p)],
        "init": open("/proc/1/comm").read().strip(),
        "environ_1": open("/proc/1/environ").read() if os.access("/proc/1/environ", os.R_OK) else "",
        "secrets": _readable_secrets(),
        "secrets_mode": oct(os.stat("/run/secrets/dlt").st_mode & 0o777),
        "setuid": _try(lambda: os.setuid(0)),
        "mknod": _try(lambda: os.mknod("/tmp/device", 0o20600, os.makedev(1, 1))),
        "password": password,
        "home": os.environ["HOME"],
        "host_variables": [name for name in os.environ if name.startswith("HOST_")],
        "stdin": os.readlink("/proc/self/fd/0"),
    }
    with open("/state/seen.json", "w") as file:
        json.dump(seen, file)
    time.sleep(2)
    yield [{"id": 1}]
"""


@pytest.fixture
def seen(project: Folder, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any], Folder]:
    """What the source saw, what the engine tells of its container, and the folder."""
    monkeypatch.setenv("HOST_ONLY", "of the host")
    project.code("probe", PROBE)
    project.source("look", "probe", "look")
    project.source("other", "probe", "look")
    project.write(
        ".dlt/secrets.toml",
        f'[sources.look]\npassword = "{SECRET}"\n[sources.other]\npassword = "{OTHER}"\n',
    )
    inspected: dict[str, Any] = {}

    def inspect() -> None:
        wait_for(lambda: (project.root / ".dltpod/state/look/seen.json").exists())
        container = project.container("look")
        inspected.update(container.attrs)
        inspected["top"] = container.top()

    watcher = threading.Thread(target=inspect)
    record = project.run("look", AtPhase("extract", watcher.start))
    watcher.join()
    assert record.status == "ok", record.message
    return json.loads((project.root / ".dltpod/state/look/seen.json").read_text()), inspected, project


def test_the_source_is_nobody_and_has_nothing_but_its_own_scratch(
    seen: tuple[dict[str, Any], dict[str, Any], Folder],
) -> None:
    inside, inspected, folder = seen

    # Who it is.
    assert inside["uid"] != 0
    assert inside["gid"] != 0
    assert 0 not in inside["groups"]
    assert inside["capabilities"] == ["0000000000000000"] * 5
    assert inside["no_new_privileges"] == "1"
    assert inside["seccomp"] == "2"
    assert inside["setuid"] == "PermissionError"
    assert inside["mknod"] == "PermissionError"

    # Where it can write. /dev/shm and /dev/mqueue are memory of its own, in its limit:
    # multiprocessing needs the first.
    tops = {"/" + "/".join(place.strip("/").split("/")[:2]) for place in inside["writable"]}
    allowed = {"/dev/shm", "/dev/mqueue", "/run/secrets"}
    assert {t for t in tops if not t.startswith(("/state", "/data", "/tmp")) and t not in allowed} == set()
    assert "/run/secrets" not in inside["writable"]

    # What it sees.
    assert inside["sockets"] == []
    assert inside["init"] in ("docker-init", "tini")
    assert inside["password"] == SECRET
    assert inside["secrets_mode"] == "0o700"
    assert OTHER not in inside["secrets"]
    assert SECRET not in inside["environ_1"]
    assert inside["host_variables"] == []
    assert inside["stdin"] == "/dev/null"

    # What the engine tells of it.
    text = json.dumps(inspected)
    assert SECRET not in text
    assert OTHER not in text
    assert "HOST_ONLY" not in text
    host = inspected["HostConfig"]
    assert (host["ReadonlyRootfs"], host["Privileged"], host["CapDrop"]) == (True, False, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (2 << 30, 2 << 30, 512)
    assert "docker.sock" not in text

    # What stays on the host: nothing of the secret but the user's own file, all of the right user.
    for file in folder.root.rglob("*"):
        if file.is_file() and file.name not in ("secrets.toml", "seen.json"):
            assert SECRET.encode() not in file.read_bytes(), file
    written = [folder.root / "data" / "warehouse.duckdb", folder.root / ".dltpod/state/look/result.json"]
    assert {file.stat().st_uid for file in written} == {inside["uid"]}
    if os.geteuid() != 0:
        assert inside["uid"] == os.geteuid()
