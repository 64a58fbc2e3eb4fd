"""A container kept open for ``show`` and ``shell``, with image, isolation, mounts and secrets of a run."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from launcher.engines.docker.network import Networks
from launcher.engines.docker.spec import create_arguments
from launcher.errors import EngineError
from launcher.host.docker_engine import Input, create, engine_errors
from launcher.host.rights import as_invoking_user
from launcher.plan.job import read_only_plan
from launcher.plan.values import JobPlan
from launcher.untrusted import answers, clean
from runner import contract
from runner.contract import RUNNER_PACKAGE

if TYPE_CHECKING:
    from docker import DockerClient

    from launcher.engines.docker.engine import DockerEngine

PYTHON = "/opt/venv/bin/python"
READY_SECONDS = 60.0
_EXECUTE = (PYTHON, "-m", f"{RUNNER_PACKAGE}.inspect.execute")
_LAST_WORDS = 4096
_READY_FILE = "dltpod-job.json"
"""What ``runner.inspect.idle`` writes to /tmp last."""
_ANSWERS = {"show": answers.inspection, "state": answers.state, "preview": answers.preview}


@contextlib.contextmanager
def idle_container(engine: DockerEngine, plan: JobPlan) -> Iterator[str]:
    """The id of the job's container, running nothing; it is gone afterwards, and when this process is killed.

    Under a name of its own it does not lock the source. The state can be read, not written: a run may be
    under way. Raises EngineError where it can't be started.
    """
    client, api, podman, spec = engine.client, engine.client.api, engine.facts().podman, plan.container
    spec = replace(
        spec,
        name=f"{spec.name}-inspect-{secrets.token_hex(3)}",
        command=(PYTHON, "-S", "-m", f"{RUNNER_PACKAGE}.inspect.idle"),
        mounts=tuple(
            replace(m, read_only=m.read_only or m.target == contract.STATE_DIR) for m in spec.mounts
        ),
    )
    with (
        engine_errors(),
        Networks(api).of(spec, plan.job.run_id, podman=podman) as network,
    ):
        body = create_arguments(spec, network=network.mode, podman=podman)
        container = create(api, body, spec.name)
        try:
            network.open(lambda line: None)
            stdin = Input(api, container)
            api.start(container)
            network.wait_closed()
            stdin.connection.sendall(contract.frame(plan.job, dict(plan.slice.files)))
            _wait(client, container)
            yield container
            stdin.close()
        finally:
            with contextlib.suppress(Exception):
                api.remove_container(container, force=True, v=True)


def _wait(client: DockerClient, container: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    probe = f"import os,sys; sys.exit(not os.path.exists('/tmp/{_READY_FILE}'))"
    while time.monotonic() < deadline:
        made = client.api.exec_create(container, [PYTHON, "-S", "-c", probe])
        client.api.exec_start(made["Id"])
        if client.api.exec_inspect(made["Id"])["ExitCode"] == 0:
            return
        if not client.api.inspect_container(container)["State"]["Running"]:
            break
        time.sleep(0.1)
    text = client.api.logs(container, tail=3).decode(errors="replace").strip()
    raise EngineError(f"the container did not become ready: {clean.words(text, 500) or 'it ended'}")


def ask(
    engine: DockerEngine, plan: JobPlan, what: str, question: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What ``runner.inspect.execute`` answers to ``show``, ``state`` or ``preview``. Raises EngineError.

    Only a preview needs the source: for the others, the container has what is looked at and nothing else.
    """
    plan = plan if what == "preview" else read_only_plan(plan)
    client = engine.client
    with idle_container(engine, plan) as container, engine_errors():
        made = client.api.exec_create(container, [*_EXECUTE, what, json.dumps(question or {})])
        out, err = bytearray(), bytearray()
        for said, complained in client.api.exec_start(made["Id"], stream=True, demux=True):
            out += said or b""
            err = (err + (complained or b""))[-_LAST_WORDS:]
            if len(out) > answers.INSPECTION_BYTES:
                raise EngineError(
                    f"{plan.job.source}: the answer is larger than {answers.INSPECTION_BYTES >> 20} MiB",
                    "ask for fewer rows",
                )
        try:
            return _ANSWERS[what](bytes(out))
        except answers.Unfit:
            last = err.decode(errors="replace").strip().splitlines()[-1:]
            raise EngineError(f"the container did not answer: {clean.words(''.join(last), 300)}") from None


def shell(engine: DockerEngine, plan: JobPlan, cli: str, command: Sequence[str], *, terminal: bool) -> int:
    """Run a command in the job's container, with this process' input and output. Returns its exit code.

    ``cli`` is the docker command. Raises EngineError where the container can't be started.
    """
    with idle_container(engine, plan) as container:
        call = [cli, "exec", "-it" if terminal else "-i", container, *_EXECUTE, "run", *command]
        with as_invoking_user():
            return subprocess.run(call, env={**os.environ}, check=False).returncode
