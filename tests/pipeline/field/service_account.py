"""A Google service account, once as the text of its JSON file and once as a table of fields."""

import hashlib

import dlt
from dlt.sources.credentials import GcpServiceAccountCredentials


@dlt.resource(write_disposition="replace")
def _sheet(name: str, credentials: GcpServiceAccountCredentials):
    info = dict(credentials)
    key = hashlib.sha256(info["private_key"].encode()).hexdigest()
    yield {"sheet": name, "project": info["project_id"], "mail": info["client_email"], "key": key}


@dlt.source
def load(
    run: int,
    credentials: GcpServiceAccountCredentials = dlt.secrets.value,
    other: GcpServiceAccountCredentials = dlt.secrets.value,
):
    yield _sheet(f"a{run}", credentials).with_name("text")
    yield _sheet(f"b{run}", other).with_name("fields")
