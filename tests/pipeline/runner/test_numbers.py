"""Numbers with more digits than their column holds arrive, rounded."""

from __future__ import annotations

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
