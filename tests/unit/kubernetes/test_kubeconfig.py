"""A kubeconfig that can't be used is told as one: what is wrong with it, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from launcher.engines.kubernetes.api import connect
from launcher.errors import EngineError, Exit


def kubeconfig(folder: Path, user: dict[str, Any]) -> dict[str, str]:
    """The environment of a kubeconfig with one context, whose user is this."""
    file = folder / "config"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
                "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return {"KUBECONFIG": str(file)}


def plugin(command: str, *arguments: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": command, "args": list(arguments)}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not: [yaml", "can't be used: while parsing"),
        ("[]", "can't be used"),
        ("a text", "can't be used"),
        ("", "can't be used"),
        ("contexts: 5\ncurrent-context: a\n", "can't be used"),
        ("\x00", "can't be used"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_a_fault_of_the_kubeconfig(
    tmp_path: Path, text: str, why: str
) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(EngineError, match=why) as caught:
        connect({"KUBECONFIG": str(file)})
    assert str(file) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code is Exit.USAGE


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="can't be used"):
        connect({"KUBECONFIG": str(tmp_path)})


def test_a_credential_plugin_that_is_not_installed_is_named_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EngineError, match="credential plugin 'aws-nope' can't be run") as caught:
        connect(kubeconfig(tmp_path, plugin("aws-nope")))
    assert "install aws-nope" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_credential_plugin_that_fails_is_named_with_its_own_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = ("-c", "echo the session has expired >&2; exit 1")
    with pytest.raises(EngineError, match=r"'sh' gave no credentials: .*the session has expired") as caught:
        connect(kubeconfig(tmp_path, plugin("sh", *script)))
    assert "log in again" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_credential_plugin_that_works_is_asked(tmp_path: Path) -> None:
    said = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t0"},
    }
    assert connect(kubeconfig(tmp_path, plugin("echo", json.dumps(said)))).namespace == "n"


def test_a_user_without_a_plugin_is_none_that_failed(tmp_path: Path) -> None:
    assert connect(kubeconfig(tmp_path, {"token": "t0"})).namespace == "n"
