"""Secrets and settings that the code reads by their place, at the module's top and in the run."""

import dlt

TOKEN = dlt.secrets["sources.secrets_read_directly.token"]
TABLES = dlt.config.get("sources.secrets_read_directly.tables", list)


@dlt.resource(write_disposition="replace")
def load(run: int):
    account = dlt.secrets.get("my_accounts.eu.password") or "none"
    number = dlt.secrets.get("sources.secrets_read_directly.number", int)
    for table in TABLES:
        yield {"table": table, "token": len(TOKEN), "account": len(account), "number": number, "run": run}
