"""The listeners of ``notify``. The webhook is called when a source fails and when it works again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from launcher import log
from launcher.config.models import Project
from launcher.errors import ConfigurationError, counted
from launcher.runs import metrics
from launcher.runs.history import DAMAGED, FAILED, INTERRUPTED, OK, RUNNING, History, HistoryError, RunRecord
from launcher.runs.listeners import Listener
from launcher.secrets.gather import read_environment
from launcher.secrets.slices import Slice
from runner.contract import ENV_REFERENCE, VALUES_FILE, WEBHOOK_VALUE, FailureKind

ATTEMPTS = 4
FIRST_PAUSE = 1.0
"""Seconds before the second attempt; each further pause is twice as long."""
TIMEOUT = 10.0
CLOSE_TIMEOUT = 60.0
"""The most seconds that a sync waits at its end for unfinished calls."""
_UNTOLD = (FailureKind.ALREADY_RUNNING, FailureKind.CANCELLED)
"""Kinds of failure that somebody caused deliberately, so nobody needs to be told."""


def webhook_url(setting: str, environment: Mapping[str, str], key: str = "notify.webhook") -> str:
    """The address that a setting gives. Raises ConfigurationError, whose text has the key and no address."""
    url = setting
    if setting.startswith(ENV_REFERENCE):
        name = setting[len(ENV_REFERENCE) :]
        url = environment.get(name, "")
        if not url:
            raise ConfigurationError(
                f"{key} uses {name}, which is {'empty' if name in environment else 'not set'}",
                f"add {name}=https://… to .env or the environment",
            )
    url = url.strip()
    try:
        parts = urllib.parse.urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its other half
        fit = False
    if not fit or " " in url or not url.isprintable():
        name = key.rpartition(".")[2]
        raise ConfigurationError(f"{key} is not an http or https address", f'{name}: "env:HOOK_URL"')
    if "@" in urllib.parse.urlsplit(url).netloc:
        raise ConfigurationError(
            f"{key} contains a user or a password before its host, which can't be sent",
            "write the address as the chat system gives it, with its token in the path or the query",
        )
    return url


def for_own_runs(project: Project, slice: Slice, environ: Mapping[str, str]) -> Slice:
    """A source's secrets with the webhook, for a run that no launcher watches: it tells of failure itself.

    Raises ConfigurationError for an address that is none, or not set.
    """
    if project.notify is None or project.notify.webhook is None:
        return slice
    values = json.loads(slice.files.get(VALUES_FILE) or "{}")
    values[WEBHOOK_VALUE] = webhook_url(project.notify.webhook, environ)
    return replace(slice, files={**slice.files, VALUES_FILE: json.dumps(values, ensure_ascii=False)})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the call into a GET without a body, or take it to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def event_for(record: RunRecord, previous: RunRecord | None) -> str | None:
    """``failure``, ``recovery``, or None where there is nothing to tell."""
    if record.action != "sync" or record.limit is not None or record.failure_kind in _UNTOLD:
        return None
    if record.status in (FAILED, INTERRUPTED):
        return "failure"
    recovered = record.status == OK and previous is not None and previous.status in (FAILED, INTERRUPTED)
    return "recovery" if recovered else None


def payload(project: str, event: str, record: RunRecord) -> dict[str, Any]:
    """The body: ``text`` is what chat systems show, the rest is for programs."""
    kind = record.failure_kind.value if record.failure_kind else None
    if event == "failure":
        what = (kind or record.status).replace("_", " ")
        text = f"{project}: {record.source} failed ({what}): {record.message}"
    else:
        rows = counted(record.total_rows, "row")
        text = f"{project}: {record.source} recovered: {rows} in {record.seconds:.0f} s"
    return {
        "text": text,
        "event": event,
        "project": project,
        "source": record.source,
        "run_id": record.run_id,
        "status": record.status,
        "failure_kind": kind,
        "message": record.message,
        "hint": record.hint,
        "rows": record.total_rows,
        "seconds": round(record.seconds, 3),
        "started": record.started,
        "ended": record.ended,
        "attempts": record.attempts,
    }


def shaped(body: Mapping[str, Any], form: str) -> Mapping[str, Any]:
    """A ``payload`` as a chat system takes it: ``slack``, ``discord``, ``teams``; ``json`` is what it is.

    Slack's is Mattermost's, Rocket.Chat's and Google Chat's too; Teams' is a message with an Adaptive Card.
    """
    if form == "json":
        return body
    text = "\n".join(filter(None, (body["text"], body["hint"] and f"what to do: {body['hint']}")))
    if form == "discord":
        return {"content": text[:2000], "allowed_mentions": {"parse": []}}
    if form == "teams":
        block = {"type": "TextBlock", "text": text, "wrap": True}
        card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
    # what a source says must mention nobody, and link nowhere
    return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def post(
    url: str, body: Mapping[str, Any] | None, *, pause: Callable[[float], None] = time.sleep
) -> str | None:
    """Send ``body``, or without one only call the address. None if it got there, else why not.

    Tries again on network faults, 429 and 5xx. The returned text shows no part of the address or of the
    answer: both are secret.
    """
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "dltpod"},
        method="GET" if body is None else "POST",
    )
    opener = urllib.request.build_opener(_NoRedirects)
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(FIRST_PAUSE * 2 ** (attempt - 1))
        try:
            with opener.open(request, timeout=TIMEOUT):
                return None
        except urllib.error.HTTPError as error:
            why = f"it answered {error.code}"
            error.close()
            if 300 <= error.code < 400:
                return f"{why}: a redirect, which is not followed; write the final address"
            if error.code != 429 and error.code < 500:
                return why
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            why = f"it can't be reached ({type(reason).__name__})"
    return f"{why}, {ATTEMPTS} times"


@dataclass(eq=False, repr=False)
class Notifier(Listener):
    """Calls the webhook, in a thread of its own, so that no run waits for it."""

    url: str | None
    project: str
    history: History
    warn: Callable[[str], None]
    form: str = "json"
    heartbeat: str | None = None

    def __post_init__(self) -> None:
        self._queue: queue.Queue[RunRecord | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def ended(self, record: RunRecord) -> None:
        self._queue.put(record)

    ended_earlier = ended

    def close(self) -> None:
        """Wait for the calls under way, for a minute at most."""
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT)
        if self._thread.is_alive():
            self.warn("the webhook did not answer in time; some of its calls are lost")

    def _work(self) -> None:
        while (record := self._queue.get()) is not None:
            if self.heartbeat and (record.status, record.action, record.limit) == (OK, "sync", None):
                with log.timed("heartbeat", source=record.source, run_id=record.run_id) as fields:
                    why = post(self.heartbeat.replace("{source}", urllib.parse.quote(record.source)), None)
                    fields.update(error=why, level="warning" if why else "info")
                if why is not None:
                    self.warn(f"{record.source}: the heartbeat was not called: {why}")
            event = event_for(record, self._before(record))
            if event is not None and self.url:
                with log.timed("webhook", source=record.source, run_id=record.run_id, tells=event) as fields:
                    why = post(self.url, shaped(payload(self.project, event, record), self.form))
                    fields.update(error=why, level="warning" if why else "info")
                if why is not None:
                    self.warn(f"{record.source}: the webhook call for the {event} failed: {why}")

    def _before(self, record: RunRecord) -> RunRecord | None:
        """The previous run that counts: a sync without --limit, not refused. None without a history."""
        try:
            runs = self.history.runs(record.source, limit=50)
        except (HistoryError, OSError):
            return None
        for earlier in runs:
            counts = (
                earlier.action == "sync" and earlier.limit is None and earlier.failure_kind not in _UNTOLD
            )
            if earlier.started < record.started and earlier.status not in (RUNNING, DAMAGED) and counts:
                return earlier
        return None


def notified(project: Project, stack: contextlib.ExitStack, warn: Callable[[str], None]) -> list[Listener]:
    """The listeners, closed with ``stack``; ``warn`` hears what fails. Raises ConfigurationError."""
    if project.notify is None:
        return []
    asked, environ, history = project.notify, read_environment(project, os.environ), History(project.private)
    found: list[Listener] = []
    if asked.webhook or asked.heartbeat:
        url = webhook_url(asked.webhook, environ) if asked.webhook else None
        heartbeat = webhook_url(asked.heartbeat, environ, "notify.heartbeat") if asked.heartbeat else None
        notifier = Notifier(url, project.name, history, warn, form=asked.format, heartbeat=heartbeat)
        stack.callback(notifier.close)
        found.append(notifier)
    if asked.metrics:
        written = metrics.Metrics(metrics.file_of(project, asked.metrics), project, history, warn)
        stack.callback(written.close)
        found.append(written)
    return found
