"""Follows the pods of one run, over as many connections to the API server as that takes."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

from launcher.engines.kubernetes.api import Api, ApiError, Unreachable
from launcher.engines.kubernetes.names import collection, selector

WATCH_SECONDS = 25
"""How long the server keeps one watch. Then the pods are listed anew, so nothing missed stays missed."""
_SILENCE_SECONDS = 40.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Seen:
    """One report: a pod as it is now, or as it was at last (``gone``), or why the server can't be asked."""

    pod: dict[str, Any] | None = None
    gone: bool = False
    trouble: Exception | None = None


class PodWatch:
    """Watches the pods with these labels, in a thread of its own. Use it as a context manager."""

    def __init__(self, api: Api, namespace: str, labels: dict[str, str]) -> None:
        self._api = api
        self._path = collection("Pod", namespace)
        self._query = selector(labels)
        self._known: dict[str, dict[str, Any]] = {}
        self._closed = threading.Event()
        self.queue: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self.answered = time.monotonic()
        """When the server last answered (monotonic clock)."""

    def __enter__(self) -> PodWatch:
        threading.Thread(target=self._run, daemon=True, name="pod watch").start()
        return self

    def __exit__(self, *_: object) -> None:
        # The thread ends with its connection: at the next event, or with the watch's own time.
        self._closed.set()

    def next(self, seconds: float) -> Seen | None:
        """The next report; None where there is none within that time."""
        with contextlib.suppress(queue.Empty):
            return self.queue.get(timeout=seconds)
        return None

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._watch(self._list())
            except (ApiError, Unreachable) as error:
                # 410: the point to watch from is too old. Listing anew is the answer to that too.
                if not (isinstance(error, ApiError) and error.status == 410):
                    self.queue.put(Seen(trouble=error))
                self._closed.wait(_PAUSE_SECONDS)

    def _list(self) -> str:
        listing = self._api.get(self._path, self._query)
        self.answered = time.monotonic()
        now = {str(pod["metadata"]["uid"]): pod for pod in listing.get("items", [])}
        for uid, pod in list(self._known.items()):
            if uid not in now:
                self._gone(uid, pod)
        for uid, pod in now.items():
            self._take(uid, pod)
        return str(listing["metadata"].get("resourceVersion", ""))

    def _watch(self, version: str) -> None:
        query = {
            **self._query,
            "watch": "1",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        for line in self._api.lines(self._path, query, silence=_SILENCE_SECONDS):
            if self._closed.is_set():
                return
            self.answered = time.monotonic()
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError:
                continue
            pod = event.get("object") or {}
            if event.get("type") == "ERROR":
                raise ApiError(
                    int(pod.get("code") or 410), str(pod.get("reason", "")), str(pod.get("message", ""))
                )
            uid = str(pod.get("metadata", {}).get("uid", ""))
            if event.get("type") == "DELETED":
                self._gone(uid, pod)
            elif uid:
                self._take(uid, pod)
        self.answered = time.monotonic()

    def _take(self, uid: str, pod: dict[str, Any]) -> None:
        before = self._known.get(uid)
        if before is None or before["metadata"].get("resourceVersion") != pod["metadata"].get(
            "resourceVersion"
        ):
            self._known[uid] = pod
            self.queue.put(Seen(pod=pod))

    def _gone(self, uid: str, pod: dict[str, Any]) -> None:
        self._known.pop(uid, None)
        self.queue.put(Seen(pod=pod, gone=True))
