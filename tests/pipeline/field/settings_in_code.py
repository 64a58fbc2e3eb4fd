"""Code that writes settings itself, brings a provider of its own, and runs an event loop of its own."""

import asyncio

import dlt
from dlt.common.configuration.providers import CustomLoaderDocProvider

dlt.config["sources.settings_in_code.page"] = 7
dlt.secrets["sources.settings_in_code.token"] = "written"
dlt.config.register_provider(
    CustomLoaderDocProvider(
        "vault", lambda: {"sources": {"settings_in_code": {"region": "eu"}}}, supports_secrets=True
    )
)


async def _answer(n: int) -> int:
    await asyncio.sleep(0)
    return n * 2


@dlt.resource(write_disposition="replace")
def load(
    run: int, token: str = dlt.secrets.value, page: int = dlt.config.value, region: str = dlt.config.value
):
    yield {"token": token, "page": page, "region": region, "answer": asyncio.run(_answer(run))}
