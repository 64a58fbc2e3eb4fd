"""The one door to the Docker SDK: finds and connects to the engine that the docker CLI would use.

What the SDK raises becomes EngineError here, so that no caller needs to know the SDK's own errors.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher import log
from launcher.errors import EngineError, did_you_mean
from launcher.host.rights import as_invoking_user
from launcher.untrusted import clean

if TYPE_CHECKING:
    import docker
    import requests

DEFAULT_HOST = "unix:///var/run/docker.sock"
CALL_SECONDS = 60.0
"""How long one call to the engine may take, where it isn't one that waits for a job's end."""
_START_HINT = (
    "start one (`sudo systemctl start docker`, Colima, Docker Desktop), or set DOCKER_HOST or DOCKER_CONTEXT"
)


class Missing(EngineError):
    """The engine has no image, container or volume of that name."""


@dataclass(frozen=True)
class Endpoint:
    """An engine's address, and the certificates for it."""

    host: str
    origin: str
    """What named it, for messages: DOCKER_HOST, a context, or the default."""
    tls: Path | None = None
    """A folder with ca.pem, cert.pem and key.pem."""
    verify: bool = True

    @property
    def remote(self) -> bool:
        """Whether the engine is reached over a network, and so may be on another machine."""
        return not self.host.startswith(("unix:", "npipe:"))


@as_invoking_user()
def find_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """The endpoint by the CLI's order: DOCKER_HOST, DOCKER_CONTEXT, the current context, the default.

    Source: https://docs.docker.com/engine/manage-resources/contexts/. The SDK's own reader (docker.context)
    is not used: it checks no certificate where a context doesn't say so, and looks for contexts in the
    working directory where there is no config.json. Raises EngineError where a context is named that isn't
    there or can't be read.
    """
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home(), ".docker"))
    if environ.get("DOCKER_HOST"):
        verify = bool(environ.get("DOCKER_TLS_VERIFY"))
        certificates = Path(environ.get("DOCKER_CERT_PATH") or folder)
        return Endpoint(environ["DOCKER_HOST"], "DOCKER_HOST", certificates if verify else None)
    name, origin = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not name:
        name, origin = _current_context(folder), f"the current context of {folder / 'config.json'}"
    if name in ("", "default"):
        return Endpoint(DEFAULT_HOST, "the default")
    return _context(folder / "contexts", name, origin)


def _current_context(folder: Path) -> str:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("currentContext", "")
    except OSError:
        return ""
    except (ValueError, AttributeError):
        raise EngineError(
            f"{folder / 'config.json'} is not valid JSON", "correct it, or set DOCKER_HOST"
        ) from None
    return found if isinstance(found, str) else ""


