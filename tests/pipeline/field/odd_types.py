"""Types that JSON has no word for: bytes, UUIDs, enums, dataclasses, zones, NaN, very large numbers."""

import dataclasses
import datetime
import decimal
import enum
import uuid
import zoneinfo

import dlt
import pendulum


class Colour(enum.Enum):
    RED = 1


class Name(str, enum.Enum):
    A = "a"


class Whole(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    y: decimal.Decimal


def _row(run: int):
    summer = datetime.datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    return {
        "id": run,
        "bytes": b"\x00\xff\xfe binary",
        "uuid": uuid.UUID(int=run),
        "decimal": decimal.Decimal("12345678901234567890.123456789"),
        "small": decimal.Decimal("0.000000001"),
        "large": 2**62,
        "float": 1e308,
        "nan": float("nan"),
        "infinite": float("-inf"),
        "date": datetime.date(1, 1, 1),
        "time": datetime.time(23, 59, 59, 999999),
        "naive": datetime.datetime(1999, 12, 31, 23, 59, 59),
        "aware": summer,
        "offset": datetime.datetime(
            2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=45))
        ),
        "pendulum": pendulum.datetime(2026, 1, 1, tz="Asia/Tokyo"),
        "enum": Name.A,
        "whole": Whole.ONE,
        "point": {"of": dataclasses.asdict(Point(1, decimal.Decimal("2.5")))},
        "set": sorted({3, 1, 2}),
        "tuple": (1, "two", None),
        "text": "nul-less \u2028 ’ 🦆 \t\n\\ '\"",
        "empty": "",
        "nothing": {},
        "none": [],
        "iso": "2026-01-01T00:00:00.123Z",
        "digits": "007",
        "json": {"a": [1, {"b": [uuid.UUID(int=1), decimal.Decimal("1.5"), datetime.date(2026, 1, 1)]}]},
    }


@dlt.source
def load(run: int):
    @dlt.resource(columns={"json": {"data_type": "json"}, "naive": {"timezone": False}})
    def rows():
        yield _row(run)

    @dlt.resource(columns={"wei": {"data_type": "wei"}, "time": {"data_type": "time", "precision": 3}})
    def hinted():
        yield [{"wei": decimal.Decimal(2**100 * run), "time": "12:30:00.5", "colour": Colour.RED.name}]

    return rows, hinted
