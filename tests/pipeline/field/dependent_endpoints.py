"""rest_api with an endpoint for each row of another, fields of the parent, several pages and an ignored 404."""

import json
from urllib.parse import parse_qs, urlsplit

import requests
from dlt.sources.rest_api import rest_api_source


class _FarSide(requests.adapters.BaseAdapter):
    """Answers without a network."""

    def __init__(self, run: int):
        super().__init__()
        self.run = run

    def send(self, request, **kwargs):
        url = urlsplit(request.url)
        page = int(parse_qs(url.query).get("page", ["0"])[0])
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 200, request, request.url
        if url.path.endswith("/posts"):
            rows = [
                {"id": n, "title": f"t{n}", "user": {"id": n % 2}} for n in range(1 + 2 * page, 3 + 2 * page)
            ]
            body = {"posts": rows if page <= self.run else [], "total": 4}
        else:
            post = int(url.path.split("/")[-2])
            answer.status_code = 404 if post == 3 else 200
            body = [{"id": post * 10 + n, "said": "x" * n} for n in range(post % 3)]
        answer._content = json.dumps(body).encode()
        answer.headers["Content-Type"] = "application/json"
        return answer

    def close(self):
        pass


def load(run: int):
    session = requests.Session()
    session.mount("https://", _FarSide(run))
    return rest_api_source(
        {
            "client": {"base_url": "https://api.example/v1", "session": session},
            "resource_defaults": {"write_disposition": "replace", "primary_key": "id"},
            "resources": [
                {
                    "name": "posts",
                    "endpoint": {
                        "data_selector": "posts",
                        "paginator": {"type": "page_number", "base_page": 0, "total_path": None},
                    },
                },
                {
                    "name": "comments",
                    "include_from_parent": ["title"],
                    "parallelized": True,
                    "endpoint": {
                        "path": "posts/{resources.posts.id}/comments",
                        "paginator": "single_page",
                        "response_actions": [{"status_code": 404, "action": "ignore"}],
                    },
                },
            ],
        },
        name="blog",
    )