def _context(folder: Path, name: str, origin: str) -> Endpoint:
    digest = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((folder / "meta" / digest / "meta.json").read_text(encoding="utf-8"))
        endpoint = meta["Endpoints"]["docker"]
        host = str(endpoint["Host"])
    except FileNotFoundError:
        known = _context_names(folder)
        raise EngineError(
            f"there is no docker context '{name}' ({origin}){did_you_mean(name, known)}",
            "`docker context ls` lists them; `docker context use default` goes back",
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise EngineError(f"docker context '{name}' can't be read", "`docker context inspect` it") from None
    tls = folder / "tls" / digest / "docker"
    return Endpoint(
        host, f"context '{name}'", tls if tls.is_dir() else None, not endpoint.get("SkipTLSVerify", False)
    )


def _context_names(folder: Path) -> list[str]:
    names = ["default"]
    for file in sorted((folder / "meta").glob("*/meta.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            names.append(str(json.loads(file.read_text(encoding="utf-8"))["Name"]))
    return names


@as_invoking_user()
def connect(environ: Mapping[str, str] | None = None) -> docker.DockerClient:
    """A client of the engine that the docker CLI would talk to, with its version agreed.

    Raises EngineError, with the way to mend it, where none answers.
    """
    import docker

    endpoint = find_endpoint(os.environ if environ is None else environ)
    if endpoint.host.startswith("ssh://"):
        raise EngineError(
            f"{endpoint.origin} names an engine over ssh, which can't see this project's folders",
            "run dltpod on that machine, or use --engine kubernetes",
        )
    tls: Any = False
    if endpoint.tls is not None:
        tls = docker.tls.TLSConfig(
            client_cert=(str(endpoint.tls / "cert.pem"), str(endpoint.tls / "key.pem")),
            ca_cert=str(endpoint.tls / "ca.pem"),
            verify=endpoint.verify,
        )
    with engine_errors(endpoint):
        client = docker.DockerClient(
            base_url=endpoint.host, version="auto", timeout=int(CALL_SECONDS), tls=tls, max_pool_size=64
        )
    # A later connection needs the invoking user's rights too: on the socket, or on the keys of TLS.
    client.api.send = _logged(as_invoking_user()(client.api.send))  # type: ignore[method-assign]
    return client


def _logged(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    def sent(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        with log.engine_call(str(request.method), str(request.path_url)) as answered:
            response = send(request, **options)
            answered(response.status_code)
        return response

    return sent


def create(api: Any, body: Mapping[str, Any], name: str | None = None) -> str:
    """Create a container from the body of ``POST /containers/create``; returns its id. Raises APIError."""
    return str(api.create_container_from_config(body, name=name)["Id"])


def moment(text: str | None) -> datetime.datetime | None:
    """A time of the engine's (RFC 3339, nanoseconds, mostly UTC); None for none and for its year 1."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d\d:\d\d)?", text or "")
    if found is None or found[1].startswith("0001"):
        return None
    return datetime.datetime.fromisoformat(found[1] + (found[2] or "+00:00"))


class Input:
    """A container's standard input, attached; with ``output`` also what it writes.

    A job's output is never attached: the job would stall where nobody reads it. ``close`` ends the
    connection, and with it what reads from it. Raises what the SDK raises.
    """

    def __init__(self, api: docker.APIClient, container: str, *, output: bool = False) -> None:
        streams = ("stdin", "stdout", "stderr") if output else ("stdin",)
        # Closing the socket is not enough: the wrapper keeps it open until it is closed too.
        self._wrapper: Any = api.attach_socket(container, {**dict.fromkeys(streams, 1), "stream": 1})
        self.connection: socket.socket = getattr(self._wrapper, "_sock", self._wrapper)
        self.connection.settimeout(None)
        if self.connection.family in (socket.AF_INET, socket.AF_INET6):
            # Nothing is sent for hours: a router must not forget the connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        for end in (self._wrapper, self.connection):
            with contextlib.suppress(OSError):
                end.close()


@contextlib.contextmanager
def engine_errors(endpoint: Endpoint | None = None) -> Iterator[None]:
    """Turns what the SDK raises when the engine can't be reached or refuses into EngineError, or Missing."""
    import docker
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        text = str(error.explanation or error)
        denied = "permission denied" in text.lower()
        hint = "ask whoever administers it" if denied else "`dltpod doctor` checks the engine"
        kind = Missing if isinstance(error, docker.errors.NotFound) else EngineError
        raise kind(f"the Docker engine refuses: {text}", hint) from None
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise unreachable(error, endpoint) from None


def unreachable(error: BaseException, endpoint: Endpoint | None = None) -> EngineError:
    """The EngineError for what the SDK or the operating system raised when an engine didn't answer."""
    where = f" at {endpoint.host} ({endpoint.origin})" if endpoint is not None else ""
    cause = _root(error)
    number = getattr(cause, "errno", None)
    if number in (errno.EACCES, errno.EPERM):
        return EngineError(
            f"no permission to talk to the Docker engine{where}",
            "`sudo usermod -aG docker $USER` and log in again, or use rootless Docker",
        )
    if number in (errno.ENOENT, errno.ECONNREFUSED):
        return EngineError(f"no Docker engine answers{where}", _START_HINT)
    text = clean.words(str(cause), 200)
    return EngineError(f"the Docker engine can't be reached{where}: {text}", _START_HINT)


def _root(error: BaseException) -> BaseException:
    """The operating system's own error inside what requests and urllib3 wrap around it."""
    found = [error]
    for current in found:  # it grows meanwhile
        if isinstance(current, OSError) and current.errno is not None:
            return current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        found += [item for item in inner if isinstance(item, BaseException) and item not in found]
    return found[-1]
