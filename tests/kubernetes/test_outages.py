"""The API server, the node, the launcher: gone for a while, or for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.engines.kubernetes.job import Patience
from launcher.host.launchers import Launchers
from launcher.runs.history import INTERRUPTED, OK, RUNNING, History
from runner.contract import FailureKind
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.proxy import Proxy
from tests.waiting import wait_for

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(Path(os.environ["KUBECONFIG"].split(":")[0]), tmp_path)
    yield made
    made.close()


def through(cluster: Cluster, proxy: Proxy) -> dict[str, str]:
    return {**cluster.environ, "KUBECONFIG": str(proxy.kubeconfig)}


def test_the_api_server_gone_for_twenty_seconds_costs_a_run_nothing(cluster: Cluster, proxy: Proxy) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 12.0})
    running = cluster.in_background(name, environ=through(cluster, proxy))
    cluster.pod()
    proxy.down()
    time.sleep(20)
    proxy.up()
    record = running.result()
    assert record.status == OK, record.message
    assert cluster.postgres.count(cluster.table(name, "slow")) == 1
    assert [n for n in cluster.heard.notes if n.startswith("the API server does not answer")]
    assert "the API server answers again" in cluster.heard.notes


def test_a_log_that_breaks_again_and_again_loses_and_doubles_no_line(cluster: Cluster, proxy: Proxy) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 8.0, "lines": 200})
    running = cluster.in_background(name, environ=through(cluster, proxy))
    cluster.pod()
    for _ in range(6):
        time.sleep(1.0)
        proxy.cut()
    record = running.result()
    assert record.status == OK, record.message
    lines = [line for line in cluster.heard.lines if line.startswith("still here")]
    assert lines == [f"still here {number}" for number in range(len(lines))]
    [row] = cluster.postgres.rows(f"select number from {cluster.table(name, 'slow')}")
    assert len(lines) == int(row[0])


def test_the_api_server_gone_for_good_is_told_and_the_job_goes_on(cluster: Cluster, proxy: Proxy) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 30.0}, container={"retries": 0})
    running = cluster.in_background(name, environ=through(cluster, proxy), patience=Patience(server=6.0))
    cluster.pod()
    proxy.down()
    record = running.result()
    assert record.failure_kind is FailureKind.ENGINE_GONE
    assert "dltpod ps --engine kubernetes" in record.hint
    [seen] = cluster.engine().running(cluster.name)
    assert seen.run_id == record.run_id
    wait_for(lambda: not cluster.engine().running(cluster.name), text="the job ends by itself")
    assert cluster.postgres.count(cluster.table(name, "slow")) == 1
    again = cluster.run(name, set={"seconds": 0.1})
    assert again.status == OK, again.message


def test_a_launcher_that_is_killed_leaves_a_job_that_the_next_one_finds_again(cluster: Cluster) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 10.0})
    launcher = dltpod(cluster, "sync", name, "--engine", "kubernetes", "--json")
    cluster.pod()
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    private = cluster.root / ".dltpod"
    history = History(private)
    [record] = history.runs(name)
    assert record.status == RUNNING

    assert record.run_id in output(cluster, "ps", "--engine", "kubernetes")
    # The pod is there before its source has said anything.
    wait_for(lambda: "still here" in output(cluster, "logs", name, "--engine", "kubernetes"), text="its log")
    output(cluster, "runs", "--engine", "kubernetes")
    assert History(private, Launchers(private).alive).runs(name)[0].status == INTERRUPTED

    def ended() -> bool:
        output(cluster, "runs", "--engine", "kubernetes")
        return history.runs(name)[0].status == OK

    wait_for(ended, text="the run is known to have ended well")
    [record] = history.runs(name)
    assert dict(record.rows) == {"slow": 1}
    assert (record.message, record.failure_kind) == ("", None)
    assert "still here" in output(cluster, "logs", name)
    # its Job is cleared by the next command that runs something
    assert cluster.run(name, set={"seconds": 0.1}).status == OK


def test_sync_adopts_what_ended_without_its_launcher_and_runs_again(cluster: Cluster) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 4.0})
    launcher = dltpod(cluster, "sync", name, "--engine", "kubernetes")
    cluster.pod()
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    wait_for(lambda: not cluster.engine().running(cluster.name), text="the job ends by itself")
    record = cluster.run(name)
    assert record.status == OK, record.message
    assert [run.status for run in History(cluster.root / ".dltpod").runs(name)] == [OK, OK]
    assert cluster.postgres.count(cluster.table(name, "slow")) == 2


@pytest.fixture
def node() -> Iterator[Callable[[str], None]]:
    """Takes the kubelet away and brings it back, by the commands that the surroundings give."""
    commands = {which: os.environ.get(f"DLTPOD_TEST_NODE_{which.upper()}") for which in ("down", "up")}
    assert all(commands.values()), (
        "this test needs DLTPOD_TEST_NODE_DOWN and DLTPOD_TEST_NODE_UP: commands that stop and start a "
        "kubelet (`docker exec kind-control-plane systemctl stop kubelet`, say)"
    )

    def call(which: str) -> None:
        subprocess.run(["sh", "-c", str(commands[which])], check=True)

    yield call
    call("up")


def test_a_node_out_of_reach_is_told_and_waited_for(cluster: Cluster, node: Callable[[str], None]) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 90.0})
    running = cluster.in_background(name)
    cluster.pod()
    node("down")
    wait_for(
        lambda: [n for n in cluster.heard.notes if "does not answer; waiting" in n], text="it is noticed"
    )
    node("up")
    record = running.result(120)
    assert record.status == OK, record.message
    assert "the node answers again" in cluster.heard.notes


def test_a_node_that_stays_away_fails_the_run_and_keeps_the_source_locked(
    cluster: Cluster, node: Callable[[str], None]
) -> None:
    name = cluster.source("slow", "slow", kwargs={"seconds": 200.0}, container={"retries": 0})
    running = cluster.in_background(name, patience=Patience(node=5.0))
    cluster.pod()
    node("down")
    record = running.result(150)
    assert record.failure_kind is FailureKind.ENGINE_GONE
    assert "has not answered for" in record.message
    assert cluster.run(name).failure_kind is FailureKind.ALREADY_RUNNING
    node("up")
    cluster.engine().stop(cluster.name, name, grace=5.0)


def dltpod(cluster: Cluster, *arguments: str) -> subprocess.Popen[str]:
    """The command, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dltpod", *arguments],
        cwd=cluster.root,
        env={**cluster.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def output(cluster: Cluster, *arguments: str) -> str:
    """What the command says, whether it goes well or not."""
    said, _ = dltpod(cluster, *arguments).communicate(timeout=60)
    return said
