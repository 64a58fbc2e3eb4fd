"""The names of dlt's verified sources, and those that people give them."""

from __future__ import annotations

from pathlib import Path

from launcher.config.models import Source, VerifiedSources

KNOWN = frozenset(
    {
        *("airtable", "asana_dlt", "bing_webmaster", "chess", "facebook_ads", "freshdesk", "github"),
        *("google_ads", "google_analytics", "google_sheets", "hubspot", "inbox", "jira", "kafka", "kinesis"),
        *("matomo", "mongodb", "mux", "notion", "personio", "pg_replication", "pipedrive", "pokemon"),
        *("salesforce", "scraping", "shopify_dlt", "slack", "strapi", "stripe_analytics"),
        *("unstructured_data", "workable", "zendesk"),
    }
)
"""The sources of dlt's own repository that dlt itself doesn't have. A newer one is named in
``container.extras``."""
_OF_DLT = frozenset({"dlt", "rest_api", "sql_database", "filesystem"})


def meant(name: str) -> str | None:
    """The one verified source that a name can stand for: ``stripe_analytics`` for ``stripe``; else None."""
    if name in KNOWN or name in _OF_DLT:
        return None
    found = [known for known in KNOWN if known.startswith(f"{name}_") or name.startswith(f"{known}_")]
    return found[0] if len(found) == 1 else None


def with_its_module(source: Source, custom_sources: Path, repository: VerifiedSources) -> Source:
    """The source with the verified source that its ``source_module`` stands for.

    Unchanged where anything else can account for the name: code of the project, a requirement, another
    repository.
    """
    module = source.dlt_native.source_module
    name = meant(module)
    own = (custom_sources / f"{module}.py").exists() or (custom_sources / module).exists()
    if name is None or own or source.container.requirements:
        return source
    if repository.location != VerifiedSources().location:
        return source
    native = source.dlt_native.model_copy(update={"source_module": name})
    return source.model_copy(update={"dlt_native": native})
