"""Which requirement brings a package that can't be imported."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from runner.explain.causes import unwrap

# Imports whose distribution has another name than ``distribution_of`` makes; the longest match counts.
_DISTRIBUTIONS = {
    "Crypto": "pycryptodome",
    "Levenshtein": "levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "airflow": "apache-airflow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "cv2": "opencv-python-headless",
    "cx_Oracle": "cx-oracle",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "github": "pygithub",
    "gitlab": "python-gitlab",
    "google.ads": "google-ads",
    "google.analytics": "google-analytics-data",
    "google.auth": "google-auth",
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
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pkg_resources": "setuptools",
    "serial": "pyserial",
    "shapefile": "pyshp",
    "sklearn": "scikit-learn",
    "snowflake.connector": "snowflake-connector-python",
    "telegram": "python-telegram-bot",
    "win32com": "pywin32",
    "yaml": "pyyaml",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "zmq": "pyzmq",
}


_OURS = ("custom_sources.", "verified_sources.")
"""Packages that the runner makes of folders: no requirement brings a module that they lack."""


@dataclass(frozen=True)
class Lacking:
    """A missing package: the name of its import, and what to do."""

    imported: str
    hint: str
    installed: str = ""
    """Name and version of the installed distribution, where that version has no such module."""


def requirement_for(exc: BaseException) -> Lacking | None:
    """The package that the environment lacks, where that is why ``exc`` was raised; else None."""
    for link in unwrap(exc):
        needs = getattr(link, "dependencies", None)  # dlt's MissingDependencyException
        if isinstance(needs, (list, tuple)) and needs:
            names = [str(need) for need in needs]
            return Lacking(_import_name(names[0], link), requirements_hint(names))
    for link in unwrap(exc):
        if isinstance(link, ModuleNotFoundError) and link.name and not link.name.startswith(_OURS):
            name, found = _installed(link.name)
            if found:
                hint = (
                    f'pin one that has it, "{name}<{_line_of(found)}" say: container: {{requirements: […]}}'
                )
                return Lacking(link.name, hint, f"{name} {found}")
            wanted = distribution_of(_whole_name(link) or link.name)
            return Lacking(link.name.partition(".")[0], requirements_hint([wanted]))
    return None


def _whole_name(exc: ModuleNotFoundError) -> str:
    """The dotted name on the line that failed: of ``google.ads`` Python misses ``google`` alone."""
    frames = traceback.extract_tb(exc.__traceback__)
    line = next((frame.line or "" for frame in reversed(frames) if "importlib" not in frame.filename), "")
    found = re.search(r"\bfrom\s+([\w.]+)\s+import\s+\(?(\w+)|\bimport\s+([\w.]+)", line)
    name = (found[3] or f"{found[1]}.{found[2]}") if found else ""
    return name if name.startswith(f"{exc.name}.") else ""


def _import_name(requirement: str, exc: BaseException) -> str:
    """The package that is missing. For an extra of dlt that is the import which failed."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    if name is None or name[0] != "dlt":
        return name[0] if name else requirement
    for link in unwrap(exc):
        if isinstance(link, ModuleNotFoundError) and link.name:
            return link.name.partition(".")[0]
    return requirement


def _installed(imported: str) -> tuple[str, str]:
    """The distribution that should have a submodule, and its version, empty where it isn't installed."""
    from importlib import metadata  # slow to import, and needed where something is missing only

    name = distribution_of(imported)
    if "." in imported:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return name, metadata.version(name)
    return name, ""


def _line_of(found: str) -> str:
    """The series of a version: ``3`` of 3.4.1, ``0.9`` of 0.9.2. Modules are dropped at the start of one."""
    first = re.match(r"0*[1-9]\d*|0+\.\d+", found)
    return first[0] if first else found


def distribution_of(imported: str) -> str:
    """The likely name of the distribution for a dotted import."""
    parts = imported.split(".")
    for length in range(len(parts), 0, -1):
        known = _DISTRIBUTIONS.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0] == "google" and len(parts) > 1:
        return "-".join(parts[:3]).replace("_", "-")
    return parts[0].replace("_", "-")


def requirements_hint(names: Sequence[str]) -> str:
    """What to write into ``sources.yml`` so that these requirements are installed."""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"add to the source: container: {{requirements: [{quoted}]}}"
