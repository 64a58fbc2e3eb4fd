"""Connection strings and their fields with characters that mean something in an address."""

import hashlib

import dlt
from dlt.sources.credentials import ConnectionStringCredentials


def _told(name: str, credentials: ConnectionStringCredentials):
    secret = hashlib.sha256(str(credentials.password).encode()).hexdigest()
    yield {
        "name": name,
        "host": credentials.host,
        "port": credentials.port,
        "database": credentials.database,
        "user": credentials.username,
        "password": secret,
        "query": dict(credentials.query or {}),
    }


@dlt.source
def load(
    run: int,
    text: ConnectionStringCredentials = dlt.secrets.value,
    fields: ConnectionStringCredentials = dlt.secrets.value,
    plain: str = dlt.secrets.value,
):
    for name, credentials in (("text", text), ("fields", fields)):
        yield dlt.resource(_told(name, credentials), name=name, write_disposition="replace")
    yield dlt.resource([{"plain": len(plain), "run": run}], name="plain", write_disposition="replace")
