"""Makes the plan of one job from what was gathered. Pure: dry run, renderers and engines share it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from launcher.config.forms import split_egress, split_mount
from launcher.config.rules import mount_source
from launcher.config.toml_files import tomllib
from launcher.config.units import parse_duration, parse_size
from launcher.errors import ConfigurationError
from launcher.host.user import JobUser
from launcher.images.tags import LABEL_MANAGED
from launcher.plan import hardening
from launcher.plan.egress import destination_entries
from launcher.plan.values import ContainerSpec, Host, JobPlan, Mount, Tmpfs
from launcher.secrets import destinations
from launcher.secrets.slices import Slice
from runner.contract import (
    CONFIG_FILE,
    CUSTOM_SOURCES_DIR,
    DATA_DIR,
    ENV_REFERENCE,
    RUNNER_DIR,
    RUNNER_PACKAGE,
    SECRETS_DIR,
    SECRETS_FILE,
    STATE_DIR,
    VALUES_FILE,
    JobSpec,
)

if TYPE_CHECKING:
    from launcher.config.dlt_words import SchemaContract, WriteDisposition
    from launcher.config.models import Project, Source
    from launcher.images.tags import Image
    from launcher.plan.options import SyncOptions
    from launcher.plan.values import EngineFacts
    from launcher.secrets.gather import Part

LABEL_PROJECT = "dltpod.project"
LABEL_SOURCE = "dltpod.source"
LABEL_RUN = "dltpod.run"
LABEL_LAUNCHER = "dltpod.launcher"
CA_BUNDLE_TARGET = "/etc/dltpod/ca.crt"
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
COMMAND = ("/opt/venv/bin/python", "-S", "-m", RUNNER_PACKAGE)
"""-S: the first process runs no ``.pth`` file of an installed package; the worker does."""
SECRETS_BYTES = 8 << 20
_NOTHING = 4096
"""Bytes of an empty folder in memory that hides another source's: the least is a page."""
STOP_GRACE = 20.0
"""Seconds between asking a job to stop and killing it: dlt finishes the load jobs it has begun."""


def container_name(project: str, source: str, action: str = "sync") -> str:
    """The one name of a source's container: whoever holds it, holds the source.

    A deep check has a name of its own, for it touches no state.
    """
    return f"dltpod-{project}-{source}" + ("" if action == "sync" else f"-{action}")


