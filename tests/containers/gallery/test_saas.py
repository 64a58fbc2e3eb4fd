"""The examples of Jira, Stripe and Zendesk in their containers, against stand-ins under their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import https
from tests.containers.gallery.verified import repository
from tests.stand_ins.saas import Jira, Stripe, Zendesk, ticket
from tests.stand_ins.web import BROKEN, TOO_MANY, Site

JIRA, STRIPE, ZENDESK = Jira(), Stripe(), Zendesk()
SITES = {
    "jira": Site("acme.atlassian.net", JIRA.answer),
    "stripe": Site("api.stripe.com", STRIPE.answer),
    "zendesk": Site("acme.zendesk.com", ZENDESK.answer),
}


@dataclass(frozen=True)
class World:
    network: str
    verified: Path

    def example(self, folder: Folder, name: str, secrets: dict[str, Any]) -> Example:
        """An example whose service fails twice for a moment in the first run."""
        SITES[name].faults = {2: TOO_MANY, 4: BROKEN}
        return Example(folder, name, {"sources": secrets}, self.network, self.verified)


@pytest.fixture(scope="module")
def world(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("saas")
    with https(client, folder, *SITES.values()) as network:
        yield World(network, repository(folder))


def issue(number: int, project: str = "PROJ", summary: str = "") -> dict[str, Any]:
    summary = summary or f"issue {number}"
    return {"id": str(number), "key": f"{project}-{number}", "fields": {"summary": summary}}


def test_jira(project: Folder, world: World) -> None:
    JIRA.issues = [issue(n, "PROJ" if n % 2 else "TEAM") for n in range(120)] + [issue(500, "OTHER")]
    JIRA.users = [{"accountId": f"u{n}", "displayName": f"user {n}"} for n in range(60)]
    JIRA.projects = [{"id": str(n), "key": f"P{n}"} for n in range(3)]
    secrets = {"subdomain": "acme", "email": JIRA.email, "api_token": JIRA.token}
    example = world.example(project, "jira", {"acme": secrets})
    first = example.run_all()
    assert (first["jira_issues"]["issues"], first["jira_people"]) == (120, {"users": 60, "projects": 3})
    assert SITES["jira"].trouble() == [429, 500]

    JIRA.issues += [issue(120)]
    JIRA.issues[0] = issue(0, "TEAM", summary="renamed")
    JIRA.users += [{"accountId": "u60", "displayName": "user 60"}]
    example.run_all()
    found = project.rows("select id::int, fields__summary from raw_jira_issues.issues order by 1")
    assert found == [(n, f"issue {n}" if n else "renamed") for n in range(121)]
    found = project.rows("select account_id, display_name from raw_jira_people.users order by display_name")
    assert sorted(found) == sorted((f"u{n}", f"user {n}") for n in range(61))

    example.fill_in({"sources": {"acme": {**secrets, "api_token": "token-that-expired"}}})
    assert "401" in example.fails("jira_issues").message
    assert set(SITES["jira"].trouble()[2:]) == {401}


def test_stripe(project: Folder, world: World) -> None:
    def event(number: int) -> dict[str, Any]:
        return {
            "id": f"evt_{number}",
            "object": "event",
            "type": "charge.succeeded",
            "created": 1_770_000_000 + number,
        }

    def customer(number: int, name: str = "") -> dict[str, Any]:
        name = name or f"customer {number}"
        return {"id": f"cus_{number}", "object": "customer", "name": name, "created": 1_770_000_000}

    STRIPE.objects = {
        "events": [event(n) for n in range(230)],
        "customers": [customer(n) for n in range(110)],
        "products": [{"id": "prod_1", "object": "product", "created": 1_770_000_000}],
    }
    example = world.example(project, "stripe", {"stripe_account": {"stripe_secret_key": STRIPE.key}})
    assert example.run_all() == {"stripe_events": {"event": 230}, "stripe": {"customer": 110, "product": 1}}
    assert SITES["stripe"].trouble() == [429, 500]

    STRIPE.objects["events"] += [event(n) for n in range(230, 235)]
    STRIPE.objects["customers"][0] = customer(0, "renamed")
    assert example.run_all()["stripe_events"] == {"event": 5}
    found = project.rows("select id from raw_stripe_events.event order by created")
    assert found == [(f"evt_{n}",) for n in range(235)]
    found = project.rows("select id, name from raw_stripe.customer")
    assert sorted(found) == sorted((f"cus_{n}", f"customer {n}" if n else "renamed") for n in range(110))

    example.fill_in({"sources": {"stripe_account": {"stripe_secret_key": "sk_test_that_expired"}}})
    record = example.fails("stripe_events")
    assert "401" in record.message or "Expired API Key" in record.message
    assert set(SITES["stripe"].trouble()[2:]) == {401}


def test_zendesk(project: Folder, world: World) -> None:
    ZENDESK.rows = {
        "tickets": [ticket(n) for n in range(25)],
        "users": [{"id": n, "name": f"user {n}"} for n in range(25)],
        "organizations": [{"id": 1, "name": "acme"}],
    }
    secrets = {"subdomain": "acme", "email": ZENDESK.email, "token": ZENDESK.token}
    example = world.example(project, "zendesk", {"zendesk": {"credentials": secrets}})
    assert example.run("zendesk") == {"tickets": 25, "users": 25, "organizations": 1}
    assert SITES["zendesk"].trouble() == [429, 500]

    ZENDESK.rows["tickets"] += [ticket(25), ticket(26)]
    ZENDESK.rows["tickets"][0] = ticket(0, "solved", minute=40)
    ZENDESK.rows["users"].pop()
    assert example.run("zendesk")["tickets"] == 3
    found = project.rows("select id, status from raw_zendesk.tickets order by id")
    assert found == [(n, "open" if n else "solved") for n in range(27)]
    assert project.rows("select count(*), count(distinct id) from raw_zendesk.users") == [(24, 24)]

    example.fill_in({"sources": {"zendesk": {"credentials": {**secrets, "token": "token-that-expired"}}}})
    assert "401" in example.fails("zendesk").message
    assert set(SITES["zendesk"].trouble()[2:]) == {401}
