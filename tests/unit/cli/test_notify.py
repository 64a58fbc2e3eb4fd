"""The webhook, against a server on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from launcher import config
from launcher.errors import ConfigurationError
from launcher.runs import metrics
from launcher.runs.history import History, RunRecord
from launcher.runs.webhook import ATTEMPTS, Notifier, event_for, payload, post, shaped, webhook_url
from runner.contract import FailureKind
from tests.unit.cli.hook import Hook
from tests.unit.cli.records import ILL, REFUSED, WELL


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    yield found
    found.close()


def test_a_call_is_tried_again_after_429_and_5xx(hook: Hook) -> None:
    hook.codes = [503, 429]
    pauses: list[float] = []
    assert post(hook.url, {"n": 1}, pause=pauses.append) is None
    assert hook.bodies == [{"n": 1}] * 3
    assert pauses == [1.0, 2.0]


def test_a_call_that_is_refused_is_not_tried_again(hook: Hook) -> None:
    hook.codes = [404]
    assert post(hook.url, {}, pause=lambda _: None) == "it answered 404"
    assert len(hook.bodies) == 1


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_told_as_what_it_is(hook: Hook, code: int) -> None:
    hook.codes, hook.location = [code], hook.url + "/elsewhere"
    why = post(hook.url, {"n": 1}, pause=lambda _: None)
    assert why == f"it answered {code}: a redirect, which is not followed; write the final address"
    assert hook.bodies == [{"n": 1}]


def test_what_answers_no_http_is_told_without_its_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(ATTEMPTS):
                with server.accept()[0] as connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"s3cret of another protocol\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        why = post(f"http://127.0.0.1:{server.getsockname()[1]}/x", {}, pause=lambda _: None)
        thread.join(10)
    assert why == f"it can't be reached (BadStatusLine), {ATTEMPTS} times"


def test_a_server_that_is_not_there_is_told_without_its_address(hook: Hook) -> None:
    hook.close()
    why = post(hook.url, {}, pause=lambda _: None)
    assert why == f"it can't be reached (ConnectionRefusedError), {ATTEMPTS} times"


def test_failure_and_recovery_are_told_and_nothing_else() -> None:
    assert event_for(ILL, None) == "failure"
    assert event_for(WELL, ILL) == "recovery"
    assert event_for(WELL, WELL) is None
    assert event_for(WELL, None) is None
    assert event_for(REFUSED, None) is None
    assert event_for(replace(ILL, failure_kind=FailureKind.CANCELLED), None) is None
    assert event_for(replace(ILL, limit=5), None) is None
    assert event_for(replace(ILL, action="check"), None) is None


def test_a_recovery_is_found_behind_runs_that_were_refused(hook: Hook, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.write(replace(ILL, source="shop", run_id="1", started="2026-01-01T00:00:01Z"))
    history.write(replace(REFUSED, source="shop", run_id="2", started="2026-01-01T00:00:02Z"))
    well = replace(WELL, run_id="3", started="2026-01-01T00:00:03Z")
    history.write(well)
    warnings: list[str] = []
    notifier = Notifier(hook.url, "acme", history, warnings.append)
    notifier.ended(well)
    notifier.close()
    assert warnings == []
    assert hook.bodies == [payload("acme", "recovery", well)]


def test_a_failure_is_told_where_history_is_damaged_too(hook: Hook, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.file.write_bytes(b"no database")
    notifier = Notifier(hook.url, "acme", history, lambda text: None)
    notifier.ended(ILL)
    notifier.close()
    assert hook.bodies == [payload("acme", "failure", ILL)]


def test_the_address_may_be_an_environment_variable() -> None:
    assert webhook_url("env:HOOK", {"HOOK": "https://hooks.example.com/x"}) == "https://hooks.example.com/x"
    with pytest.raises(ConfigurationError, match="uses HOOK, which is not set"):
        webhook_url("env:HOOK", {})
    with pytest.raises(ConfigurationError, match="uses HOOK, which is empty"):
        webhook_url("env:HOOK", {"HOOK": ""})
    with pytest.raises(ConfigurationError) as error:
        webhook_url("file:///etc/passwd", {})
    assert "passwd" not in error.value.message


@pytest.mark.parametrize(
    "address",
    [
        "https://user:pass-w0rd@hooks.example.com/x",
        "https://s3cret-token@hooks.example.com/x",
        "https://user:pass@w0rd@hooks.example.com/x",
        "https://user:pass/w0rd@hooks.example.com/x",
        "https://hooks.example.com:s3cret/x",
        "https://[s3cret/x",
        "https://hooks.example.com/s3 cret",
        "https:///s3cret",
    ],
)
def test_an_address_that_can_not_be_called_is_refused_before_the_run_and_not_shown(address: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        webhook_url("env:HOOK", {"HOOK": address})
    shown = error.value.message + error.value.hint
    assert shown.startswith("notify.webhook ")
    assert not [part for part in ("w0rd", "s3", "cret", "example") if part in shown]


def test_chat_systems_get_a_text_in_their_own_shape() -> None:
    body = payload("acme", "failure", replace(ILL, message="<b> & so on"))
    text = "acme: jira failed (secrets missing): <b> & so on\nwhat to do: add it to .dlt/secrets.toml"
    slack = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shaped(body, "slack") == {"text": slack}
    assert shaped(body, "discord") == {"content": text, "allowed_mentions": {"parse": []}}
    card = shaped(body, "teams")["attachments"][0]["content"]
    assert card["body"][0]["text"] == text
    assert shaped(body, "json") == body


def test_the_heartbeat_is_called_after_each_good_run_and_no_other(hook: Hook, tmp_path: Path) -> None:
    warnings: list[str] = []
    address = hook.url + "?of={source}"
    notifier = Notifier(None, "acme", History(tmp_path), warnings.append, heartbeat=address)
    for record in (WELL, ILL, replace(WELL, limit=1), replace(WELL, action="check")):
        notifier.ended(record)
    notifier.close()
    assert hook.bodies == [{"method": "GET"}]
    assert warnings == []


def test_metrics_are_a_file_with_the_last_run_and_the_last_good_one_of_each_source(
    tmp_path: Path,
) -> None:
    (tmp_path / "sources.yml").write_text(
        "project: acme\nsources:\n- {name: shop, dlt_native: {source_module: m, source_function: f}}\n"
    )
    project = config.load(tmp_path / "sources.yml")
    history = History(project.private)
    ill = replace(ILL, run_id="b", source="shop")
    for record in (WELL, ill, replace(WELL, run_id="c", started="2026-01-03T12:00:00Z", limit=1)):
        history.write(record)
    file = metrics.file_of(project, "dltpod.prom")
    metrics.Metrics(file, project, history, lambda _: None).ended(ill)
    lines = file.read_text().splitlines()
    labels = '{project="acme",source="shop"}'
    assert f"dltpod_last_run_ok{labels} 0" in lines
    assert f"dltpod_last_run_duration_seconds{labels} 1" in lines
    assert f"dltpod_last_success_timestamp_seconds{labels} 1767268807" in lines
    assert "# TYPE dltpod_last_run_ok gauge" in lines
    assert list(tmp_path.glob("*.prom*")) == [file]
    with pytest.raises(ConfigurationError):
        metrics.file_of(project, "dltpod.txt")


def test_metrics_of_many_sources_are_not_read_anew_at_each_end_and_are_whole_at_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"s{number}" for number in range(30)]
    entry = "- {{name: {}, dlt_native: {{source_module: m, source_function: f}}}}\n"
    (tmp_path / "sources.yml").write_text("sources:\n" + "".join(map(entry.format, names)))
    project = config.load(tmp_path / "sources.yml")

    class Slow(History):
        asked = 0

        def runs(self, *given: Any, **more: Any) -> tuple[RunRecord, ...]:
            self.asked += 1
            return super().runs(*given, **more)

        def seconds(self) -> float:
            """A clock on which nothing but these questions takes time."""
            return self.asked * 0.01

    history, file = Slow(project.private), tmp_path / "dltpod.prom"
    monkeypatch.setattr(metrics, "time", SimpleNamespace(monotonic=history.seconds))
    written = metrics.Metrics(file, project, history, lambda _: None)
    for name in names:
        record = replace(WELL, run_id=name, source=name)
        history.write(record)
        written.ended(record)
    written.close()
    assert history.asked < 10 * len(names)  # at each end, all of them: 30 times 30
    assert file.read_text().count("dltpod_last_run_ok{") == len(names)
