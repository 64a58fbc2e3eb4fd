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


FORGETFUL = """
    import os
    import dlt

    @dlt.resource
    def orders():
        for name in list(os.environ):
            if "__" in name:
                del os.environ[name]
        yield [{"id": 1}]
"""


def test_a_source_may_remove_variables_that_the_runner_has_set(box: Box) -> None:
    box.write("shop.py", FORGETFUL)
    assert box.run(SECRETS).code == 0
    assert box.rows("SELECT id FROM raw_shop.orders") == [(1,)]
