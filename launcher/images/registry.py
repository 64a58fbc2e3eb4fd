"""The project's registry: asked for an image before anything is built, and where images are pushed to.

The engine talks to it, with the credentials of the user's ``docker login`` (helpers included).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from launcher.errors import BuildError, ConfigurationError, EngineError
from launcher.host.docker_engine import engine_errors
from launcher.images import tags

if TYPE_CHECKING:
    from docker import DockerClient


def remote(registry: str, reference: str) -> str:
    """``ghcr.io/acme/dltpod/source:<tag>`` for ``dltpod/source:<tag>``."""
    return f"{re.sub('^https?://', '', registry).rstrip('/')}/{reference}"


def present_or_pulled(options: tags.ImageOptions, reference: str) -> Mapping[str, Any] | None:
    """What the engine knows of an image. A missing one is pulled from the project's registry, if any.

    A registry that lacks it or can't be reached is no error: the image can be built. The reason is said.
    """
    client, registry, say = options.client, options.project.registry, options.say
    found = tags.inspect(client, reference)
    if found is not None or not registry:
        return found
    there = remote(registry, reference)
    name, _, tag = there.rpartition(":")
    try:
        with engine_errors():
            _follow(client.api.pull(name, tag=tag, stream=True, decode=True))
            local, _, local_tag = reference.rpartition(":")
            client.api.tag(there, local, tag=local_tag)
    except EngineError as error:
        say(f"{there} is not to be had: {reason(error)}")
        return None
    say(f"pulled {there}")
    return tags.inspect(client, reference)


def push(client: DockerClient, registry: str | None, reference: str, say: Callable[[str], None]) -> str:
    """Pushes an image; its name there, with the digest that the registry gave it.

    Raises ConfigurationError where no registry is set, BuildError where the registry refuses.
    """
    if not registry:
        raise ConfigurationError("there is no registry to push to", "registry: ghcr.io/acme in sources.yml")
    there = remote(registry, reference)
    name, _, tag = there.rpartition(":")
    say(f"pushing {there}")
    try:
        with engine_errors():
            client.api.tag(reference, name, tag=tag)
            digest = _follow(client.api.push(name, tag=tag, stream=True, decode=True))
    except EngineError as error:
        raise BuildError(
            f"{there} could not be pushed: {reason(error)}",
            f"docker login {name.split('/')[0]}, or check registry:",
        ) from None
    return f"{name}@{digest}" if digest else there


def _follow(stream: Iterable[Mapping[str, Any]]) -> str:
    """Reads the engine's answers to the end; the digest, where one is told. Raises EngineError."""
    digest = ""
    for item in stream:
        if "error" in item:
            raise EngineError(str(item["error"]))
        digest = str((item.get("aux") or {}).get("Digest") or digest)
    return digest


def reason(error: EngineError) -> str:
    """Why a registry could not be used, in a few words."""
    text = error.message.strip()
    for known, words in (
        ("no such host", "no such host"),
        ("i/o timeout", "no answer"),
        ("Client.Timeout", "no answer"),
        ("connection refused", "connection refused"),
        ("manifest unknown", "the registry has no such tag"),
        ("no basic auth credentials", "not logged in"),
        ("unauthorized", "not logged in"),
        ("denied", "access denied"),
        ("x509", "the engine does not trust the registry's certificate"),
        (
            "server gave HTTP response to HTTPS client",
            "the registry speaks no TLS, and the engine asks for it",
        ),
        ("not found", "the registry has no such image"),
    ):
        if known in text:
            return words
    return text.splitlines()[-1][:160]
