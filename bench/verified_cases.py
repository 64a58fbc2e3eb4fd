"""The sources of dlt's verified-sources repository, and what each is given: arguments, secrets, settings."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2


@dataclass(frozen=True)
class Case:
    """One source function. ``secrets`` are its keys, below ``[sources.<module>]``."""

    module: str
    function: str
    kwargs: dict[str, typing.Any] = field(default_factory=dict)
    secrets: str = ""
    resource_kwargs: dict[str, dict[str, typing.Any]] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    before: Callable[[], object] = lambda: None
    """Called before each run."""

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function}"


DLTS_OWN = ("filesystem", "rest_api", "sql_database")
"""What moved into dlt; the repository keeps empty folders of these names."""
APART = ("unstructured_data",)
"""What can't share an environment with the others: its requirements ask for versions of their own."""
NO_SOURCE = {"scraping": "no source: its `run_pipeline` is a pipeline of its own"}
"""What has nothing that could be an entry of ``sources.yml``."""
_GOOGLE = 'credentials = {client_id = "i", client_secret = "s", refresh_token = "r", project_id = "p"}'
_MUX = 'mux_api_access_token = "t"\nmux_api_secret_key = "s"'
_KAFKA = 'credentials = {bootstrap_servers = "b", group_id = "g", security_protocol = "PLAINTEXT"}'
_MONGO = {"connection_url": "mongodb://localhost/shop", "database": "shop"}
_REPO = {"owner": "o", "name": "n"}
_REST = {"client": {"base_url": "https://api.example.com/"}, "resources": ["orders"]}
_JIRA = 'subdomain = "s"\nemail = "e"\napi_token = "t"'
_ZENDESK = 'credentials = {subdomain = "s", email = "e", token = "t"}'
_REPORT = {"resource_name": "visits", "dimensions": ["date"], "metrics": ["users"]}


def cases(folder: Path, postgres: str) -> list[Case]:
    """All cases. ``folder`` holds files that sources read; ``postgres`` is the address of a server."""
    own = [
        Case(
            "filesystem",
            "readers",
            {"bucket_url": folder.as_uri(), "file_glob": "*.jsonl"},
            resources=("read_jsonl",),
        ),
        Case("rest_api", "rest_api_source", {"config": _REST}),
        Case("sql_database", "sql_database", {"credentials": f"sqlite:///{folder}/shop.db"}),
    ]
    own.append(
        Case(
            "pg_replication",
            "replication_resource",
            {"slot_name": "bench", "pub_name": "bench"},
            f'credentials = "{postgres}"',
            before=functools.partial(_insert, postgres),
        )
    )
    return sorted(own + _ASKED, key=lambda case: case.name)


def _insert(address: str) -> None:
    """A change for replication to find: without one its source waits for ever."""
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO orders (name) VALUES ('one')")


