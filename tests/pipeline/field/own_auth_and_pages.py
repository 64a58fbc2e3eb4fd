"""rest_api with an own way to log in, an own way to page that is registered by name, and steps on the rows."""

import json
from urllib.parse import parse_qs, urlsplit

import dlt
import requests
from dlt.common.configuration.specs import configspec
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api import rest_api_resources
from dlt.sources.rest_api.config_setup import register_paginator


@configspec
class TeamAuth(AuthConfigBase):
    team: str = None
    token: dlt.TSecretStrValue = None

    def __call__(self, request):
        request.headers["X-Team"] = f"{self.team}:{self.token}"
        return request


class MarkPaginator(BasePaginator):
    def __init__(self, step: int = 2):
        super().__init__()
        self.step, self.at = step, 0

    def update_state(self, response, data=None):
        self.at += self.step
        self._has_next_page = bool(data) and len(data) == self.step

    def update_request(self, request):
        request.params = {**(request.params or {}), "mark": self.at, "step": self.step}


register_paginator("mark", MarkPaginator)


class _FarSide(requests.adapters.BaseAdapter):
    """Answers without a network."""

    def __init__(self, run: int):
        super().__init__()
        self.rows = [{"id": n, "at": f"2026-01-{n:02}", "name": f"n{n}"} for n in range(1, 4 + 2 * run)]

    def send(self, request, **kwargs):
        asked = parse_qs(urlsplit(request.url).query)
        known = request.headers.get("X-Team") == "blue:not a secret really"
        since = asked.get("since", [""])[0]
        rows = [row for row in self.rows if row["at"] >= since]
        mark, step = int(asked.get("mark", ["0"])[0]), int(asked.get("step", ["2"])[0])
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = (200 if known else 401), request, request.url
        answer._content = json.dumps({"data": rows[mark : mark + step]}).encode()
        answer.headers["Content-Type"] = "application/json"
        return answer

    def close(self):
        pass


@dlt.source
def load(run: int, token: str = dlt.secrets.value, team: str = dlt.config.value):
    session = requests.Session()
    session.mount("https://", _FarSide(run))
    yield from rest_api_resources(
        {
            "client": {
                "base_url": "https://api.example/v1/",
                "auth": TeamAuth(team=team, token=token),
                "paginator": "mark",
                "session": session,
            },
            "resources": [
                {
                    "name": "people",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "processing_steps": [
                        {"filter": lambda row: row["id"] != 2},
                        {"map": lambda row: {**row, "name": row["name"].upper()}},
                    ],
                    "endpoint": {
                        "path": "people",
                        "data_selector": "data",
                        "params": {"since": "{incremental.start_value}"},
                        "incremental": {"cursor_path": "at", "initial_value": "2026-01-01"},
                    },
                }
            ],
        }
    )
