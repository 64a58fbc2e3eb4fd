"""A run without a launcher tells the webhook of its failure itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runner.contract import WEBHOOK_VALUE
from tests.pipeline.runner.box import Box
from tests.unit.cli.hook import Hook

BREAKS = "def orders():\n    raise ValueError('there is no such account')\n"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def test_a_failure_is_told_with_the_fields_that_the_launcher_sends(box: Box, hook: Hook) -> None:
    box.write("shop.py", BREAKS)
    outcome = box.run(values={WEBHOOK_VALUE: hook.url}, events=False)
    [body] = hook.bodies
    assert body["text"].startswith("acme: shop failed (extract): ")
    assert "there is no such account" in body["text"]
    assert {key: body[key] for key in ("event", "project", "source", "status", "failure_kind", "rows")} == {
        "event": "failure",
        "project": "acme",
        "source": "shop",
        "status": "failed",
        "failure_kind": "extract",
        "rows": 0,
    }
    assert outcome.code == 1
    assert hook.url not in outcome.everything


def test_a_run_that_goes_well_and_one_that_a_launcher_watches_tell_nothing(box: Box, hook: Hook) -> None:
    box.write("shop.py", BREAKS)
    box.run(values={WEBHOOK_VALUE: hook.url})
    box.write("shop.py", "def orders():\n    yield [{'id': 1}]\n")
    assert box.run(values={WEBHOOK_VALUE: hook.url}, events=False).code == 0
    assert hook.bodies == []


def test_a_webhook_that_answers_once_with_an_error_of_its_own_is_tried_again(box: Box, hook: Hook) -> None:
    box.write("shop.py", BREAKS)
    hook.codes = [503]
    box.run(values={WEBHOOK_VALUE: hook.url}, events=False)
    assert len(hook.bodies) == 2


def test_a_redirect_is_not_followed_and_the_log_says_so_without_the_address(box: Box, hook: Hook) -> None:
    box.write("shop.py", BREAKS)
    hook.codes, hook.location = [302], "/elsewhere"
    outcome = box.run(values={WEBHOOK_VALUE: hook.url}, events=False)
    assert len(hook.bodies) == 1
    assert "dltpod: the webhook was not told: it answered 302" in outcome.log
    assert hook.url not in outcome.log