_ASKED = [
    Case("airtable", "airtable_source", {"base_id": "app1"}, 'access_token = "t"\ntable_names = ["one"]'),
    Case("asana_dlt", "asana_source", {}, 'access_token = "t"'),
    Case(
        "bing_webmaster",
        "source",
        {"site_urls": ["a.example.com"], "site_url_pages": [{"site_url": "a", "page": "p"}]},
        'api_key = "k"',
    ),
    Case("chess", "source", {"players": ["one"]}),
    Case("facebook_ads", "facebook_ads_source", {"account_id": "1"}, 'access_token = "t"'),
    Case(
        "facebook_ads",
        "facebook_insights_source",
        {"account_id": "1", "initial_load_past_days": 1, "attribution_window_days_lag": 1},
        'access_token = "t"',
    ),
    Case("freshdesk", "freshdesk_source", {}, 'domain = "d"\napi_secret_key = "k"'),
    Case("github", "github_reactions", _REPO, 'access_token = "t"'),
    Case("github", "github_repo_events", _REPO, 'access_token = "t"'),
    Case("github", "github_stargazers", _REPO, 'access_token = "t"'),
    Case(
        "google_ads",
        "google_ads",
        {},
        f'{_GOOGLE}\ndev_token = "d"\nimpersonated_email = "e"\ncustomer_id = "1"',
    ),
    Case("google_analytics", "google_analytics", {"property_id": 1, "queries": [_REPORT]}, _GOOGLE),
    Case(
        "google_sheets",
        "google_spreadsheet",
        {"spreadsheet_url_or_id": "1" * 44, "range_names": ["Sheet1"]},
        _GOOGLE,
    ),
    Case("hubspot", "hubspot", {"include_history": True}, 'api_key = "k"'),
    Case(
        "hubspot",
        "hubspot_events_for_objects",
        {"object_type": "company", "object_ids": ["1"]},
        'api_key = "k"',
    ),
    Case("inbox", "inbox_source", {}, 'host = "h"\nemail_account = "e"\npassword = "p"'),
    Case("jira", "jira", {}, _JIRA),
    Case("jira", "jira_search", {}, _JIRA, {"issues": {"jql_queries": ["project = A"]}}),
    Case("kafka", "kafka_consumer", {"topics": ["orders"]}, _KAFKA),
    Case(
        "kinesis",
        "kinesis_stream",
        {"stream_name": "orders", "parse_json": True},
        'credentials = {aws_access_key_id = "i", aws_secret_access_key = "s", region_name = "eu-central-1"}',
    ),
    Case(
        "matomo",
        "matomo_reports",
        {
            "queries": [{"resource_name": "r", "methods": ["A.b"]}],
            "site_id": 1,
            "url": "https://m.example.com",
        },
        'api_token = "t"',
    ),
    Case(
        "matomo",
        "matomo_visits",
        {"live_events_site_id": 1, "url": "https://m.example.com", "get_live_event_visitors": True},
        'api_token = "t"',
    ),
    Case("mongodb", "mongodb", {**_MONGO, "collection_names": ["users"]}),
    Case("mongodb", "mongodb_collection", {**_MONGO, "collection": "users"}),
    Case("mux", "mux_source", {}, _MUX),
    Case("notion", "notion_databases", {}, 'api_key = "k"'),
    Case("notion", "notion_pages", {}, 'api_key = "k"'),
    Case("personio", "personio_source", {}, 'client_id = "i"\nclient_secret = "s"'),
    Case("pipedrive", "pipedrive_source", {}, 'pipedrive_api_key = "k"'),
    Case("pipedrive", "pipedrive_v2_source", {}, 'pipedrive_api_key = "k"\ncompany_domain = "d"'),
    Case("pokemon", "source"),
    Case(
        "salesforce",
        "salesforce_source",
        {},
        'credentials = {session_id = "s", instance_url = "https://i.example.com"}',
    ),
    Case(
        "shopify_dlt",
        "shopify_source",
        {"shop_url": "https://s.myshopify.com"},
        'private_app_password = "p"',
    ),
    Case(
        "shopify_dlt",
        "shopify_partner_query",
        {"query": "q", "data_items_path": "data.rows[*]", "pagination_cursor_path": "data.rows[-1].cursor"},
        'access_token = "t"\norganization_id = "1"',
    ),
    Case("slack", "slack_source", {"replies": True}, 'access_token = "t"\nselected_channels = ["general"]'),
    Case("strapi", "strapi_source", {"endpoints": ["athletes"]}, 'api_secret_key = "k"\ndomain = "d"'),
    Case("stripe_analytics", "incremental_stripe_source", {}, 'stripe_secret_key = "k"'),
    Case("stripe_analytics", "stripe_source", {}, 'stripe_secret_key = "k"'),
    Case(
        "unstructured_data",
        "unstructured_to_structured_resource",
        {},
        'openai_api_key = "k"\nqueries = {a = "b"}',
    ),
    Case("workable", "workable_source", {"load_details": True}, 'access_token = "t"\nsubdomain = "s"'),
    Case("zendesk", "zendesk_chat", {}, 'credentials = {subdomain = "s", oauth_token = "t"}'),
    Case("zendesk", "zendesk_support", {}, _ZENDESK),
    Case("zendesk", "zendesk_talk", {}, _ZENDESK),
]
