"""The sources that these tests run: put into ``custom_sources/`` as they stand, run only in containers."""

from __future__ import annotations

EVENTS = '''
import time
import dlt


@dlt.resource(name="events", primary_key="id", write_disposition="append")
def events(total: int = 2000, pause: float = 0.0, at=dlt.sources.incremental("id", initial_value=0)):
    """Rows 1 to total, each with two children; only those past the cursor."""
    for first in range((at.last_value or 0) + 1, total + 1, 100):
        yield [
            {"id": n, "text": "x" * 50, "parts": [{"k": 1}, {"k": 2}]}
            for n in range(first, min(first + 100, total + 1))
        ]
        time.sleep(pause)
'''

TROUBLE = '''
import os
import subprocess
import sys
import time
import dlt


def _rows():
    yield [{"id": 1}]


def plain():
    yield from _rows()


def fails():
    yield [{"id": 1}]
    raise ValueError("the account is closed")


def sleeps(seconds: float = 600):
    yield [{"id": 1}]
    time.sleep(seconds)


def ignores_signals(seconds: float = 600):
    import signal
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    print("deaf from now on", flush=True)
    while True:
        time.sleep(seconds)
    yield


def hog():
    held = []
    while True:
        held.append(bytearray(32 << 20))
        time.sleep(0.05)
    yield


def hog_child():
    code = "h=[]\\nwhile True: h.append(bytearray(32 << 20))"
    done = subprocess.run([sys.executable, "-c", code])
    if done.returncode:
        raise RuntimeError(f"the worker ended with {done.returncode}")
    yield from _rows()


def noisy(megabytes: int = 1024):
    line = ("noise " * 170 + "\\n").encode()
    block = line * 1024
    for _ in range(megabytes * (1 << 20) // len(block)):
        os.write(1, block)
    yield from _rows()


def counts(lines: int, width: int, filler: str = "x"):
    for start in range(0, lines, 1000):
        numbers = range(start, min(start + 1000, lines))
        os.write(1, b"".join(b"%08d ".ljust(width - 5, filler.encode()) % n + b"\\n" for n in numbers))
    yield from _rows()


def forks_and_hangs():
    for _ in range(5):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)
    time.sleep(3600)
    yield


def forks_and_ends():
    for _ in range(5):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)
    yield from _rows()


def fills(folder: str = "/tmp"):
    with open(os.path.join(folder, "filler"), "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))
    yield


def exits(code: int = 0):
    os._exit(code)
    yield


def kills_all():
    # Neither the first process nor the one that calls hears of it: the one is safe, the other follows.
    try:
        os.kill(-1, 9)
    except ProcessLookupError:
        pass
    os.kill(os.getpid(), 9)
    yield


def forges(name: str = "result.json"):
    import json
    text = json.dumps({"status": "ok", "exit_code": 0, "rows": {"stolen": 1}})
    print(text, flush=True)
    print(json.dumps({"event": "result", "token": "guess", "result": json.loads(text)}), flush=True)
    raise ValueError("the truth")
    yield


def says(result: dict):
    """Writes a result of its own to the runner's pipe, and leaves a folder where the result belongs."""
    import json, stat
    os.makedirs("/state/result.json/" + "d/" * 200 + "\\udcff")
    for descriptor in range(3, 40):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                for event in ({"event": "progress", "rows": [1]}, {"event": "result", "result": result}):
                    os.write(descriptor, json.dumps(event).encode() + b"\\n")
        except OSError:
            pass
    time.sleep(1)
    os._exit(0)
    yield


def refuses(times: int = 1, file: str = "/state/tries"):
    """Fails in passing so many times, then goes well."""
    tries = int(open(file).read()) if os.path.exists(file) else 0
    with open(file, "w") as out:
        out.write(str(tries + 1))
    if tries < times:
        raise ConnectionError("the server hung up")
    yield from _rows()
'''
