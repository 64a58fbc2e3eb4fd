"""``check --connect``: logs in to source and destination, as far as can be told, and extracts nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path

from runner.contract import JobSpec
from runner.explain.classify import StepError
from runner.explain.wording import counted, listed, one_line
from runner.load import compat, destination
from runner.load.locks import file_lock
from runner.load.progress import Steps

SUFFIX = "_dltpod_check"
"""Ends the name of the dataset that is made at the destination and dropped again."""
_SECONDS = 20.0
_ROW = {"id": 1}
_KAFKA = ("bootstrap_servers", "security_", "sasl_", "ssl_", "client_id")


def source_of(
    job: JobSpec,
    kwargs: Mapping[str, typing.Any],
    resources: typing.Sequence[str],
    settings: typing.Sequence[Mapping[str, typing.Any]],
) -> str:
    """What answered where the source reads from; an empty text where only a run can tell.

    ``resources`` are the source's, as it was built: dlt's sql_database has read the tables for that;
    ``settings`` are what dlt found for their arguments. Raises what the client raises.
    """
    module = job.module.removeprefix("dlt.sources.").partition(".")[0]
    if module == "sql_database":
        return f"logged in, {counted(len(resources), 'table')}: {listed(list(resources))}"
    if module == "rest_api":
        config = kwargs.get("config") or kwargs
        client = config.get("client") if isinstance(config, Mapping) else None
        address = client.get("base_url") if isinstance(client, Mapping) else None
        return _answer(str(address)) if address else ""
    if module == "filesystem":
        return _files(kwargs)
    for group in settings:
        for found in (group, *group.values()):
            if isinstance(found, Mapping) and found.get("bootstrap_servers"):
                return _brokers(found)
    return ""


def _answer(address: str) -> str:
    import requests

    with requests.Session() as session:
        answer = session.head(address, timeout=_SECONDS, allow_redirects=True)
    if answer.status_code >= 500:
        answer.raise_for_status()
    return f"{one_line(address, 100)} answers, with {answer.status_code} to a request without a login"


def _files(kwargs: Mapping[str, typing.Any]) -> str:
    from dlt.sources.filesystem import filesystem

    given = {key: value for key, value in kwargs.items() if key in ("bucket_url", "credentials", "file_glob")}
    for page in filesystem(**given).add_limit(1):
        name = page.get("file_name", "") if isinstance(page, Mapping) else ""
        return f"files can be listed, {one_line(name, 60)} among them"
    return "files can be listed, and none fits file_glob"


def _brokers(found: Mapping[str, typing.Any]) -> str:
    """What Kafka's brokers tell of themselves; settings have librdkafka's names, with ``_`` for ``.``."""
    try:
        from confluent_kafka import KafkaError, KafkaException
        from confluent_kafka.admin import AdminClient
    except ImportError:
        return ""  # another client, which takes other settings
    settings = {key.replace("_", "."): found[key] for key in found if key.startswith(_KAFKA) and found[key]}
    errors: list[typing.Any] = []
    client = AdminClient({**settings, "error_cb": errors.append, "log_level": 0})
    for _ in range(int(_SECONDS / 2)):
        try:
            told = client.list_topics(timeout=2)
            topics = sorted(name for name in told.topics if not name.startswith("__"))
            there = f"{counted(len(topics), 'topic')}: {listed(topics)}" if topics else "no topics"
            return f"{counted(len(told.brokers), 'broker')}, {there}"
        except KafkaException:
            client.poll(0)
        if any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in errors):
            break
    why = next((error.str() for error in errors), f"{found['bootstrap_servers']}: no broker answers")
    raise ConnectionError(why)


def destination_of(job: JobSpec, scratch: Path) -> str:
    """Writes one row into a dataset of its own at the destination, reads it and drops the dataset.

    Raises StepError around what the destination raises.
    """
    import dlt

    job = dataclasses.replace(job, dataset_name=job.dataset_name + SUFFIX)
    try:
        with file_lock(job.destination.lock, Steps()):
            destination.check_file(job.destination)
            pipeline = dlt.pipeline(
                pipeline_name=f"{job.pipeline_name}{SUFFIX}",
                pipelines_dir=str(scratch / "connect"),
                destination=destination.build(job.destination),
                dataset_name=job.dataset_name,
            )
            try:
                pipeline.run([_ROW], table_name="connection", write_disposition="append")
            finally:
                with contextlib.suppress(Exception):  # where the login fails there is nothing to drop
                    compat.drop_dataset(pipeline)
                compat.deactivate(pipeline)
    except Exception as exc:
        raise StepError("load", exc) from exc
    shown = job.destination.shown or job.destination.type
    return f"{shown}: logged in, wrote and removed a row in dataset {job.dataset_name}"
