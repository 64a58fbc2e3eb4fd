"""A hundred secrets, planted wherever a user may put one, come out nowhere."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.plan.job import container_name
from tests.containers.cli.calls import dltpod
from tests.containers.folder import Folder

TELLTALE = """
import base64, json, logging, os, subprocess, sys, time, urllib.parse
import dlt


def _everything(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _everything(item)
    elif isinstance(value, list):
        for item in value:
            yield from _everything(item)
    else:
        yield str(value)


@dlt.resource
def tell(given: dict, password=dlt.secrets.value, nested: dict = dlt.secrets.value, mode="fail"):
    import tomllib

    with open("/run/secrets/dlt/secrets.toml", "rb") as file:
        table = tomllib.load(file)
    values = json.load(open("/run/secrets/dlt/values.json"))
    found = sorted({*_everything([given, table, values, nested]), password})
    for text in found:
        raw = text.encode()
        forms = [text, json.dumps(text), repr(text)]
        forms += [urllib.parse.quote(text, safe=""), urllib.parse.quote_plus(text)]
        forms += [base64.b64encode(pad + raw).decode() for pad in (b"", b"a", b"ab")]
        forms += [base64.urlsafe_b64encode(raw).decode(), *text.splitlines()]
        forms += [raw.hex(), raw.hex().upper()]
        if "://" in text:  # as a driver takes it for the host that reads an address decoded too early
            forms += [part + "@db" for part in urllib.parse.unquote(text).split("@")[1:]]
        for form in forms:
            print(form)
            print("x" + form + "y", file=sys.stderr)
            logging.getLogger("dlt").warning("told %s", form)
    sys.stdout.write(found[0][:5])
    sys.stdout.flush()
    time.sleep(0.05)
    sys.stdout.write(found[0][5:] + "\\n")
    subprocess.run(["/bin/sh", "-c", "cat /run/secrets/dlt/*; env"])
    os.write(2, b"raw " + found[-1].encode() + b"\\n")
    print("told", len(found))
    time.sleep(2)
    if mode == "fail":
        raise RuntimeError("failed with " + " ".join(found))
    yield [{"id": i, "length": len(text)} for i, text in enumerate(found)]
"""


def a_secret(i: int) -> str:
    """Each of another make: plain, full of special characters, of several lines, not ASCII, an address."""
    mark = secrets.token_hex(8)
    return (
        f"plain{mark}",
        f"sp ec&i=al/{mark}+?#%\"'\\$`",
        f"-----BEGIN KEY-----\nfirst{mark}\nsecond{mark}\n-----END KEY-----",
        f"schlüssel→{mark}",
        f"postgresql://user:pa%40ss{mark}@db.example.com/x?sslkey=k{mark}",
    )[i % 5]


def core_of(secret: str) -> str:
    """The part of a secret that no other text holds."""
    return max(
        (secret[i : i + 16] for i in range(len(secret) - 15)),
        key=lambda part: sum(c in "0123456789abcdef" for c in part),
    )


def encoded(core: str) -> Iterator[bytes]:
    """What ``core`` looks like in base64, at each of the three places that it may begin at."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + core.encode())
        yield whole[4 if shift else 0 : -4]


@pytest.fixture
def planted(project: Folder) -> list[str]:
    """A project full of secrets; all of them, of this source and of others."""
    made = [a_secret(i) for i in range(100)]
    take = iter(made)
    project.code("telltale", TELLTALE)
    project.source(
        "telltale",
        "telltale",
        "tell",
        {
            "given": {
                "deep": [{"token": f"env:TOLD_{i}"} for i in range(20)],
                "literals": {
                    "password": next(take),
                    "items": [{"api_key": next(take)}, next(take), f"Bearer {made[0]}"],
                },
            }
        },
        container={"env": {"TOLD_HERE": "env:TOLD_HERE"}, "retries": 0},
    )
    project.source("other", "telltale", "tell", {"given": {"secret": next(take)}})

    def table(name: str, count: int) -> str:
        return f"[{name}]\n" + "".join(f"k{i} = {json.dumps(next(take))}\n" for i in range(count))

    toml = f"root = {json.dumps(next(take))}\n" + table("sources", 4) + table("sources.telltale.nested", 20)
    toml += f"[sources.telltale]\npassword = {json.dumps(next(take))}\n"
    toml += table("telltale", 5) + table("sources.other", 5) + table("destination.duckdb", 3)
    toml += table("destination.postgres", 5) + table("vendor", 3)
    project.write(".dlt/secrets.toml", toml)
    variables = [f"TOLD_{i}" for i in range(20)] + [
        "TOLD_HERE",
        "NOT_TOLD",
        "SOURCES__TELLTALE__MORE",
        "SOURCES__OTHER__MORE",
    ]
    quoted = {name: next(take) for name in variables}
    project.write(".env", "".join(f"{name}={_dotenv(value)}\n" for name, value in quoted.items()))
    left = list(take)
    return made[: len(made) - len(left)]


def _dotenv(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def watched(folder: Folder, process: subprocess.Popen[str], seen: list[str]) -> None:
    """All that the engine tells of the source's container while it is there."""
    while process.poll() is None:
        with contextlib.suppress(Exception):
            container = folder.container("telltale")
            seen.append(json.dumps(container.attrs))
            seen.append(container.logs().decode(errors="replace"))
            image = container.image
            assert image is not None
            seen.append(json.dumps(image.attrs) + json.dumps(image.history()))
        time.sleep(0.2)


@pytest.mark.parametrize("mode", ["fail", "end"])
def test_no_secret_comes_out_by_any_way(project: Folder, planted: list[str], mode: str) -> None:
    assert len(planted) > 70
    process = project.start("sync", "telltale", "--set", f"mode={mode}", "--json")
    seen: list[str] = []
    watcher = threading.Thread(target=watched, args=(project, process, seen))
    watcher.start()
    out, err = process.communicate(timeout=300)
    watcher.join()
    assert process.returncode == (0 if mode == "end" else 1), out + err
    told = [out, err, *seen]
    for command in (
        ["runs"],
        ["runs", "--json"],
        ["logs", "telltale"],
        ["check", "telltale"],
        ["report"],
        ["ps"],
    ):
        asked = dltpod(project, *command)
        told += [asked.out, asked.err]
    log = next((project.root / ".dltpod" / "logs").rglob("*.log")).read_text()
    assert "told " in log
    assert container_name(project.name, "telltale") in "".join(seen)
    files = {
        file: file.read_bytes()
        for file in project.root.rglob("*")
        if file.is_file() and file.name not in ("secrets.toml", ".env", "sources.yml")
    }
    everything = "\n".join(told).encode() + b"\n".join(files.values())
    for secret in planted:
        core = core_of(secret)
        assert core.encode() not in everything, _where(core.encode(), told, files)
        assert urllib.parse.quote(core).encode() not in everything
        assert core.encode().hex().encode() not in everything.lower()
        for form in encoded(core):
            assert form not in everything, _where(form, told, files)


def _where(needle: bytes, told: list[str], files: dict[Path, bytes]) -> str:
    """The place of a leak, for whoever has to close it."""
    for i, text in enumerate(told):
        at = text.encode().find(needle)
        if at >= 0:
            return f"in what was told ({i}): {text.encode()[max(0, at - 200) : at + 200]!r}"
    for file, raw in files.items():
        at = raw.find(needle)
        if at >= 0:
            return f"in {file}: {raw[max(0, at - 200) : at + 200]!r}"
    return "nowhere"
