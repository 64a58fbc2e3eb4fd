"""Which requirement would bring a package that an import lacks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

# Imports whose distribution is named otherwise. Longest match first wins.
_DISTRIBUTIONS = {
    "Crypto": "pycryptodome",
    "Levenshtein": "levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "cv2": "opencv-python-headless",
    "cx_Oracle": "cx-oracle",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "facebook_business": "facebook-business",
    "fitz": "pymupdf",
    "git": "gitpython",
    "github": "pygithub",
    "gitlab": "python-gitlab",
    "google.ads": "google-ads",
    "google.analytics": "google-analytics-data",
    "google.auth": "google-auth",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.pubsub": "google-cloud-pubsub",
    "google.cloud.storage": "google-cloud-storage",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "mysql.connector": "mysql-connector-python",
    "nacl": "pynacl",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "simple_salesforce": "simple-salesforce",
    "sklearn": "scikit-learn",
    "slack_sdk": "slack-sdk",
    "snowflake.connector": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "win32com": "pywin32",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


_OURS = ("custom_sources.", "verified_sources.")
"""Packages that the runner makes: no requirement brings what isn't in them."""


@dataclass(frozen=True)
class Lacking:
    """A package that is not there: as it is imported, and what to do."""

    imported: str
    hint: str
    installed: str = ""
    """The distribution that is there, with its version, and no longer or not yet has that module."""


def requirement_for(exc: BaseException) -> Lacking | None:
    """What the environment lacks, where ``exc`` says so; None for any other failure."""
    for link in _causes(exc):
        needs = getattr(link, "dependencies", None)  # dlt's MissingDependencyException
        if isinstance(needs, (list, tuple)) and needs:
            names = [str(need) for need in needs]
            return Lacking(_lacked(names[0], link), _paste(names))
    for link in _causes(exc):
        if isinstance(link, ModuleNotFoundError) and link.name and not link.name.startswith(_OURS):
            name, found = _installed(link.name)
            if found:
                hint = f'pin one that has it, "{name}<{found}" say: container: {{requirements: […]}}'
                return Lacking(link.name, hint, f"{name} {found}")
            return Lacking(link.name.partition(".")[0], _paste([distribution_of(link.name)]))
    return None


def _lacked(requirement: str, exc: BaseException) -> str:
    """The package that is missing. Of an extra of dlt, which is none, the import that failed tells it."""
    name = _bare(requirement)
    if name != "dlt":
        return name
    for link in _causes(exc):
        if isinstance(link, ModuleNotFoundError) and link.name:
            return link.name.partition(".")[0]
    return requirement


def _installed(imported: str) -> tuple[str, str]:
    """Name and version of the distribution that should bring a submodule, where it is there."""
    name = distribution_of(imported)
    if "." in imported:
        with contextlib.suppress(PackageNotFoundError):
            return name, version(name)
    return name, ""


def distribution_of(imported: str) -> str:
    """The likely name of the distribution that brings an import."""
    parts = imported.split(".")
    for length in range(len(parts), 0, -1):
        known = _DISTRIBUTIONS.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0] == "google" and len(parts) > 1:
        return "-".join(parts[:3]).replace("_", "-")
    return parts[0].replace("_", "-")


def _paste(names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"add to the source: container: {{requirements: [{quoted}]}}"


def _bare(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match[0] if match else requirement


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__
