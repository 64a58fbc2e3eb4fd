"""Sources in pods, loading into a Postgres."""

from __future__ import annotations

from launcher.runs.history import OK
from tests.kubernetes.cluster import TOKEN, Cluster


def test_a_source_loads_its_rows_and_then_only_what_is_new(cluster: Cluster) -> None:
    name = cluster.source("numbers", "numbers", kwargs={"last": 10})
    first = cluster.run(name)
    assert (first.status, first.message, dict(first.rows)) == (OK, "", {"numbers": 10})
    second = cluster.run(name, set={"last": 15})
    assert (second.status, dict(second.rows)) == (OK, {"numbers": 5})
    assert cluster.postgres.count(cluster.table(name, "numbers")) == 15
    assert "numbers from 10 to 14" in cluster.heard.lines


def test_a_pod_is_walled_in_and_its_secrets_are_files_in_memory(cluster: Cluster) -> None:
    name = cluster.source("walls", "walls")
    record = cluster.run(name)
    assert record.status == OK, record.message
    columns = (
        "uid, capabilities, no_new_privileges, seccomp, writable, account_token, token_length, "
        "token_in_environment, filesystem_of_secrets"
    )
    [row] = cluster.postgres.rows(f"select {columns} from {cluster.table(name, 'walls')}")
    assert row == [
        "65532", "0000000000000000", "1", "2", "/state,/tmp", "f", str(len(TOKEN)), "f", "tmpfs",
    ]  # fmt: skip
    assert TOKEN not in "".join(cluster.heard.lines)
    assert any("the token is" in line for line in cluster.heard.lines)
