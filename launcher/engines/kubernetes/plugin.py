"""A kubeconfig's credential plugin that gives none: the client only logs that, and goes on as nobody."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from launcher.errors import EngineError


@contextlib.contextmanager
def logged_errors() -> Iterator[list[str]]:
    """Inside, the errors that the client logs go into this list, and are printed nowhere."""
    texts: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(" ".join(record.getMessage().split()))

    root, handler = logging.getLogger(), Handler(logging.ERROR)
    # A root logger without handlers gets one that prints, from the client's own logging.error().
    root.addHandler(handler)
    try:
        yield texts
    finally:
        root.removeHandler(handler)


def failed(files: str, user: str, said: str) -> EngineError | None:
    """The error for a plugin of the kubeconfig's ``user`` that failed; None where that user has none."""
    from kubernetes.config.kube_config import KubeConfigMerger

    found = KubeConfigMerger(files).config["users"].get_with_name(user, safe=True)
    command = found and ((found.value.get("user") or {}).get("exec") or {}).get("command")
    if command is None:
        return None
    if "No such file" in said or "Permission denied" in said:
        return EngineError(
            f"the kubeconfig's credential plugin '{command}' can't be run: is it installed?",
            f"install {command}, or choose another context (DLTPOD_KUBE_CONTEXT)",
        )
    why = f": {said[:200]}" if said.startswith("exec:") else ""
    return EngineError(
        f"the kubeconfig's credential plugin '{command}' gave no credentials{why}",
        "log in again with its own command; `kubectl get pods` asks the same plugin",
    )
