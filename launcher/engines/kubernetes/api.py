"""The cluster's API: the official client finds it and signs in, plain dicts go over the wire.

The client's models would drop fields that its version doesn't know, and a server may be newer or older
than the client.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from launcher import log
from launcher.engines.kubernetes import plugin
from launcher.errors import EngineError, did_you_mean
from launcher.host.rights import as_invoking_user
from launcher.untrusted import clean

CONTEXT_VARIABLE = "DLTPOD_KUBE_CONTEXT"
"""Names the context of the kubeconfig to use instead of its current one."""
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ApiError(Exception):
    """The API server refused a request: HTTP's ``status``, Kubernetes' own ``reason`` and ``message``."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class Unreachable(Exception):
    """The API server gave no answer."""


class Api:
    """One cluster, one identity. Safe between threads."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager
        self.server = str(client.configuration.host).rstrip("/")
        self.namespace = namespace
        """The context's own namespace."""

    def close(self) -> None:
        """End the connections that wait for their next use."""
        self._pool.clear()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One object, or a list. Raises ApiError, Unreachable."""
        return self._json("GET", path, query)

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object in the collection at ``path``.

        Raises ApiError (409: it is there; 400: a field that the server doesn't know), Unreachable.
        """
        return self._json("POST", path, {"fieldValidation": "Strict"}, body)

    def delete(self, path: str, *, propagation: str = "Background", grace: int | None = None) -> bool:
        """Delete one object; False where there is none. Raises ApiError, Unreachable."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self._json("DELETE", path, None, body)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def lines(self, path: str, query: Mapping[str, str], *, silence: float) -> Iterator[bytes]:
        """The lines of a stream (a watch, a log), until the server ends it.

        ``silence`` is how many seconds may bring nothing before the connection counts as dead.
        Raises ApiError, Unreachable.
        """
        response = self._request("GET", path, query, None, read=silence)
        buffer = b""
        with contextlib.closing(response), _translated():
            for chunk in response.stream(1 << 16, decode_content=True):
                *lines, buffer = (buffer + chunk).split(b"\n") if buffer else chunk.split(b"\n")
                yield from lines
        if buffer:
            yield buffer

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        response = self._request(method, path, query, body, read=READ_SECONDS)
        with contextlib.closing(response), _translated():
            data = response.read(decode_content=True)
        found = json.loads(data)
        return found if isinstance(found, dict) else {}

    @as_invoking_user()  # a plugin, a token's file, the keys of TLS
    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        *,
        read: float,
    ) -> Any:
        from urllib.parse import urlencode

        import urllib3
        from urllib3.util import make_headers

        headers = {"Accept": "application/json, */*", **make_headers(user_agent="dltpod")}
        with plugin.logged_errors():
            # A plugin may be asked anew here; where it fails, the server says 401 of the old token.
            settings = self._configuration.auth_settings()
        for auth in settings.values():
            if auth.get("in") == "header" and auth.get("value"):
                headers[auth["key"]] = auth["value"]
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        with _translated(), log.engine_call(method, path) as answered:
            response = self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read),
            )
            answered(response.status)
        if response.status >= 400:
            with contextlib.closing(response), _translated():
                raise _api_error(response.status, response.read(decode_content=True))
        return response


@as_invoking_user()
def connect(environ: Mapping[str, str]) -> Api:
    """The cluster that kubectl would talk to, or the one that this process runs in.

    Raises EngineError where there is no configuration, no such context, or no client installed.
    Nothing is sent yet.
    """
    import yaml

    try:
        from kubernetes import client, config
    except ImportError:
        raise EngineError(
            "the Kubernetes client is not installed", "pip install 'dltpod[kubernetes]'"
        ) from None

    files = _kubeconfig(environ)
    if files is None:
        if not environ.get("KUBERNETES_SERVICE_HOST") or not (_IN_CLUSTER / "token").exists():
            raise EngineError(
                "there is no kubeconfig: KUBECONFIG is not set and ~/.kube/config does not exist",
                "set KUBECONFIG to your cluster's file (`kubectl config view` shows kubectl's)",
            )
        configuration = client.Configuration()
        config.load_incluster_config(client_configuration=configuration)
        namespace = (_IN_CLUSTER / "namespace").read_text().strip()
        return Api(client.ApiClient(configuration), namespace)
    try:
        contexts, current = config.list_kube_config_contexts(config_file=files)
        wanted = environ.get(CONTEXT_VARIABLE)
        chosen = _chosen(contexts, current, wanted, files)
        with plugin.logged_errors() as said:
            made = config.new_client_from_config(
                config_file=files, context=chosen["name"], persist_config=False
            )
        silent = plugin.failed(files, str(chosen["context"].get("user")), said[0]) if said else None
    # The client looks at nothing before it uses it: a file of another form is any of these.
    except (
        config.ConfigException,
        yaml.YAMLError,
        OSError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise EngineError(
            f"the kubeconfig {files} can't be used: {_why(error)}",
            "`kubectl config get-contexts` shows what it holds, `kubectl config use-context` chooses",
        ) from None
    if silent is not None:
        raise silent
    return Api(made, str(chosen["context"].get("namespace") or "default"))


def _kubeconfig(environ: Mapping[str, str]) -> str | None:
    given = environ.get("KUBECONFIG")
    if given:
        if not any(Path(part).expanduser().exists() for part in given.split(":") if part):
            raise EngineError(
                f"KUBECONFIG names {given}, which does not exist",
                "correct it, or unset it for ~/.kube/config",
            )
        return given
    usual = Path(environ.get("HOME") or Path.home()) / ".kube" / "config"
    return str(usual) if usual.exists() else None


def _chosen(
    contexts: list[dict[str, Any]], current: dict[str, Any], wanted: str | None, files: str
) -> dict[str, Any]:
    if wanted is None:
        return current
    by_name = {str(context["name"]): context for context in contexts}
    if wanted in by_name:
        return by_name[wanted]
    raise EngineError(
        f"{CONTEXT_VARIABLE} names the context '{wanted}', which {files} lacks"
        f"{did_you_mean(wanted, by_name)}",
        f"it has {', '.join(by_name)}",
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, OSError) as error:
        raise Unreachable(_short(str(error))) from None


def _api_error(status: int, body: bytes) -> ApiError:
    data: Any = None
    with contextlib.suppress(ValueError):
        data = json.loads(body)
    data = data if isinstance(data, dict) else {}
    text = str(data.get("message") or body[:200].decode("utf-8", "replace"))
    return ApiError(status, str(data.get("reason") or ""), _short(text))


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or _short(str(error))
    if isinstance(error, (AttributeError, LookupError, TypeError)):
        return "it is YAML, but no kubeconfig"
    return _short(str(error))


def _short(text: str) -> str:
    return clean.words(text, 300)