def plan_job(
    project: Project,
    source: Source,
    *,
    image: Image,
    part: Part,
    options: SyncOptions,
    user: JobUser,
    facts: EngineFacts,
    host: Host,
    run_id: str,
    token: str,
) -> JobPlan:
    """One run of one source, from everything that was gathered. Pure.

    Raises ConfigurationError where the container as asked for can't be walled in, or where the
    engine can't do what the source asks for.
    """
    native, container = source.dlt_native, source.container
    slice, destination = part.slice, part.destination
    memory = parse_size(container.memory)
    egress = _egress(project, source, part)
    # With a list, a proxy would lead anywhere, and can't be reached unless it is listed.
    given = {} if egress else dict(host.proxies)
    if host.ca_bundle is not None:
        given |= dict.fromkeys(CA_VARIABLES, CA_BUNDLE_TARGET)
    # What the source says itself wins over the host, in either spelling of a proxy's name.
    said = {name.upper() for name in container.env}
    given = {name: text for name, text in given.items() if name.upper() not in said}
    secret_proxies = {name: url for name, url in given.items() if "@" in url}
    # The value of a reference may be a secret: the runner takes it from the slice.
    environment = {name: text for name, text in container.env.items() if not text.startswith(ENV_REFERENCE)}
    environment |= {name: text for name, text in given.items() if name not in secret_proxies}
    job = JobSpec(
        run_id=run_id,
        token=token,
        project=project.name,
        source=source.name,
        module=native.source_module,
        function=native.source_function,
        destination=destination,
        pipeline_name=source.pipeline_name,
        dataset_name=source.dataset_name,
        action=options.action,
        kwargs=dict(part.kwargs),
        resource_kwargs=dict(part.resource_kwargs),
        overrides=tuple(options.set),
        resources=options.resources or native.resources,
        write_disposition=_dlts(native.write_disposition),
        schema_contract=_dlts(native.schema_contract),
        loader_file_format=native.loader_file_format,
        full_refresh=options.full_refresh,
        fast=native.fast,
        limit=options.limit,
        interval=options.interval,
        again=options.again,
        env={
            **container.env,
            **environment,
            **{name: ENV_REFERENCE + _proxy_value(name) for name in secret_proxies},
        },
        native_sections=slice.sections,
        secret_names=slice.names,
    )
    # A deep check has a folder of its own, for its result.
    state = project.private / ("state" if options.action == "sync" else options.action) / source.name
    mounts = [Mount(state, STATE_DIR, read_only=False)]
    folder = destinations.folder_of(destination)
    if folder is not None:
        mounts.append(Mount(project.data / folder.relative_to(DATA_DIR), str(folder), read_only=False))
    if host.custom_sources is not None:
        mounts.append(Mount(host.custom_sources, CUSTOM_SOURCES_DIR))
    if host.passwd is not None:
        mounts.append(Mount(host.passwd, "/etc/passwd"))
    if egress and host.resolver is not None:
        mounts.append(Mount(host.resolver, "/etc/resolv.conf"))
    if host.ca_bundle is not None:
        mounts.append(Mount(host.ca_bundle, CA_BUNDLE_TARGET))
    for text in container.mounts:
        _, target, read_only = split_mount(text)
        mounts.append(Mount(mount_source(project.root, text), target, read_only))
    spec = ContainerSpec(
        name=container_name(project.name, source.name, options.action),
        image=image.reference,
        command=COMMAND,
        user=user,
        environment=environment,
        mounts=tuple(mounts),
        tmpfs=(
            Tmpfs("/tmp", size=max(memory // 2, 64 << 20), mode=0o1777),
            Tmpfs(SECRETS_DIR, size=SECRETS_BYTES),
            *_hidden(folder, host.data_folders),
        ),
        labels={
            LABEL_MANAGED: "1",
            LABEL_PROJECT: project.name,
            LABEL_SOURCE: source.name,
            LABEL_RUN: run_id,
            LABEL_LAUNCHER: host.launcher,
        },
        working_dir=RUNNER_DIR,
        network=container.network,
        extra_hosts={"host.docker.internal": "host-gateway"} if container.network != "none" else {},
        egress=egress,
        gateway=image.gateway,
        base=image.environment.base_image,
        memory=memory,
        cpus=container.cpus,
        stop_grace=STOP_GRACE,
    )
    hardening.check(spec, rootless=facts.rootless)
    if secret_proxies:
        values = json.loads(slice.files.get(VALUES_FILE, "{}"))
        values |= {_proxy_value(name): url for name, url in secret_proxies.items()}
        slice = replace(slice, files={**slice.files, VALUES_FILE: json.dumps(values)})
    timeout = options.timeout
    if timeout is None and container.timeout is not None:
        timeout = parse_duration(container.timeout)
    return JobPlan(
        job=job,
        slice=slice,
        container=spec,
        state_dir=state,
        log_file=project.private / "logs" / source.name / f"{run_id}.log",
        image=image,
        timeout=timeout,
        retries=container.retries if options.action == "sync" else 0,
        kubernetes=source.kubernetes,
        schedule=source.schedule,
        enabled=source.enabled,
    )


def _hidden(folder: PurePosixPath | None, others: Collection[PurePosixPath]) -> Iterator[Tmpfs]:
    """Empty folders that hide other sources' destinations within this one's."""
    below = {other for other in others if folder is not None and folder in other.parents}
    for other in sorted(below):
        if below.isdisjoint(other.parents):
            yield Tmpfs(str(other), size=_NOTHING, mode=0o555)


def within_data(target: str) -> bool:
    """Whether a mount's target is ``/data`` or lies in it."""
    return target == DATA_DIR or target.startswith(f"{DATA_DIR}/")


def read_only_plan(plan: JobPlan) -> JobPlan:
    """The plan of a container that only looks at what a source has loaded.

    It has none of the source's code, state, arguments and secrets, but for what opens a destination in the
    network; files can't be written, and where they are all that is looked at there is no network. SQLite
    alone reads no database whose folder it can't write to; no code of anybody's runs there.
    """
    job, spec = plan.job, plan.container
    kind = job.destination.kind
    offline = job.destination.file is not None and kind != "ducklake"

    def counts(name: str, text: str) -> bool:
        own = text == ENV_REFERENCE + _proxy_value(name) or name.startswith("DESTINATION__")
        return not text.startswith(ENV_REFERENCE) or (own and not offline)

    env = {name: text for name, text in job.env.items() if counts(name, text)}
    asked = {text.removeprefix(ENV_REFERENCE) for text in env.values() if text.startswith(ENV_REFERENCE)}
    files = {}
    for name in (SECRETS_FILE, CONFIG_FILE):
        text = _of_destination(plan.slice.files.get(name, ""), job.pipeline_name)
        # A DuckDB file's place stands in the job, and nothing else is needed to read it.
        if text and kind != "duckdb":
            files[name] = text
    values = json.loads(plan.slice.files.get(VALUES_FILE, "{}"))
    if asked:
        files[VALUES_FILE] = json.dumps({name: values[name] for name in sorted(asked & set(values))})
    kept = ("/etc/passwd", "/etc/resolv.conf", CA_BUNDLE_TARGET)
    container = replace(
        spec,
        mounts=tuple(
            replace(mount, read_only=kind != "sqlalchemy" or not within_data(mount.target))
            for mount in spec.mounts
            if within_data(mount.target) or mount.target in kept
        ),
    )
    if offline:
        container = replace(container, network="none", extra_hosts={}, egress=(), gateway="")
    return replace(
        plan,
        job=replace(
            job, env=env, kwargs={}, resource_kwargs={}, overrides=(), native_sections=(), secret_names=()
        ),
        slice=Slice(files),
        container=container,
    )


def _of_destination(text: str, pipeline: str) -> str:
    """Of a TOML file the tables of the destination alone: those of the pipeline, and those of all."""
    import tomli_w

    table = tomllib.loads(text)
    own = table.get(pipeline)
    found = {name: table[name] for name in ("destination",) if name in table}
    if isinstance(own, dict) and "destination" in own:
        found[pipeline] = {"destination": own["destination"]}
    return tomli_w.dumps(found) if found else ""


def _dlts(value: WriteDisposition | SchemaContract | str | None) -> Any:
    """What dlt itself takes: a word, or a mapping."""
    return value if value is None or isinstance(value, str) else value.mapping


def _egress(project: Project, source: Source, part: Part) -> tuple[str, ...]:
    """What the source may reach: what it lists and its destination; empty for everything.

    Raises ConfigurationError where the destination's settings have no host and port that can be listed.
    """
    listed = source.container.egress
    if not listed or part.destination.file is not None:
        return listed
    tables = [tomllib.loads(part.slice.files.get(name, "")) for name in (SECRETS_FILE, CONFIG_FILE)]
    found = destinations.settings(project, source, *tables)
    entries = destination_entries(found.type, found.table)
    for entry in entries:
        try:
            split_egress(entry)
        except ValueError as error:
            raise ConfigurationError(
                f"{source.name}: egress '{entry}' {error}",
                f"correct host and port in [destination.{source.destination}] of .dlt/secrets.toml",
            ) from None
    return (*listed, *entries)


def _proxy_value(name: str) -> str:
    return f"DLTPOD_{name}"
