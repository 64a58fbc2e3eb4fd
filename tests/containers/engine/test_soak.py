"""Many syncs in a row leave nothing behind. ``bench/soak.py`` does two hundred of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.soak import grown, soak

if TYPE_CHECKING:
    import docker


def test_syncs_in_a_row_leave_no_container_descriptor_thread_or_memory_behind(
    client: docker.DockerClient,
) -> None:
    settled, end = soak(client, syncs=7, warm=4)
    assert grown(settled, end) == []
