"""Numbers with more digits than their column holds arrive, rounded."""

from __future__ import annotations

import psycopg2
import pytest

from runner import contract
from tests.pipeline import postgres
from tests.pipeline.runner.box import Box

CODE = """
from decimal import Decimal
import dlt

@dlt.resource
def orders():
    for row in range(1, 4):
        yield {"id": row, "price": Decimal("1.12345678950123") * row, "whole": Decimal(row), "none": None}

@dlt.resource(name="orders", columns={"price": {"data_type": "decimal", "precision": 38, "scale": 20}})
def exact():
    yield {"id": 1, "price": Decimal("1.12345678950123")}
"""


def test_a_number_with_more_digits_than_its_column_is_rounded_and_told_once(box: Box) -> None:
    box.write("shop.py", CODE)
    ran = box.run()
    assert ran.stored.failure is None, ran.log
    assert ran.stored.rows == {"orders": 3}
    found = [str(price) for (price,) in box.rows("SELECT price FROM raw_shop.orders ORDER BY id")]
    assert found == ["1.123456790", "2.246913579", "3.370370369"]
    (note,) = ran.stored.notes
    assert note.startswith("column price: rounded to 9 digits")


def test_a_column_with_the_scale_that_its_numbers_have_keeps_them(box: Box) -> None:
    box.write("shop.py", CODE)
    ran = box.run(function="exact")
    assert ran.stored.notes == ()
    assert [str(row[0]) for row in box.rows("SELECT price FROM raw_shop.orders")] == [
        "1.12345678950123000000"
    ]


TABLES = """
import dlt
import pyarrow as pa
from decimal import Decimal as D

def table(kind, *numbers):
    prices = pa.array([D(number) for number in numbers], kind)
    return pa.table({"id": list(range(len(numbers))), "price": prices})

@dlt.resource
def orders():
    for _ in range(2):
        yield table(pa.decimal256(50, 20), "1.12345678901234567890", "123456789012345678901234567890.5")

@dlt.resource(name="orders", columns={"price": {"data_type": "decimal", "precision": 10, "scale": 2}})
def declared():
    yield table(pa.decimal128(12, 4), "1.1250", "2.5")

@dlt.resource(name="orders")
def fitting():
    yield table(pa.decimal128(38, 20), "1.12345678901234567890")
"""


@pytest.mark.parametrize(
    ("function", "note", "prices"),
    [
        (
            "orders",
            "8 digits after the point; the destination holds 38 digits in a number",
            ["1.12345679", "123456789012345678901234567890.50000000"] * 2,
        ),
        ("declared", "2 digits after the point; give the column a scale", ["1.13", "2.50"]),
        ("fitting", "", ["1.12345678901234567890"]),
    ],
)
def test_numbers_of_an_arrow_table_arrive_and_what_was_rounded_is_told_once(
    box: Box, function: str, note: str, prices: list[str]
) -> None:
    box.write("shop.py", TABLES)
    ran = box.run(function=function)
    assert ran.stored.failure is None, ran.log
    assert sorted(str(row[0]) for row in box.rows("SELECT price FROM raw_shop.orders")) == sorted(prices)
    assert len(ran.stored.notes) == bool(note)
    assert all(f"column price: rounded to {note}" in told for told in ran.stored.notes)


def test_a_destination_that_is_named_by_its_module_has_the_same_limit(box: Box) -> None:
    box.write("shop.py", TABLES)
    there = contract.Destination(
        "dlt.destinations.duckdb", file=str(box.database), lock=f"{box.database}.lock"
    )
    ran = box.run(function="orders", destination=there)
    assert ran.stored.failure is None, ran.log
    assert "holds 38 digits" in ran.stored.notes[0]


@pytest.mark.parametrize("backend", ["sqlalchemy", "pyarrow"])
def test_numerics_of_a_database_arrive_by_any_backend(box: Box, backend: str) -> None:
    with postgres.server() as address, psycopg2.connect(address) as connection:
        connection.cursor().execute(
            "CREATE TABLE orders (id int, bare numeric, wide numeric(50, 20));"
            "INSERT INTO orders VALUES (1, 1.12345678901234567890, 1.12345678901234567890)"
        )
        connection.commit()
        kwargs = {"credentials": address, "table": "orders", "backend": backend}
        ran = box.run(module="sql_database", function="sql_table", kwargs=kwargs)
    assert ran.stored.failure is None, ran.log
    (row,) = box.rows("SELECT bare, wide FROM raw_shop.orders")
    assert [str(number) for number in row] == ["1.123456789", "1.12345679"]
    assert sorted(note.partition(":")[0] for note in ran.stored.notes) == ["column bare", "column wide"]
