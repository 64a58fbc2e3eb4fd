"""A stand-in for Lazada's Open Platform: signed requests, offset paging, errors in answers of status 200."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.stand_ins.web import Answer, Request


@dataclass
class Lazada:
    """A shop. ``failures`` are what the next requests get: an error's type and its code."""

    app_key: str = "123456"
    app_secret: str = "secret-of-the-app"
    access_token: str = "token-of-the-seller"
    orders: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """What Lazada answers."""
        path = request.path.removeprefix("/rest")
        query = dict(request.query)
        wrong = self._wrong(path, query)
        if wrong is None and self.failures:
            wrong = self.failures.pop(0)
        if wrong is not None:
            kind, code = wrong
            return Answer({"code": code, "type": kind, "message": f"what {code} means", "request_id": "r1"})
        offset, limit = int(query["offset"]), int(query["limit"])
        after = datetime.fromisoformat(query["update_after"])
        if path == "/orders/get":
            rows = [row for row in self.orders if _at(row) >= after]
            rows.sort(key=_at)
            found = rows[offset : offset + limit]
            data = {"orders": found, "count": len(found), "countTotal": len(rows)}
        else:
            rows = [row for row in self.products if int(row["updated_time"]) >= after.timestamp() * 1000]
            # Lazada leaves the list out where there is nothing
            data = {"total_products": len(rows)}
            data |= {"products": rows[offset : offset + limit]} if rows[offset:] else {}
        return Answer({"code": "0", "data": data, "request_id": "r2"})

    def _wrong(self, path: str, query: dict[str, str]) -> tuple[str, str] | None:
        signature = query.pop("sign", "")
        text = path + "".join(f"{name}{query[name]}" for name in sorted(query))
        expected = hmac.new(self.app_secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
        if path not in ("/orders/get", "/products/get"):
            return "ISV", "InvalidApiPath"
        if query.get("app_key") != self.app_key:
            return "ISV", "InvalidAppKey"
        if not hmac.compare_digest(signature, expected):
            return "ISV", "IncompleteSignature"
        if abs(int(query["timestamp"]) / 1000 - time.time()) > 7200:
            return "ISV", "IllegalTimestamp"
        if query.get("access_token") != self.access_token:
            return "ISV", "IllegalAccessToken"
        if int(query["limit"]) > (100 if path == "/orders/get" else 50):
            return "ISV", "InvalidLimit"
        return None


def _at(order: dict[str, Any]) -> datetime:
    return datetime.strptime(order["updated_at"], "%Y-%m-%d %H:%M:%S %z")


def order(number: int, status: str = "pending", minute: int | None = None) -> dict[str, Any]:
    """An order as Lazada writes it; a later one with a greater number."""
    at = number if minute is None else minute
    when = f"2026-03-01 {at // 60:02}:{at % 60:02}:00 +0800"
    return {
        "order_id": 9000 + number,
        "created_at": f"2026-03-01 {number // 60:02}:{number % 60:02}:00 +0800",
        "updated_at": when,
        "statuses": [status],
        "price": f"{number}.50",
    }


def product(number: int, minute: int | None = None) -> dict[str, Any]:
    """A product with one stock keeping unit."""
    at = 1772294400000 + (number if minute is None else minute) * 60_000
    return {
        "item_id": 700 + number,
        "updated_time": str(at),
        "attributes": {"name": f"thing {number}"},
        "skus": [{"SkuId": 7000 + number, "price": number + 0.5, "quantity": number}],
    }
