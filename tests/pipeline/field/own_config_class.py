"""Settings as classes of the source's own: nested, with defaults, a union of credentials, a value worked out."""

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration, CredentialsConfiguration


@configspec
class KeyCredentials(CredentialsConfiguration):
    api_key: dlt.TSecretStrValue = None
    region: str = "eu"

    def to_url(self) -> str:
        return f"https://{self.region}.example/?key={len(self.api_key)}"


@configspec
class UserCredentials(CredentialsConfiguration):
    user: str = None
    password: dlt.TSecretStrValue = None

    def to_url(self) -> str:
        return f"https://{self.user}@example/?password={len(self.password)}"


@configspec
class Paging(BaseConfiguration):
    size: int = 2
    fields: list[str] | None = None


@configspec
class Settings(BaseConfiguration):
    credentials: KeyCredentials | UserCredentials = None
    paging: Paging = None
    since: str = "2026"
    whole: bool = None

    def on_resolved(self) -> None:
        self.since = f"{self.since}-01-01"


@dlt.source
def load(run: int, settings: Settings = dlt.config.value, extra: Paging = dlt.config.value):
    @dlt.resource(write_disposition="replace")
    def rows(settings=settings):
        for page in range(settings.paging.size):
            yield {
                "page": page, "url": settings.credentials.to_url(), "since": settings.since, "whole": settings.whole,
                "fields": settings.paging.fields, "extra": extra.size, "run": run,
            }  # fmt: skip

    return rows
