"""What the services behind verified sources answer: one row of everything, then the end.

Every address answers alike, with an object whose lists hold one row and whose paging says that this
was all. ``_SPECIAL`` has what a source takes in no other shape, by its module: a pattern that is looked for
in method and address, and what is answered there.
"""

from __future__ import annotations

import re
import typing
from datetime import datetime, timezone

Json = typing.Any
_TIME = "2024-03-01T00:00:00Z"
_STAMP = 1709251200
_TODAY = datetime.now(timezone.utc).date()

ROW: dict[str, Json] = {
    **{
        "id": 1,
        "gid": "1",
        "name": "one",
        "title": "One",
        "type": "text",
        "key": "one",
        "value": "1",
        "url": "u",
    },
    **dict.fromkeys(("created_at", "updated_at", "modified_at", "due_at", "timestamp", "time"), _TIME),
    **dict.fromkeys(("createdAt", "updatedAt", "starredAt", "update_time", "modified"), _TIME),
    **{"created": _STAMP, "ts": f"{_STAMP}.000100", "custom_fields": [], "fields": {}, "field_type": "text"},
    **{"user_id": 1, "shortcode": "one"},
}
_LISTS = ("data", "results", "items", "records", "values", "value")
_END: dict[str, Json] = {
    **{
        "has_more": False,
        "next_page": None,
        "next_cursor": None,
        "end_of_stream": True,
        "count": 0,
        "done": True,
    },
    **{"meta": {"has_more": False, "pagination": {"total": 1}}, "links": {"next": None}, "ok": True},
}


def answer(module: str, method: str, url: str, body: str) -> Json:
    """The JSON for a request of a source of this module."""
    for pattern, found in _SPECIAL.get(module, ()):
        if re.search(pattern, f"{method} {url}"):
            return found(url, body) if callable(found) else found
    path = re.sub(r"\?.*", "", url)
    last = re.sub(r"\.json$", "", path.rstrip("/").rpartition("/")[2])
    return {**_END, **{name: [dict(ROW)] for name in (*_LISTS, last)}}


def _once(parameter: str) -> typing.Callable[[str, str], Json]:
    """A list with one row at its beginning, and none on the pages after it."""
    return lambda url, _: [] if re.search(rf"{parameter}=(?!0\b)(?!1\b)\d", url) else [dict(ROW)]


def _talk(url: str, _: str) -> Json:
    name = re.sub(r"\.json|\?.*", "", url).rpartition("/")[2]
    name = {"ivr": "ivrs"}.get(name, name)
    return {**_END, name: [dict(ROW)]}


def _graphql(_: str, body: str) -> Json:
    nodes: Json = {"reactions": {"totalCount": 0, "nodes": []}, "comments": {"totalCount": 0, "nodes": []}}
    last = "page_after" in body.partition('"variables"')[2]
    edges = [] if last else [{"starredAt": _TIME, "node": dict(ROW)}]
    page = {"totalCount": 1, "pageInfo": {"endCursor": "c", "startCursor": "a"}}
    lists = {
        name: {**page, "nodes": [] if last else [{**ROW, **nodes}]} for name in ("issues", "pullRequests")
    }
    wanted = next((name for name in lists if f"{name}(" in body), "stargazers")
    found = lists.get(wanted, {**page, "edges": edges})
    return {"data": {"repository": {wanted: found}, "rateLimit": {"cost": 1, "remaining": 9}}}


def _hubspot_properties(url: str, _: str) -> Json:
    names = (
        "createdate domain name email firstname lastname lastmodifieddate amount closedate dealname "
        "dealstage pipeline content subject description price"
    )
    own = (
        "lastmodifieddate object_id pipeline pipeline_stage ticket_category ticket_priority createdate "
        "expiration_date public_url_key status title v2_date_entered_1"
    )
    listed = [*names.split(), *(f"hs_{name}" for name in own.split())]
    return {"results": [{"name": name, "type": "string"} for name in listed]}


