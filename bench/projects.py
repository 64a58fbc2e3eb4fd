"""``python -m bench.projects FOLDER N``: a project of N sources of several kinds, with secrets for them.

Nothing of it can be synced: it is for what dltpod says of sources, not for what they load.
"""

from __future__ import annotations

import sys
from pathlib import Path

MODULES = 40
"""Files of ``custom_sources/``, which the sources share."""
_CODE = '''\
"""Orders of one shop."""
import dlt

__source_name__ = "shop_{number}"


@dlt.source(section="shops_{number}")
def orders(api_key: str = dlt.secrets.value, region: str = "eu", pages: int = 1):
    @dlt.resource(name="orders", primary_key="id")
    def rows(since=dlt.sources.incremental("day", initial_value="2026-01-01")):
        yield [{{"id": number, "region": region}} for number in range(pages)]

    return rows
'''


def write(root: Path, sources: int) -> Path:
    """Write the project into ``root`` and return its ``sources.yml``."""
    code = root / "custom_sources"
    code.mkdir(parents=True)
    for number in range(MODULES):
        (code / f"shop_{number}.py").write_text(_CODE.format(number=number))
    kinds = (_custom, _rest_api, _sql_database, _filesystem)
    made = [kinds[number % len(kinds)](number) for number in range(sources)]
    head = (
        "version: 1\nproject: many\nregistry: registry.example.com/many\n"
        f"dltpod: git+https://github.com/OWNER/dltpod@{'0' * 40}\n"
        "defaults: {destination: duckdb}\nsources:\n"
    )
    (root / "sources.yml").write_text(head + "".join(entry for entry, _ in made))
    (root / ".dlt").mkdir()
    secrets = root / ".dlt" / "secrets.toml"
    warehouse = 'credentials = "postgresql://loader:correct-horse@warehouse.example.com/raw"\n'
    secrets.write_text(f"[destination.postgres]\n{warehouse}" + "".join(secret for _, secret in made))
    secrets.chmod(0o600)
    (root / ".env").write_text("".join(f"SHARED_TOKEN_{n}=token-number-{n:04d}\n" for n in range(20)))
    (root / ".env").chmod(0o600)
    return root / "sources.yml"


def _entry(number: int, kind: str, more: str, **native: str) -> str:
    keys = "".join(f"      {key}: {text}\n" for key, text in native.items())
    return (
        f"  - name: {kind}_{number}\n    type: dlt_native\n"
        f'    description: "The {kind} of team {number % 97}"\n'
        f"    tags: [team_{number % 97}]\n{more}    dlt_native:\n{keys}"
    )


def _custom(number: int) -> tuple[str, str]:
    entry = _entry(
        number,
        "shop",
        "    destination: postgres\n"
        f'    schedule: "{number % 60} * * * *"\n'
        "    container: {requirements: ['stripe<16'], memory: 1g, timeout: 30m}\n",
        source_module=f"shop_{number % MODULES}",
        source_function="orders",
        function_kwargs=f"{{region: eu-{number}, pages: 3}}",
    )
    return entry, f'[sources.shop_{number}]\napi_key = "key-of-shop-{number:05d}"\n'


def _rest_api(number: int) -> tuple[str, str]:
    config = f"""
        config:
          client:
            base_url: "https://api-{number}.example.com/v1/"
            auth: {{type: bearer, token: "env:SHARED_TOKEN_{number % 20}"}}
          resource_defaults: {{primary_key: id, write_disposition: merge}}
          resources: [customers, {{name: orders, endpoint: {{path: orders, params: {{limit: 100}}}}}}]"""
    return _entry(
        number,
        "api",
        "    destination: postgres\n",
        source_module="rest_api",
        source_function="rest_api_source",
        function_kwargs=config,
    ), ""


def _sql_database(number: int) -> tuple[str, str]:
    entry = _entry(
        number,
        "erp",
        "    destination: postgres\n    container: {memory: 4g, cpus: 2, env: {TZ: UTC}}\n",
        source_module="sql_database",
        source_function="sql_database",
        resources="[orders, lines, customers]",
        write_disposition="merge",
    )
    address = f"postgresql://reader:battery-staple-{number}@erp-{number}.example.com:5432/erp"
    return entry, f'[sources.erp_{number}]\ncredentials = "{address}"\n'


def _filesystem(number: int) -> tuple[str, str]:
    entry = _entry(
        number,
        "files",
        "    kubernetes: {state: {size: 2Gi}}\n",
        source_module="filesystem",
        source_function="filesystem",
        function_kwargs=f'{{bucket_url: "s3://bucket-{number}/in", file_glob: "*.csv"}}',
    )
    return entry, (
        f'[sources.files_{number}.credentials]\naws_access_key_id = "AKIAEXAMPLE{number:05d}"\n'
        f'aws_secret_access_key = "staple-horse-{number:05d}"\n'
    )


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])))
