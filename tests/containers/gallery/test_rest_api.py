"""The example of a REST API in its container, against a stand-in under its host names."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import https
from tests.stand_ins.crm import Crm, contact
from tests.stand_ins.web import BROKEN, TOO_MANY, Site


def test_rest_api(project: Folder, client: docker.DockerClient, tmp_path: Path) -> None:
    crm = Crm(
        contacts=[contact(n) for n in range(24)],
        notes=[{"id": n, "contact": n % 3, "text": f"note {n}"} for n in range(30)],
    )
    api, login = Site("api.example.com", crm.answer), Site("login.example.com", crm.login)
    api.faults = {2: TOO_MANY, 5: BROKEN}
    secrets = {"client_id": crm.client_id, "client_secret": crm.client_secret}
    with https(client, tmp_path, api, login) as network:
        example = Example(project, "rest_api", {"sources": {"crm": {"credentials": secrets}}}, network)
        assert example.run("crm") == {"contacts": 24, "notes": 30}
        assert {429, 500} <= set(api.trouble())
        # a token each: they end at once
        assert len(crm.tokens) >= len(api.seen) - 2

        crm.contacts += [contact(n) for n in range(24, 26)]
        crm.contacts[0] = contact(0, minute=30, name="renamed")
        crm.notes.append({"id": 30, "contact": 0, "text": "note 30"})
        example.run("crm")
        found = project.rows("select id, name from raw_crm.contacts order by id")
        assert found == [(n, f"contact {n}" if n else "renamed") for n in range(26)]
        found = project.rows("select id, text from raw_crm.notes order by id")
        assert found == [(n, f"note {n}") for n in range(31)]

        example.fill_in({"sources": {"crm": {"credentials": {**secrets, "client_secret": "another-secret"}}}})
        record = example.fails("crm")
        assert record.failure_kind == "extract"
        assert "401" in record.message and "login.example.com" in record.message
        assert set(login.trouble()) == {401}
