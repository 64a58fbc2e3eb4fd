"""Several sources of one module, one under another name and section, whose secrets differ."""

import dlt


@dlt.source
def shop(run: int, token: str = dlt.secrets.value, page: int = 1):
    @dlt.resource(name="orders", write_disposition="replace")
    def orders(color: str = dlt.config.value):
        yield {"token": token, "page": page, "color": color, "run": run}

    return orders


@dlt.source(name="unused")
def other(key: str = dlt.secrets.value):
    return dlt.resource([key], name="never")


load = shop.clone(name="eu_shop", section="eu_shop")
