"""A pod's log, over connections that break and kubelets that answer with something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import pytest

from launcher.engines.kubernetes.api import Api
from launcher.engines.kubernetes.logs import Follower

ONE = b"2026-11-26T15:00:01.000000001Z one"
TWO = b"2026-11-26T15:00:02.000000001Z two"
THREE = b"2026-11-26T15:00:03.000000001Z three"
WATCHER = b"failed to create fsnotify watcher: too many open files"
RETRIEVE = b"unable to retrieve container logs for containerd://0a1b"


class Kubelet:
    """Answers one connection after the other with these lines."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def lines(self, path: str, query: Mapping[str, str], *, silence: float) -> Iterator[bytes]:
        self.asked.append(query.get("sinceTime", ""))
        yield from self.answers.pop(0)


def read(kubelet: Kubelet) -> list[bytes]:
    heard: list[bytes] = []
    follower = Follower(cast(Api, kubelet), "/pod", lambda _, line: heard.append(line))
    while kubelet.answers:
        follower.read(follow=True)
    return heard


@pytest.mark.parametrize("said", [WATCHER, RETRIEVE, b"2026 was a good year", b"2026-11-26T15:00:09"])
def test_a_sentence_of_the_kubelets_own_is_told_once_and_the_log_goes_on_where_it_was(said: bytes) -> None:
    kubelet = Kubelet([ONE, said], [ONE, said], [ONE, TWO, THREE])
    assert read(kubelet) == [b"one", b"the kubelet says: " + said, b"two", b"three"]
    assert kubelet.asked == ["", "2026-11-26T15:00:01Z", "2026-11-26T15:00:01Z"]


def test_a_kubelets_first_answer_may_be_a_sentence() -> None:
    kubelet = Kubelet([RETRIEVE], [ONE, TWO])
    assert read(kubelet) == [b"the kubelet says: " + RETRIEVE, b"one", b"two"]
    assert kubelet.asked == ["", ""]


def test_empty_lines_and_those_of_a_node_in_another_time_zone_are_lines_like_any() -> None:
    kubelet = Kubelet([b"2026-11-26T16:00:01.5+01:00 ", b"2026-11-26T16:00:02+01:00 x  y"], [])
    assert read(kubelet) == [b"", b"x  y"]
    assert kubelet.asked[1] == "2026-11-26T16:00:02+01:00"
