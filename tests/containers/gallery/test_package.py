"""The example of a package of one's own in its container, against a stand-in under its host name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import https
from tests.stand_ins.web import BROKEN, TOO_MANY, Answer, Request, Site


def test_a_package_of_ones_own(project: Folder, client: docker.DockerClient, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"number": f"{n:06}", "version": n, "total": n} for n in range(25)]

    def answer(request: Request) -> Answer:
        if request.headers.get("x-api-key") != "key-of-the-erp":
            return Answer({"error": "the key has expired"}, 403)
        found = [row for row in rows if row["version"] >= int(request.query["since"])]
        end = 10 * int(request.query["page"])
        return Answer(
            {"invoices": found[end - 10 : end], "next_page": end // 10 + 1 if found[end:] else None}
        )

    site = Site("erp.example.com", answer, {2: TOO_MANY, 4: BROKEN})
    with https(client, tmp_path, site) as network:
        keys = {"sources": {"erp": {"api_key": "key-of-the-erp"}}}
        example = Example(project, "custom_package", keys, network)
        assert example.run("erp") == {"invoices": 25}
        assert site.trouble() == [429, 500]

        rows.append({"number": "000025", "version": 25, "total": 25})
        rows[0] = {"number": "000000", "version": 26, "total": 1000}
        assert example.run("erp") == {"invoices": 2}
        found = project.rows("select number, total, number_is_valid from raw_erp.invoices order by number")
        assert found == [(f"{n:06}", n or 1000, n in (0, 18)) for n in range(26)]

        example.fill_in({"sources": {"erp": {"api_key": "another-key"}}})
        assert "403" in example.fails("erp").message
        assert set(site.trouble()[2:]) == {403}
