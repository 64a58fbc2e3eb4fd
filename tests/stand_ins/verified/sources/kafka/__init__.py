"""A module with the interface of dlt's verified source for Kafka, for tests where that can't be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Optional, Union

import dlt
from confluent_kafka import Consumer, TopicPartition
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import CredentialsConfiguration
from dlt.common.typing import TSecretValue


@configspec
class KafkaCredentials(CredentialsConfiguration):
    bootstrap_servers: str = dlt.config.value
    group_id: str = dlt.config.value
    security_protocol: str = dlt.config.value
    sasl_mechanisms: Optional[str] = dlt.config.value
    sasl_username: Optional[str] = dlt.config.value
    sasl_password: Optional[TSecretValue] = dlt.secrets.value


@dlt.resource(name="kafka_messages", table_name=lambda row: row["_kafka"]["topic"], standalone=True)
def kafka_consumer(
    topics: Union[str, list[str]],
    credentials: KafkaCredentials = dlt.secrets.value,
    batch_size: Optional[int] = 3000,
    batch_timeout: Optional[int] = 3,
) -> Iterator[list[dict[str, Any]]]:
    """The messages since the last run, up to those that are there when it begins; a table for each topic."""
    names = ("bootstrap_servers", "group_id", "security_protocol")
    settings = {name.replace("_", "."): getattr(credentials, name) for name in names}
    with closing(Consumer(settings)) as consumer:
        state = dlt.current.resource_state().setdefault("offsets", {})
        known = consumer.list_topics(timeout=30).topics
        ends: dict[str, int] = {}
        places = []
        for topic in [topics] if isinstance(topics, str) else topics:
            for number in known[topic].partitions:
                place = TopicPartition(topic, number, state.get(f"{topic}/{number}", 0))
                ends[f"{topic}/{number}"] = consumer.get_watermark_offsets(place)[1]
                places.append(place)
        consumer.assign(places)
        while any(state.get(place, 0) < end for place, end in ends.items()):
            messages = consumer.consume(batch_size, timeout=batch_timeout)
            if not messages:
                return
            rows = []
            for message in messages:
                place = f"{message.topic()}/{message.partition()}"
                if message.error() or message.offset() >= ends[place]:
                    continue
                state[place] = message.offset() + 1
                about = {
                    "topic": message.topic(),
                    "partition": message.partition(),
                    "offset": message.offset(),
                }
                rows.append({"_kafka": {**about, "data": message.value().decode()}, "_kafka_msg_id": place})
            yield rows