def _hubspot_objects(url: str, _: str) -> Json:
    values = {"hs_object_id": "1", "name": "one", "hs_v2_date_entered_1": _TIME}
    return {
        "results": [{"id": "1", "properties": values, "propertiesWithHistory": {"name": [{"value": "n"}]}}]
    }


def _matomo(_: str, body: str) -> Json:
    if "filter_offset=0" in body.replace("%3D", "="):
        visit = {
            "idVisit": 1,
            "visitorId": "v",
            "serverTimestamp": datetime.now(timezone.utc).timestamp() - 9e4,
        }
        return [[{**visit, "lastActionTimestamp": 0, "firstActionTimestamp": 0}]]
    if "filter_offset" in body:
        return []
    return [{"visitorId": "v"}] if "getVisitorProfile" in body else [{"2024-03-01": [{"label": "a"}]}]


def _personio(url: str, _: str) -> Json:
    attribute = {"universal_id": "id", "label": "Id", "type": "integer", "value": 1}
    changed = {"universal_id": "last_modified_at", "label": "Changed", "type": "date", "value": _TIME}
    own: Json = {"id": 1, "date": "2024-03-01", "created_at": _TIME, "updated_at": _TIME}
    if url.partition("?")[0].endswith("company/employees"):
        own = {"id": attribute, "changed": changed}
    if re.search(r"reports/reports/\w+", url):
        cell = {"attribute_id": "a", "data_type": "text", "value": "x"}
        own = {"items": [{"employee_id": 1, "attributes": [cell]}]}
    if re.search(r"attendances(\?|$)|projects|document-categories", url):
        own.pop("id")
    return {"data": [{"id": 1, "type": "Row", "attributes": own}]}


def _salesforce_result(_: str, __: str) -> Json:
    return [{"Id": "1", "SystemModstamp": _STAMP * 1000, "LastModifiedDate": _STAMP * 1000}]


def _fields(*names: str) -> Json:
    return {
        "fields": [
            {"name": name, "type": "id" if name == "Id" else "datetime", "compoundFieldName": None}
            for name in names
        ]
    }


