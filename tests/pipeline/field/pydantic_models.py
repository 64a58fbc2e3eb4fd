"""Pydantic models as columns and as rows: nested, optional, enums, unions, lists, aliases."""

import datetime
import decimal
import enum
import typing
import uuid

import dlt
from dlt.common.libs.pydantic import DltConfig
from pydantic import BaseModel, Field


class Level(str, enum.Enum):
    LOW = "low"
    HIGH = "high"


class Address(BaseModel):
    street: str
    number: int | None = None


class User(BaseModel):
    dlt_config: typing.ClassVar[DltConfig] = {"skip_nested_types": True}

    id: int
    key: uuid.UUID
    level: Level = Level.LOW
    balance: decimal.Decimal
    born: datetime.date
    seen: datetime.datetime
    address: Address
    others: list[Address] = []
    score: float | None = None
    extra: dict[str, typing.Any] = Field(default_factory=dict)


def _user(number: int, run: int) -> User:
    return User(
        id=number,
        key=uuid.UUID(int=number),
        level=Level.HIGH if number % 2 else Level.LOW,
        balance=decimal.Decimal("10.25") * run,
        born=datetime.date(2000, 1, number),
        seen=datetime.datetime(2026, 1, run, 12, 30, tzinfo=datetime.timezone.utc),
        address=Address(street="Main", number=number),
        others=[Address(street="Side")] * (number % 3),
        score=number if number % 2 else number / 4,
        extra={"run": run, "list": [1, 2]},
    )


@dlt.source
def load(run: int):
    @dlt.resource(columns=User, primary_key="id", write_disposition="merge")
    def users():
        yield from (_user(number, run) for number in range(run, run + 4))

    @dlt.transformer(data_from=users)
    def streets(item):
        for user in item if isinstance(item, list) else [item]:
            user = user if isinstance(user, User) else User.model_validate(user)
            yield user.address.model_dump() | {"user_id": user.id}

    @dlt.resource(name="bare")
    def bare():
        yield [_user(number, run) for number in (1, 2)]

    return users, streets, bare
