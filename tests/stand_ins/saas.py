"""Stand-ins for Jira, Stripe and Zendesk: what their verified sources ask for, with paging and logins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from tests.stand_ins.web import Answer, Request


@dataclass
class Jira:
    """Issues are found by a JQL text that names their project."""

    email: str = "bot@example.com"
    token: str = "token-of-jira"
    issues: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    projects: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """What Jira's REST API, version 3, answers."""
        if request.login != (self.email, self.token):
            return Answer({"message": "Client must be authenticated to access this resource."}, 401)
        size = int(request.query["maxResults"])
        start = int(request.query.get("startAt", 0))
        if request.path == "/rest/api/3/search/jql":
            start = int(request.query.get("nextPageToken", "t0")[1:])
            rows = [row for row in self.issues if row["key"].split("-")[0] in request.query["jql"]]
            token = {"nextPageToken": f"t{start + size}"} if rows[start + size :] else {}
            return Answer({"issues": rows[start : start + size], "isLast": not token, **token})
        if request.path == "/rest/api/3/users":
            return Answer(self.users[start : start + size])
        return Answer({"values": self.projects[start : start + size], "startAt": start})


@dataclass
class Stripe:
    """``objects`` by the path of their list, the oldest first."""

    key: str = "sk_test_of_the_shop"
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What Stripe's API answers: the newest objects first."""
        if request.headers.get("authorization") != f"Bearer {self.key}":
            error = {"type": "invalid_request_error", "message": "Expired API Key provided"}
            return Answer({"error": error}, 401)
        since = int(request.query.get("created[gte]", 0))
        rows = self.objects.get(request.path.removeprefix("/v1/"), [])
        rows = [row for row in reversed(rows) if row["created"] >= since]
        after = request.query.get("starting_after")
        start = next((n + 1 for n, row in enumerate(rows) if row["id"] == after), 0)
        end = start + int(request.query["limit"])
        return Answer(
            {"object": "list", "url": request.path, "data": rows[start:end], "has_more": bool(rows[end:])}
        )


@dataclass
class Zendesk:
    """Tickets come by the time of their change, all else by cursors."""

    email: str = "bot@example.com"
    token: str = "token-of-zendesk"
    page: int = 10
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """What Zendesk's Support API answers."""
        if request.login != (f"{self.email}/token", self.token):
            return Answer({"error": "Couldn't authenticate you"}, 401)
        name = request.path.rpartition("/")[2].removesuffix(".json")
        rows, start = self.rows.get(name, []), int(request.query.get("at", 0))
        if name == "ticket_fields":
            return Answer({name: rows, "next_page": None})
        if "incremental" in request.path:
            since = request.query["start_time"]
            rows = [row for row in rows if _seconds(row["updated_at"]) >= int(since)]
        end = start + self.page
        next_page = f"https://{request.headers['host']}{request.path}?at={end}"
        if "incremental" in request.path:
            more = {"next_page": f"{next_page}&start_time={since}", "end_of_stream": not rows[end:]}
            return Answer({name: rows[start:end], "count": len(rows[start:end]), **more})
        return Answer(
            {name: rows[start:end], "meta": {"has_more": bool(rows[end:])}, "links": {"next": next_page}}
        )


def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


def ticket(number: int, status: str = "open", minute: int | None = None) -> dict[str, Any]:
    """A ticket that changed at that minute."""
    at = number if minute is None else minute
    return {
        "id": number,
        "status": status,
        "created_at": "2026-03-01T00:00:00Z",
        "updated_at": f"2026-03-01T{at // 60:02}:{at % 60:02}:00Z",
        "due_at": None,
        "custom_fields": [],
        "fields": [],
    }
