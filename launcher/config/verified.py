"""The names of dlt's verified sources, and other names by which people ask for them."""

from __future__ import annotations

import os
import re
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
_CLIENTS = frozenset({"asana", "stripe"})
"""Packages that verified sources require and that have the service's name, but hold no source."""
_OF_DLT = frozenset({"dlt", "rest_api", "sql_database", "filesystem"})


def verified_name(name: str) -> str | None:
    """The one verified source that a name can stand for: ``stripe_analytics`` for ``stripe``; else None."""
    if name in KNOWN or name in _OF_DLT:
        return None
    found = [known for known in KNOWN if known.startswith(f"{name}_") or name.startswith(f"{known}_")]
    return found[0] if len(found) == 1 else None


def _may_bring(requirement: str, module: str) -> bool:
    """Whether a requirement may install a module of this name: its own is similar, or it is an address."""
    name = re.match(r"[A-Za-z0-9._-]+(?=\s*($|[\[<>=!~;(,]))", requirement.strip())
    if name is None:
        return True
    package, wanted = (re.sub(r"[._-]+", "", text).lower() for text in (name[0], module.partition(".")[0]))
    return package not in _CLIENTS and (wanted in package or package in wanted)


def with_its_module(source: Source, custom_sources: Path, repository: VerifiedSources) -> Source:
    """The source with the verified source that its ``source_module`` stands for.

    It stays as it is where the name may mean something else: code of the project, a requirement of that name
    or by address, or another repository. A work tree counts only if it has a source of that very name, or
    lacks the verified source.
    """
    module = source.dlt_native.source_module
    name = verified_name(module)
    there = os.path.exists  # Path.exists raises where a folder can't be searched
    own = there(custom_sources / f"{module}.py") or there(custom_sources / module)
    if name is None or own or any(_may_bring(text, module) for text in source.container.requirements):
        return source
    if repository.location != VerifiedSources().location:
        tree = custom_sources.parent / Path(repository.location).expanduser() / "sources"
        if (tree / module).exists() or not (tree / name).is_dir():
            return source
    native = source.dlt_native.model_copy(update={"source_module": name})
    return source.model_copy(update={"dlt_native": native})
