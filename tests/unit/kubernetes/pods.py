"""Pods as API servers of several versions tell of them."""

from __future__ import annotations

import json
from typing import Any

from runner.contract import Failure, FailureKind, Result, to_json


def pod(
    *,
    phase: str = "Running",
    name: str = "p-1",
    uid: str = "1",
    version: str = "1",
    deleted: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """A pod with a node; ``status`` as the API has it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "ns",
        "uid": uid,
        "resourceVersion": version,
        "creationTimestamp": f"2026-01-01T00:00:0{uid}Z",
    }
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    return {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": {"phase": phase, **status}}


def container(**state: Any) -> dict[str, Any]:
    """The status of the pod's container in a state: ``running``, ``waiting`` or ``terminated``."""
    return {"containerStatuses": [{"name": "runner", "state": state}]}


def running(**more: Any) -> dict[str, Any]:
    return pod(**container(running={}), **more)


def ended(code: int, *, said_reason: str = "Error", said: str = "", **more: Any) -> dict[str, Any]:
    phase = "Succeeded" if code == 0 else "Failed"
    terminated = {"exitCode": code, "reason": said_reason, "message": said}
    return pod(phase=phase, **container(terminated=terminated), **more)


def result(status: str = "ok", code: int = 0, **more: Any) -> str:
    """A result as the runner leaves it in the termination message."""
    failure = None if status == "ok" else Failure(FailureKind.EXTRACT, "it broke")
    return to_json(Result(status=status, exit_code=code, failure=failure, **more))


def disrupted(reason: str, message: str = "") -> list[dict[str, Any]]:
    return [{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}]


def event(reason: str, message: str) -> dict[str, Any]:
    return {"reason": reason, "message": message}


def line(kind: str, found: dict[str, Any]) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": found}).encode()