_BATCH = {"id": "b", "jobId": "j", "state": "Completed"}
_RANGE = {"range": "Sheet1!A1:B3", "values": [["a", "b"], [1, 2], [3, 4]]}
_CELLS = [
    {"values": [{"formattedValue": name} for name in "ab"]},
    {"values": [{"effectiveValue": {"numberValue": 1}}, {"effectiveValue": {"numberValue": 2}}]},
]
_SHEET = {"properties": {"title": "Sheet1"}, "data": [{"rowData": _CELLS}]}
_AD = {
    "id": "1",
    "account_id": "1",
    "name": "one",
    "date_start": str(_TODAY),
    **dict.fromkeys(("ad_id", "adset_id", "campaign_id"), "1"),
}
_JOB = {"id": "1", "async_status": "Job Completed", "async_percent_completion": 100, "report_run_id": "1"}
_RECORD = {
    "SequenceNumber": "1",
    "Data": "eyJpZCI6IDF9",
    "ApproximateArrivalTimestamp": _STAMP,
    "PartitionKey": "p",
}
_TABLE = {"id": "tbl1", "name": "one", "primaryFieldId": "f", "fields": [{"id": "f", "name": "id"}]}
_BING = [{"__type": "t", "Date": "/Date(1709251200000)/", "Query": "q", "Clicks": 1}]
_CHANNEL = {"id": "C1", "name": "general", "created": _STAMP}
_SPECIAL: dict[str, list[tuple[str, Json]]] = {
    "airtable": [
        ("meta/bases", {"tables": [_TABLE]}),
        ("", {"records": [{"id": "r", "createdTime": _TIME, "fields": {"id": 1}}]}),
    ],
    "asana_dlt": [("", {"data": [dict(ROW)]})],
    "bing_webmaster": [("", {"d": _BING})],
    "chess": [
        ("archives", {"archives": ["https://api.chess.com/pub/player/one/games/2024/03"]}),
        ("games/", {"games": [{"url": "g", "end_time": _STAMP}]}),
        ("popup", {"onlineStatus": "online", "lastLoginDate": _STAMP}),
        ("", {"username": "one", "joined": _STAMP, "last_online": _STAMP}),
    ],
    "facebook_ads": [
        ("POST .*insights", {"report_run_id": "1"}),
        (r"GET .*/1/?(\?|$)", _JOB),
        ("", {"data": [_AD], "paging": {}}),
    ],
    "freshdesk": [("", _once("[?&]page"))],
    "github": [("graphql", _graphql), ("events", [{**ROW, "type": "PushEvent"}])],
    "google_ads": [("", {"access_token": "t", "expires_in": 3600})],
    "google_analytics": [("", {"access_token": "t", "expires_in": 3600})],
    "google_sheets": [
        ("token", {"access_token": "t", "expires_in": 3600}),
        ("batchGet", {"valueRanges": [_RANGE]}),
        ("", {"properties": {"title": "book"}, "sheets": [_SHEET], "namedRanges": []}),
    ],
    "hubspot": [
        ("crm/v3/properties", _hubspot_properties),
        ("crm/v3/objects", _hubspot_objects),
        ("events", {"results": [{"id": "1", "eventType": "visit", "occurredAt": "2024-03-01T00:00:00Z"}]}),
    ],
    "jira": [
        ("users", _once("startAt")),
        ("search/jql", {"issues": [dict(ROW)]}),
        (r"startAt=0", {"values": [dict(ROW)]}),
        ("", {"values": []}),
    ],
    "kinesis": [
        ("ListShards", {"Shards": [{"ShardId": "s", "HashKeyRange": {}, "SequenceNumberRange": {}}]}),
        ("GetShardIterator", {"ShardIterator": "i"}),
        ("GetRecords", {"Records": [_RECORD], "MillisBehindLatest": 0, "NextShardIterator": "i"}),
    ],
    "matomo": [("", _matomo)],
    "mux": [("video-views.*page=(?!1$|1&)", {"data": []})],
    "notion": [
        ("search", {"results": [{"id": "1", "title": [{"plain_text": "one"}]}], "next_cursor": None}),
    ],
    "personio": [("auth", {"data": {"token": "t"}}), ("", _personio)],
    "pipedrive": [
        ("recents", {"data": [{"item": "x", "data": dict(ROW)}]}),
        ("flow", {"data": [{"object": "deal", "timestamp": _TIME, "data": dict(ROW)}]}),
        ("Fields", {"data": [{**ROW, "edit_flag": True, "options": [{"id": 1, "label": "a"}]}]}),
    ],
    "pokemon": [("", {"results": [dict(ROW)]})],
    "rest_api": [("", [dict(ROW)])],
    "salesforce": [
        ("describe", _fields("Id", "SystemModstamp", "LastModifiedDate")),
        ("result/", _salesforce_result),
        ("result", ["r"]),
        ("batch", _BATCH),
        ("job", {"id": "j", "state": "Open"}),
    ],
    "shopify_dlt": [
        (
            "graphql",
            lambda _, body: {"data": {"rows": [] if '"after"' in body else [{"cursor": "c", "id": 1}]}},
        )
    ],
    "slack": [
        ("conversations.list", {"ok": True, "channels": [_CHANNEL]}),
        ("", {"ok": True, **{name: [dict(ROW)] for name in ("members", "messages", "logins")}}),
    ],
    "strapi": [],
    "stripe_analytics": [("", {"object": "list", "has_more": False, "url": "/v1/x", "data": [dict(ROW)]})],
    "zendesk": [
        ("channels/voice", _talk),
        ("chats", {**_END, "chats": [{**ROW, "update_timestamp": _TIME}]}),
        ("ticket_events", {**_END, "ticket_events": [{**ROW, "timestamp": _STAMP}]}),
        ("slas/policies", {**_END, "sla_policies": [dict(ROW)]}),
    ],
}
