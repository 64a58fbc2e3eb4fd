"""A stand-in for an API with OAuth2 client credentials and cursor paging, as many are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stand_ins.web import Answer, Request


@dataclass
class Crm:
    """Contacts and their notes. Each token is good for ``uses`` requests, and says that it ends at once."""

    client_id: str = "client-1"
    client_secret: str = "secret-of-client-1"
    contacts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    uses: int = 1
    page: int = 10
    tokens: dict[str, int] = field(default_factory=dict)

    def login(self, request: Request) -> Answer:
        """What the host that gives tokens answers."""
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return Answer({"error": "invalid_client"}, 401)
        if (form.get("grant_type"), form.get("scope")) != ("client_credentials", "read"):
            return Answer({"error": "invalid_scope"}, 400)
        token = f"token-{len(self.tokens)}-of-client-1"
        self.tokens[token] = self.uses
        return Answer({"access_token": token, "token_type": "Bearer", "expires_in": 0})

    def answer(self, request: Request) -> Answer:
        """What the API answers."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < 1:
            return Answer({"error": "invalid_token"}, 401)
        self.tokens[token] -= 1
        path = request.path.removeprefix("/v1/").split("/")
        if path == ["contacts"]:
            since = request.query["changed_since"]
            rows = [row for row in self.contacts if row["changed_at"] >= since]
        else:
            rows = [row for row in self.notes if str(row["contact"]) == path[1]]
        start = int(request.query.get("cursor", "c0")[1:])
        end = start + self.page
        return Answer({"items": rows[start:end], "next_cursor": f"c{end}" if rows[end:] else None})


def contact(number: int, minute: int | None = None, name: str = "") -> dict[str, Any]:
    """A contact that changed at that minute."""
    at = number if minute is None else minute
    return {
        "id": number,
        "name": name or f"contact {number}",
        "changed_at": f"2026-03-01T{at // 60:02}:{at % 60:02}:00Z",
    }
