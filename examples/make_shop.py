"""Makes the SQLite file that the source `shop` reads: customers, products, orders and their lines.

    python3 examples/make_shop.py [--orders 2000] [FILE]

The same arguments make the same rows. With more orders than before, the later ones are new and the
earlier ones the same, so that a second sync has something to merge.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

SCHEMA = """
create table customers (
  id integer primary key, name text not null, country text not null, since date not null);
create table products (id integer primary key, title text not null, price decimal(10, 2) not null);
create table orders (
  id integer primary key, customer_id integer not null references customers (id),
  ordered_at timestamp not null, status text not null);
create table order_lines (
  order_id integer not null references orders (id), line integer not null,
  product_id integer not null references products (id), quantity integer not null,
  primary key (order_id, line));
"""
FIRST = "Ada Bela Cem Dina Emil Fay Gil Hana Ines Jon Kim Lea Max Nia Otto Pia".split()
LAST = "Adler Brandt Costa Diaz Ekman Fischer Gruber Horn Ito Jansen Klein Lopez".split()
GOODS = "lamp desk chair shelf mug plate bowl rug clock mirror basket vase".split()
COLOURS = "red blue green black white oak walnut brass".split()
COUNTRIES = "DE AT CH FR ES IT NL PL".split()
START = datetime(2024, 1, 1, 8)


def make(file: Path, orders: int) -> None:
    """Write the database anew; a reader sees the old file or the whole new one."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    dice = random.Random(20240101)
    connection = sqlite3.connect(draft)
    with connection:
        connection.executescript(SCHEMA)
        for number in range(1, 201):
            name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
            since = (START - timedelta(days=dice.randrange(900))).date().isoformat()
            connection.execute(
                "insert into customers values (?, ?, ?, ?)", (number, name, dice.choice(COUNTRIES), since)
            )
        titles = [f"{colour} {thing}" for colour in COLOURS for thing in GOODS]
        for number, title in enumerate(titles, 1):
            connection.execute(
                "insert into products values (?, ?, ?)", (number, title, dice.randrange(500, 30000) / 100)
            )
        for number in range(1, orders + 1):
            # a generator of its own: order 17 is the same, however many there are
            own = random.Random(number)
            at = START + timedelta(minutes=number * 37 + own.randrange(30))
            status = own.choices(["paid", "shipped", "returned"], [2, 7, 1])[0]
            connection.execute(
                "insert into orders values (?, ?, ?, ?)",
                (number, own.randrange(1, 201), at.isoformat(" "), status),
            )
            for line in range(1, own.randrange(1, 5)):
                row = (number, line, own.randrange(1, len(titles) + 1), own.randrange(1, 6))
                connection.execute("insert into order_lines values (?, ?, ?, ?)", row)
    connection.close()
    draft.replace(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=Path(__file__).with_name("shop.db"))
    parser.add_argument("--orders", type=int, default=2000)
    arguments = parser.parse_args()
    make(arguments.file, arguments.orders)
    print(f"{arguments.file}: {arguments.orders} orders")
