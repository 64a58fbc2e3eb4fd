"""``dltpod gc``: removes dltpod's own images, volumes and caches that nothing uses any more."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.errors import EngineError
from launcher.host.docker_engine import Missing, engine_errors, moment
from launcher.host.files import cache_folder, last_use
from launcher.images.tags import LABEL_KIND, LABEL_MANAGED, inspect, labels_of

if TYPE_CHECKING:
    from docker import DockerClient

KEEP_SECONDS = 30 * 24 * 3600.0
"""Images are shared by the projects of a host: those unused for 30 days go, unless told otherwise."""
_KINDS = ("source", "deploy", "environment", "default")
"""A base image made from Debian packages (kind ``base``) stays: it can't be pulled again."""
_DISK_SECONDS = 600
"""How long an engine may take to sum up its disk: an old one sizes every container on the way."""
_CACHES = ("/dev/dltpod/",)
"""Where the Dockerfile mounts its caches: how the engine describes those that are ours."""


@dataclass(frozen=True)
class Item:
    """Something to remove. ``bytes`` is what that frees, as far as the engine tells."""

    kind: str
    """``image``, ``volume``, ``build cache`` or ``folder``."""
    name: str
    bytes: int
    reason: str
    id: str = ""


@dataclass(frozen=True)
class Plan:
    """What would be removed, or was, and what that frees. Layers that several images share count once."""

    items: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    failed: tuple[tuple[Item, str], ...] = ()
    """What could not be removed, with the reason."""

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


@dataclass(frozen=True)
class _Known:
    """One image of the engine, ours or not."""

    id: str
    tags: tuple[str, ...]
    kind: str
    created: float
    layers: tuple[str, ...]
    """Each layer's name with those below it, so that equal ones are one."""
    sizes: Mapping[str, int] = field(default_factory=dict)


def plan(
    client: DockerClient,
    *,
    environ: Mapping[str, str],
    older_than: float = KEEP_SECONDS,
    in_use: Collection[str] = (),
    now: float | None = None,
) -> Plan:
    """What can go: unused for ``older_than`` seconds, in no container, not among the references ``in_use``.

    Looks, and removes nothing. The build cache is ``with_build_cache``'s. Raises EngineError.
    """
    now = time.time() if now is None else now
    with engine_errors():
        seen = (_known(client, row["Id"]) for row in client.api.images())
        known = [image for image in seen if image is not None]
        running = {row["ImageID"] for row in client.api.containers(all=True)}
        volumes = client.api.volumes(filters={"label": f"{LABEL_MANAGED}=1", "dangling": True})

    def idle(image: _Known) -> float:
        used = [last_use(tag, environ) or 0.0 for tag in image.tags]
        return now - max(image.created, *used, 0.0)

    def kept(image: _Known) -> bool:
        return (
            image.kind not in _KINDS
            or image.id in running
            or not set(image.tags).isdisjoint(in_use)
            or idle(image) < older_than
        )

    staying = [image for image in known if kept(image)]
    # What a kept image stands on is in use too, whatever its own record says.
    below = {image.layers[: len(candidate.layers)] for image in staying for candidate in known}
    going = [image for image in known if not kept(image) and image.layers not in below]
    shared = {layer for image in known if image not in going for layer in image.layers}
    items: list[Item] = []
    counted: set[str] = set()
    for image in sorted(going, key=lambda item: len(item.layers), reverse=True):
        freed = [layer for layer in image.layers if layer not in shared and layer not in counted]
        counted.update(freed)
        size = sum(image.sizes.get(layer, 0) for layer in freed)
        reason = f"unused for {idle(image) / 86400:.0f} days"
        for number, tag in enumerate(image.tags or (image.id[:19],)):
            items.append(
                Item("image", tag, size if number == 0 else 0, reason, tag if image.tags else image.id)
            )
    for row in volumes.get("Volumes") or ():
        age = now - _time(row.get("CreatedAt", ""))
        if age >= older_than:
            size = int((row.get("UsageData") or {}).get("Size") or 0)
            items.append(Item("volume", row["Name"], max(size, 0), "no container holds it", row["Name"]))
    items.extend(_folders(cache_folder(environ), now, older_than))
    return Plan(tuple(items))


