"""A private key of several lines and its passphrase, as secrets: the key arrives line by line as it was written."""

import hashlib

import dlt


@dlt.source
def load(run: int, private_key: str = dlt.secrets.value, passphrase: dlt.TSecretStrValue = dlt.secrets.value):
    @dlt.resource(name="key", write_disposition="replace")
    def key():
        lines = private_key.splitlines()
        digest = hashlib.sha256((private_key + passphrase).encode()).hexdigest()
        yield {"lines": len(lines), "first": lines[0].strip("-"), "digest": digest, "run": run}

    return key
