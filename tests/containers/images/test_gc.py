"""What nothing uses any more goes; what is in use, young, or not ours stays."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest
import requests

from launcher.environment.values import Environment
from launcher.host.files import cache_folder
from launcher.images import gc
from launcher.images.tags import environment_tag
from tests.containers.folder import image_tags
from tests.containers.images.conftest import Workshop


@pytest.fixture(scope="module")
def workshop(make_shared_workshop: Callable[[], Workshop]) -> Workshop:
    """One project for all of these: they look, and only the last removes."""
    return make_shared_workshop()


@pytest.fixture(scope="module")
def made(workshop: Workshop) -> Environment:
    """An environment whose image was used just now."""
    source = workshop.source(requirements=(workshop.wheel(),))
    environment = workshop.describe(source)
    image = workshop.images(source).ensure(environment)
    workshop.reference = image.reference
    return environment


def planned(
    workshop: Workshop, environment: Environment, *, days: float, in_use: tuple[str, ...] = ()
) -> list[str]:
    """Of the test's own images, what would go in so many days."""
    found = gc.plan(
        workshop.client,
        environ=workshop.environ,
        in_use=in_use,
        now=time.time() + days * 24 * 3600,
    )
    return sorted(
        item.name for item in found.items if item.kind == "image" and environment.digest in item.name
    )


def test_an_image_goes_when_it_was_not_used_for_a_month_and_not_before(
    workshop: Workshop, made: Environment
) -> None:
    assert planned(workshop, made, days=29) == []
    assert planned(workshop, made, days=31) == [environment_tag(made), workshop.reference]


def test_a_use_makes_an_image_young_again_and_keeps_what_it_stands_on(
    workshop: Workshop, made: Environment
) -> None:
    used = cache_folder(workshop.environ) / "used" / workshop.reference.rpartition(":")[2]
    before, later = used.stat().st_mtime, time.time() + 20 * 24 * 3600
    os.utime(used, (later, later))
    assert planned(workshop, made, days=31) == []
    assert planned(workshop, made, days=51) == [environment_tag(made), workshop.reference]
    os.utime(used, (before, before))


def test_what_a_project_names_and_what_a_container_holds_stays(workshop: Workshop, made: Environment) -> None:
    assert planned(workshop, made, days=31, in_use=(workshop.reference,)) == []
    container = workshop.client.containers.create(workshop.reference, ["true"])
    try:
        assert planned(workshop, made, days=31) == []
    finally:
        container.remove()


def test_an_image_that_someone_removes_while_gc_looks_is_no_failure(
    workshop: Workshop, made: Environment
) -> None:
    layer = io.BytesIO()
    tarfile.open(fileobj=layer, mode="w").close()
    workshop.client.api.import_image_from_data(layer.getvalue(), f"{workshop.mark}:gone")
    looking = docker.from_env()

    def remove(answer: requests.Response, **_: object) -> None:
        if "/images/json" in answer.url:
            workshop.client.api.remove_image(f"{workshop.mark}:gone")

    looking.api.hooks["response"].append(remove)
    gc.plan(looking, environ=workshop.environ)
    assert workshop.tags(f"{workshop.mark}:gone") == []


def test_what_is_not_dltpods_never_goes(workshop: Workshop, made: Environment) -> None:
    before = image_tags(workshop.client)
    long_after = time.time() + 100 * gc.KEEP_SECONDS
    found = gc.plan(workshop.client, environ=workshop.environ, older_than=0.0, now=long_after)
    going = {item.name for item in found.items if item.kind == "image"}
    assert workshop.reference in going
    staying = before - going
    assert "dltpod/base:3.13" in staying or "python:3.13-slim" in staying
    foreign = {tag for tag in before if "dltpod/" not in tag}
    assert foreign <= staying


def test_what_was_planned_is_removed_and_what_it_frees_is_told(workshop: Workshop, made: Environment) -> None:
    found = gc.plan(
        workshop.client,
        environ=workshop.environ,
        # or what all environments share is told with whichever of them comes first
        in_use=workshop.tags("dltpod/default:"),
        now=time.time() + 31 * 24 * 3600,
    )
    own = gc.Plan(tuple(item for item in found.items if item.kind == "image" and made.digest in item.name))
    assert 0 < own.bytes < 5_000_000
    removed = gc.execute(workshop.client, own)
    assert removed.items == own.items
    assert removed.bytes == own.bytes
    assert workshop.tags(made.digest) == []
    assert gc.execute(workshop.client, own).items == ()


def test_folders_of_this_hosts_cache_go_by_their_last_use(workshop: Workshop, tmp_path: Path) -> None:
    old = cache_folder(workshop.environ) / "verified/0123"
    (old / "abc").mkdir(parents=True)
    (old / "abc/file").write_text("x" * 1000)
    (old / "commit").write_text("abc")
    os.utime(old / "commit", (0, 0))
    found = gc.plan(workshop.client, environ=workshop.environ)
    mine = gc.Plan(tuple(item for item in found.items if item.kind == "folder"))
    assert [item.id for item in mine.items] == [str(old)]
    assert mine.bytes >= 1000
    gc.execute(workshop.client, mine)
    assert not old.exists()
