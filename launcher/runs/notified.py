"""Who else hears of a project's runs, by ``notify`` in ``sources.yml``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from launcher.config.models import Project
from launcher.runs import metrics
from launcher.runs.history import History
from launcher.runs.listeners import Listener
from launcher.runs.webhook import Notifier, webhook_url
from launcher.secrets.gather import read_environment


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
