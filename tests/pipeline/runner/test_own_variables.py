"""What dlt takes for configuration, and what is the process's own."""

from __future__ import annotations

from tests.pipeline.runner.box import Box

ORDERS = """
    import dlt

    @dlt.resource
    def orders(
        user: str = dlt.secrets.value, home: str = "nowhere", path: str = "/a/place", region: str = "none"
    ):
        yield [{"text": " ".join([user, home, path, region])}]
"""
SECRETS = """
    [sources.shop.orders]
    user = "somebody-real"
"""


def test_arguments_called_as_the_processs_variables_are_keep_their_own_values(box: Box) -> None:
    box.write("shop.py", ORDERS)
    box.run(SECRETS)
    assert box.rows("SELECT text FROM raw_shop.orders") == [("somebody-real nowhere /a/place none",)]


def test_a_variable_that_the_entry_sets_is_configuration(box: Box) -> None:
    box.write("shop.py", ORDERS)
    box.run(SECRETS, env={"REGION": "eu", "SOURCES__SHOP__HOME": "sweet"})
    assert box.rows("SELECT text FROM raw_shop.orders") == [("somebody-real sweet /a/place eu",)]