def with_build_cache(
    plan: Plan, client: DockerClient, *, older_than: float = KEEP_SECONDS, now: float | None = None
) -> Plan:
    """The plan, with what can go of the engine's build cache, or a note of why the engine does not tell.

    It may take minutes. An engine older than 23 refuses whoever asks while it sums up its disk for somebody
    else ("a disk usage operation is already running", moby's ``SystemDiskUsage``).
    """
    now = time.time() if now is None else now
    # The SDK has no timeout for a single call of this kind.
    usual, client.api.timeout = client.api.timeout, _DISK_SECONDS
    try:
        with engine_errors():
            rows = client.api.df().get("BuildCache") or ()
    except EngineError as error:
        return replace(plan, notes=(*plan.notes, f"the build cache was left alone: {error.message}"))
    finally:
        client.api.timeout = usual
    items: list[Item] = []
    for row in rows:
        mine = any(mark in str(row.get("Description", "")) for mark in _CACHES)
        age = now - max(_time(row.get("LastUsedAt") or ""), _time(row.get("CreatedAt") or ""))
        if mine and not row.get("InUse") and age >= older_than:
            size = 0 if row.get("Shared") else int(row.get("Size") or 0)
            kind = "wheels and packages" if "cachemount" in str(row.get("Type", "")) else "layer"
            items.append(Item("build cache", kind, size, f"unused for {age / 86400:.0f} days", row["ID"]))
    return replace(plan, items=(*plan.items, *items))


def execute(client: DockerClient, plan: Plan) -> Plan:
    """Carries the plan out; its result. What is in use by now stays, with the reason in ``failed``."""
    done: list[Item] = []
    failed: list[tuple[Item, str]] = []
    for item in plan.items:
        try:
            if item.kind == "folder":
                path = Path(item.id)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            else:
                with engine_errors():
                    _remove_from(client, item)
        except (Missing, FileNotFoundError):
            continue
        except (EngineError, OSError) as error:
            failed.append((item, str(error)))
            continue
        done.append(item)
    return replace(plan, items=tuple(done), failed=tuple(failed))


def _remove_from(client: DockerClient, item: Item) -> None:
    if item.kind == "image":
        client.api.remove_image(item.id, noprune=False)
    elif item.kind == "volume":
        client.api.remove_volume(item.id)
    else:
        client.api.prune_builds(filters={"id": [item.id]}, all=True)  # type: ignore[arg-type]


def _known(client: DockerClient, identity: str) -> _Known | None:
    """What the engine knows of an image; None where someone removed it since it was listed."""
    found = inspect(client, identity)
    if found is None:
        return None
    sizes: dict[str, int] = {}
    chain: list[str] = []
    labels = labels_of(found)
    kind = labels.get(LABEL_KIND, "") if labels.get(LABEL_MANAGED) == "1" else ""
    for layer in found.get("RootFS", {}).get("Layers") or ():
        chain.append(f"{chain[-1] if chain else ''}/{layer[7:23]}")
    if kind in _KINDS:
        try:
            with engine_errors():
                rows = client.api.history(identity)  # type: ignore[no-untyped-call]
        except Missing:
            return None
        # History is newest first and has entries without a layer; those have no size.
        steps = [int(row["Size"]) for row in rows if row["Size"]][::-1]
        sizes = dict(zip(reversed(chain), reversed(steps), strict=False))
    return _Known(
        found["Id"],
        tuple(found.get("RepoTags") or ()),
        kind,
        _time(found.get("Created", "")),
        tuple(chain),
        sizes,
    )


def _folders(cache: Path, now: float, older_than: float) -> list[Item]:
    """This host's own caches: verified sources that no project asked for lately, locks and records."""
    items = []
    folders = {"verified": "verified sources", "builds": "build locks", "used": "records of use"}
    for folder, what in folders.items():
        for entry in sorted((cache / folder).glob("*")):
            stamp = entry / "commit" if folder == "verified" else entry
            moment = (stamp if stamp.exists() else entry).stat().st_mtime
            if now - moment >= older_than:
                size = sum(file.lstat().st_size for file in entry.rglob("*")) if entry.is_dir() else 0
                items.append(Item("folder", f"{what} {entry.name}", size, "unused", str(entry)))
    return items


def _time(text: str) -> float:
    """Seconds since the epoch of a time of the engine's; 0 where there is none."""
    found = moment(text)
    return found.timestamp() if found else 0.0
