"""A hundred secrets, in a source that does its best to tell them: none gets out."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse

import pytest

from tests.pipeline.runner.box import Box

SOURCE = """
    import base64, json, logging, os, subprocess, sys, urllib.parse
    import dlt

    @dlt.source
    def orders(options, **secrets):
        everything = [*dlt.secrets["shop.sources"].values(), *options["list"], options["map"]["deep"]]
        for secret in everything:
            secret = str(secret)
            print(secret)
            print(f"url=https://api/?key={urllib.parse.quote(secret, safe='')}&x=1")
            print(json.dumps({"secret": secret}), repr({"secret": secret}), [secret])
            print(base64.b64encode(f"user:{secret}".encode()).decode())
            print(base64.b64encode(f"me:{secret}@".encode()).decode())
            print(base64.urlsafe_b64encode(secret.encode()).decode())
            sys.stderr.write("torn ")
            sys.stderr.write(secret[:5])
            sys.stderr.flush()
            sys.stderr.write(secret[5:] + "\\n")
            logging.error("secret %s", secret)
            os.write(1, secret.encode() + b"\\n")
        subprocess.run(["cat", os.environ["DLT_PROJECT_DIR"] + "/dlt/secrets.toml", "/proc/self/environ"])
        sys.stdout.write("x" * 65500 + everything[0] + "x" * 70000 + everything[1])

        @dlt.resource(name=everything[2])
        def resource(cursor=dlt.sources.incremental("at")):
            yield [{"id": 1, "at": everything[3]}]
            raise RuntimeError("failed with " + " and ".join(map(str, everything)))
        return resource
"""


def secret(number: int, rng: random.Random) -> str:
    """A password of some kind: plain letters, punctuation, beyond ASCII, of several lines, a JSON key."""
    letters = string.ascii_letters + string.digits
    word = "".join(rng.choice(letters) for _ in range(rng.randint(9, 40)))
    kinds = (
        word,
        f"{word[:6]}/+&=%{word[6:]}?",
        f"{word[:5]}\"\\\\{word[5:]}'<>",
        f"{word}ñ€漢{number}",
        f"postgresql://user:{word}%21@db.example.com:5432/db",
        "\n".join(["-----BEGIN KEY-----", word * 2, word[::-1] * 2, "-----END KEY-----"]),
        json.dumps({"type": "service_account", "private_key": f"{word}\n{word[::-1]}", "id": number}),
    )
    return kinds[number % len(kinds)]


def needles(value: str) -> list[str]:
    """What must not be found anywhere: the value, its parts and lines, plain, quoted and encoded."""
    parts = [value, *(line for line in value.splitlines() if len(line) > 8 and "-----" not in line)]
    if value.startswith("postgresql:"):
        parts.append(value.split(":")[2].partition("@")[0])
    if value.startswith("{"):
        parts += json.loads(value)["private_key"].splitlines()
    found = []
    for part in parts:
        found += [part, urllib.parse.quote(part, safe=""), json.dumps(part)[1:-1], repr(part)[1:-1]]
        found += [base64.b64encode(part.encode()).decode()[: len(part.encode()) * 8 // 6]]
        found += [base64.b64encode(b"user:" + part.encode()).decode()[8 : (5 + len(part.encode())) * 8 // 6]]
    return found


def test_none_of_a_hundred_secrets_leaves_in_any_form(box: Box) -> None:
    rng = random.Random(4)
    secrets = [secret(number, rng) for number in range(100)]
    toml = "[shop.sources]\n" + "".join(f"key_{n} = {json.dumps(s)}\n" for n, s in enumerate(secrets[:60]))
    values = {f"V{n}": s for n, s in enumerate(secrets[60:])}
    box.write("shop.py", SOURCE)
    options = {"list": [f"env:V{n}" for n in range(39)], "map": {"deep": "env:V39"}}
    outcome = box.run(toml, values, kwargs={"options": options})
    assert (outcome.code, outcome.stored.status) == (1, "failed"), outcome.log
    assert "failed with ***" in outcome.failure.message
    assert outcome.log.count("***") > 1000
    shown = outcome.everything + (box.root / "state/result.json").read_text(encoding="utf-8")
    told = [needle for value in secrets for needle in needles(value) if needle in shown]
    assert told == []


RAISES = """
    def orders(api_key: str, before: int):
        raise RuntimeError("x" * before + api_key + " and so on")
"""


@pytest.mark.parametrize("before", [350, 370, 390, 31_700])
def test_no_part_of_a_secret_is_left_where_a_long_message_or_traceback_is_cut(box: Box, before: int) -> None:
    key = "KEY-9f8e7d6c5b4a-ZYXWVUTSRQPONMLKJIHGFEDCBA-0123456789"
    box.write("shop.py", RAISES)
    outcome = box.run(kwargs={"api_key": "env:KEY", "before": before}, values={"KEY": key})
    told = [key[i : i + 6] for i in range(len(key) - 6) if key[i : i + 6] in outcome.everything]
    assert told == []


def test_a_secret_with_spaces_is_not_told_with_fewer_of_them(box: Box) -> None:
    box.write("shop.py", RAISES)
    key = "two  spaces  and\ta tab"
    outcome = box.run(kwargs={"api_key": "env:KEY", "before": 0}, values={"KEY": key})
    assert outcome.failure.message.endswith(
        "RuntimeError: *** and so on at custom_sources/shop.py:3, in orders"
    )
    assert " ".join(key.split()) not in outcome.everything
