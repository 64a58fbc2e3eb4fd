"""What a source can do in its container, seen from inside and by inspect."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import pytest

from tests.containers.folder import AtPhase, Folder
from tests.waiting import wait_for

SECRET = "s3cr3t-of-this-source"
OTHER = "s3cr3t-of-another"
PROBE = """
import ctypes
import json
import os
import signal
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


def _state_of_1():
    text = open("/proc/1/stat").read()
    return text.rpartition(")")[2].split()[0]


def _attacked():
    "What came of each try to stop, end, trace and read the process that watches over this one."
    libc = ctypes.CDLL(None, use_errno=True)
    memory = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(memory), 8)
    tries = {
        "trace": lambda: libc.ptrace(16, 1, 0, 0),
        "seize": lambda: libc.ptrace(0x4206, 1, 0, 0),
        "read memory": lambda: libc.process_vm_readv(1, vector, 1, vector, 1, 0),
        "take a descriptor": lambda: libc.syscall(438, os.pidfd_open(1), 0, 0),
    }
    found = {name: [attempt(), ctypes.get_errno()] for name, attempt in tries.items()}
    for name in ("mem", "environ", "maps", "auxv"):
        found[name] = _try(lambda: open(f"/proc/1/{name}", "rb").read(1))
    for name in ("fd", "fdinfo", "task/1/fd"):
        found[name] = _try(lambda: os.listdir(f"/proc/1/{name}"))
    for descriptor in range(3):
        found[f"fd/{descriptor}"] = _try(lambda: os.open(f"/proc/1/fd/{descriptor}", os.O_RDWR))
    found["oom_score_adj"] = _try(lambda: open("/proc/1/oom_score_adj", "w"))
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1):
        os.kill(1, number)
    time.sleep(0.3)
    found["stopped"] = _state_of_1() in "tT"
    return found


def _own_process():
    "What a library may ask of its own process."
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(len, ["abc"]) == [3]
    open("/proc/self/environ").read()
    open("/dev/stderr", "w").close()
    return len(os.listdir("/proc/self/fd")) > 2


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
        "first": open("/proc/1/cmdline").read().split("\\0")[1:-1],
        "parent": os.getppid(),
        "attacked": _attacked(),
        "own_process": _own_process(),
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
    until = time.monotonic() + 120
    while not os.path.exists("/state/looked") and time.monotonic() < until:
        time.sleep(0.05)
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
        (project.root / ".dltpod/state/look/looked").touch()

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
    assert inside["password"] == SECRET
    assert inside["secrets_mode"] == "0o700"
    assert OTHER not in inside["secrets"]
    assert inside["host_variables"] == []
    assert inside["stdin"] == "/dev/null"

    # Who watches over it: the first process, which it can't stop, end, trace or read.
    assert (inside["first"], inside["parent"]) == (["-S", "-m", "dltpod_runner"], 1)
    attacked = inside["attacked"]
    assert attacked.pop("stopped") is False
    assert set(map(str, attacked.values())) <= {"PermissionError", "[-1, 1]"}, attacked
    assert inside["own_process"]

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


FIGHTS = """
import ctypes
import os
import signal
import stat
import time


def _endless(act):
    if os.fork() == 0:
        os.setsid()
        while True:
            act()
            time.sleep(0.001)


def _orphan():
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()


def _pipes():
    for descriptor in range(3, 40):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                yield descriptor
        except OSError:
            pass


def fights():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pipes = list(_pipes())
    _endless(lambda: os.write(1, b"x" * 1023 + b"\\n"))
    _endless(lambda: [os.write(pipe, b"x" * 4096) for pipe in pipes])
    _endless(_orphan)
    for watcher in {1, os.getppid()}:
        os.kill(watcher, signal.SIGSTOP)
        ctypes.CDLL(None).ptrace(16, watcher, 0, 0)
    for pipe in pipes:
        os.close(pipe)
    open("/state/began", "w").close()
    while True:
        time.sleep(60)
    yield
"""


def test_a_source_that_fights_what_watches_over_it_ends_with_its_launcher(project: Folder) -> None:
    project.code("fights", FIGHTS)
    project.source("fights", "fights", "fights")
    launcher = project.start("sync", "fights")
    wait_for((project.root / ".dltpod/state/fights/began").exists)
    launcher.kill()
    launcher.communicate()
    wait_for(lambda: not any(c.status == "running" for c in project.containers()))
