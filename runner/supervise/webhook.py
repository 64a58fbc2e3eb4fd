"""Tells the project's webhook that a run failed, where no launcher is there to do so."""

from __future__ import annotations

import http.client
import json
import socket
import time
import typing
from datetime import datetime, timezone

from runner import contract
from runner.contract import FailureKind
from runner.supervise.job_input import Input, values_of

_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 5.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


def tell(given: Input, result: typing.Mapping[str, typing.Any], seconds: float, attempts: int) -> str:
    """Posts the failure that a result tells of, if any; returns a line for the log where it could not.

    The address is the value ``contract.WEBHOOK_VALUE`` of the secret files. A text that is returned shows
    nothing of it, nor of the answer. ``seconds`` is how long the run took, ``attempts`` how many it had.
    """
    failure = result.get("failure") or {}
    if not failure or failure.get("kind") == FailureKind.CANCELLED.value or given.job.action != "sync":
        return ""
    try:
        url = str(values_of(given.files).get(contract.WEBHOOK_VALUE) or "")
    except ValueError:
        return ""
    why = _post(url, _body(given.job, result, failure, seconds, attempts), given.job.env) if url else ""
    return f"dltpod: the webhook was not told: {why}\n" if why else ""


def _body(
    job: contract.JobSpec,
    result: typing.Mapping[str, typing.Any],
    failure: typing.Mapping[str, typing.Any],
    seconds: float,
    attempts: int,
) -> dict[str, typing.Any]:
    """As the launcher's own, see ``docs/events.md``."""
    kind, message = str(failure.get("kind")), failure.get("message")
    now = time.time()
    return {
        "text": f"{job.project}: {job.source} failed ({kind.replace('_', ' ')}): {message}",
        "event": "failure",
        "project": job.project,
        "source": job.source,
        "run_id": socket.gethostname(),
        "status": "failed",
        "failure_kind": kind,
        "message": message,
        "hint": failure.get("hint"),
        "rows": sum((result.get("rows") or {}).values()),
        "seconds": round(seconds, 3),
        "started": _stamp(now - seconds),
        "ended": _stamp(now),
        "attempts": attempts,
    }


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _post(url: str, body: typing.Mapping[str, typing.Any], environ: typing.Mapping[str, str]) -> str:
    import os
    import urllib.error
    import urllib.request  # slow to import, and needed at the end of a failed run only

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: typing.Any) -> None:
            return None

    if not url.startswith(("http://", "https://")):
        return "its address is no http or https one"
    for name, value in environ.items():
        if name.upper() in _PROXIES and not value.startswith(contract.ENV_REFERENCE):
            os.environ[name] = value
    why = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        try:
            request = urllib.request.Request(
                url,
                data=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
                headers={"Content-Type": "application/json", "User-Agent": "dltpod"},
                method="POST",
            )
            with urllib.request.build_opener(NoRedirects).open(request, timeout=_TIMEOUT_SECONDS):
                return ""
        except urllib.error.HTTPError as error:
            why = f"it answered {error.code}"
            error.close()
            if error.code != 429 and error.code < 500:
                return why
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = f"it can't be reached ({type(getattr(error, 'reason', error)).__name__})"
    return f"{why}, {_ATTEMPTS} times"
