"""What ``dltpod gc`` takes of the engine's build cache."""

from __future__ import annotations

from typing import Any

from launcher.images import gc
from tests.stand_ins.web import Answer
from tests.unit.images.standing_in import engine

LONG_AGO, NOW = "2026-01-01T00:00:00Z", 1_800_000_000.0
DAYS = "unused for 379 days"


def row(name: str, description: str = "mount /dev/dltpod/cache from exec", **more: Any) -> dict[str, Any]:
    return {
        "ID": name,
        "Description": description,
        "Type": "exec.cachemount",
        "Size": 7,
        "CreatedAt": LONG_AGO,
        **more,
    }


def test_the_build_cache_is_left_alone_where_the_engine_is_busy_with_its_disk() -> None:
    busy, asked = "a disk usage operation is already running", []

    def answer(path: str) -> Answer:
        asked.append(path)
        return Answer({"message": busy}, 500)

    item = gc.Item("folder", "any", 1, "unused")
    with engine(answer) as client:
        found = gc.with_build_cache(gc.Plan((item,), ("a note",)), client)
    assert found.items == (item,)
    assert found.notes == (
        "a note",
        f"the build cache was left alone: the Docker engine refuses: {busy}",
    )
    assert asked == ["/system/df"]


def test_of_the_build_cache_goes_what_is_dltpods_and_neither_young_nor_in_use() -> None:
    rows = [
        row("wheels"),
        row("steps", Type="regular", Shared=True),
        row("young", LastUsedAt="2027-01-14T00:00:00Z"),
        row("used", InUse=True),
        row("foreign", "mount /root/.cache from exec"),
    ]
    with engine(lambda path: Answer({"BuildCache": rows})) as client:
        found = gc.with_build_cache(gc.Plan(), client, now=NOW)
    assert found == gc.Plan(
        (
            gc.Item("build cache", "wheels and packages", 7, DAYS, "wheels"),
            gc.Item("build cache", "layer", 0, DAYS, "steps"),
        )
    )
