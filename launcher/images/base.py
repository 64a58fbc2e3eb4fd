"""The base image: the one that is present, else pulled, else the one made from Debian packages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import BuildError, EngineError
from launcher.host.docker_engine import engine_errors
from launcher.host.rights import as_invoking_user
from launcher.images import tags
from launcher.images.registry import reason

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_TEMPLATE = "python:{python}-slim"
LOCAL_TEMPLATE = "dltpod/base:{python}"
"""What scripts/base-image makes."""
LABEL_IDENTITY = "dltpod.identity"
"""On that image: a digest of its packages and versions, so that two machines' are known to be alike."""
_REST = re.compile(r"(:[^/@:]+)?(@.+)?$")
"""Tag and digest of a reference."""
MADE_FROM_DEBIAN = ("3.13", "3.11")


@dataclass(frozen=True)
class Base:
    """A base image that is there. ``identity`` is its digest in its registry, else its local id."""

    reference: str
    identity: str


def find(
    client: DockerClient,
    template: str,
    python: str,
    say: Callable[[str], None],
    *,
    newer: bool = False,
    record: Path | None = None,
) -> Base:
    """The base image for a Python version.

    A present image is used without asking a registry; ``newer`` asks for a newer one first. The image that
    scripts/base-image makes replaces the default name only, not a mirror's.
    ``record`` is a folder for digests. With it, a missing image is not pulled: its registry is asked
    once for its digest. Its layers are pulled when something is built on it, which may never happen where the
    project's registry has the finished image.
    Raises BuildError where no image is present and none can be pulled, EngineError where the engine is gone.
    """
    named = template.replace("{python}", python)
    why = _pull(client, named, say) if newer else ""
    for reference in references(template, python):
        base = _present(client, reference)
        if base is not None:
            return base
    if record is not None and (base := _named(client, named, record, newer)) is not None:
        return base
    if not newer:
        why = _pull(client, named, say)
        base = _present(client, named)
        if base is not None:
            return base
    raise BuildError(
        f"base image {named} is not present and can't be pulled{why}", pull_hint(template, python)
    )


def references(template: str, python: str) -> tuple[str, ...]:
    """The names that a base image may have, the one that wins first."""
    templates = (template, LOCAL_TEMPLATE) if template == DEFAULT_TEMPLATE else (template,)
    return tuple(each.replace("{python}", python) for each in templates)


def pull_hint(template: str, python: str) -> str:
    """The hint for a base image that can't be pulled."""
    if template != DEFAULT_TEMPLATE:
        return "check base_image: in sources.yml and 'docker login'"
    if python in MADE_FROM_DEBIAN:
        return f"make one from Debian packages: {build_command(python)}"
    choices = " or ".join(f"'{item}'" for item in MADE_FROM_DEBIAN)
    return f"container.python: {choices} can be made from Debian packages"


@as_invoking_user()
def build_command(python: str) -> str:
    """The command that makes a base image, in a clone or with an installed dltpod."""
    here = Path(__file__).resolve().parent.parent
    if (here.parent / "Makefile").is_file():
        return "make base-image" + (f" PYTHON={python}" if python != MADE_FROM_DEBIAN[0] else "")
    return f"sudo bash {here / 'assets' / 'base-image'} {python}"


def _present(client: DockerClient, reference: str) -> Base | None:
    found = tags.inspect(client, reference)
    if found is None:
        return None
    labels = tags.labels_of(found)
    digests = [item.partition("@") for item in sorted(found.get("RepoDigests") or ())]
    # A machine without the image would get the digest of this name's own registry.
    own = [digest for name, _, digest in digests if _familiar(name) == _familiar(_REST.sub("", reference))]
    # Podman gives an image of no registry a digest too, as localhost/…
    others = [digest for name, _, digest in digests if not name.startswith("localhost/")]
    named = [*own, *filter(None, [labels.get(LABEL_IDENTITY)]), *others, str(found["Id"])]
    return Base(reference, named[0])


def _familiar(name: str) -> str:
    """A repository's name as Docker shows it; Podman writes Docker Hub out."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def _named(client: DockerClient, reference: str, folder: Path, newer: bool) -> Base | None:
    """The image by the digest that its registry gives it, asked for once and kept in ``folder``."""
    file = folder / hashlib.sha256(reference.encode()).hexdigest()[:24]
    if file.is_file() and not newer:
        identity = file.read_text(encoding="utf-8").strip()
    else:
        try:
            with engine_errors():
                identity = client.api.inspect_distribution(reference)["Descriptor"]["digest"]  # type: ignore[no-untyped-call]
        except (EngineError, KeyError):
            return None
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(identity, encoding="utf-8")
    return Base(f"{reference}@{identity}", identity)


def _pull(client: DockerClient, reference: str, say: Callable[[str], None]) -> str:
    """Tries to pull: an empty text, or the reason why that failed."""
    say(f"pulling {reference}")
    try:
        with engine_errors():
            client.images.pull(reference)
    except EngineError as error:
        say(f"{reference} can't be pulled")
        return f" ({reason(error)})"
    return ""
