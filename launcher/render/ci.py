"""Sources as the matrix of a GitHub Actions workflow. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from launcher import __version__
from launcher.config.models import Project, Source
from launcher.render.documents import dump
from launcher.render.schedule import checked
from launcher.slices import literals

_TOP = PurePosixPath(".")
_WHOLE = "DLTPOD_SECRETS"
_COMMENT = """\
# The sources of {project} as CI jobs: made by `dltpod render ci`, to be made again, not edited.
# A pull request builds and checks the sources that it touches; a push to main, a schedule and a call by
# hand run them, a push only those that it touches. Secrets of the repository that it reads:
#   DLTPOD_SECRETS   the text of .dlt/secrets.toml
#   REGISTRY_TOKEN   the password for `registry:`, unless that is ghcr.io
{variables}"""
_VARIABLES = "#   and for each env: name of sources.yml its value: {names}\n"
_OF_THE_MACHINE = frozenset({"CI", "HOME", "HOSTNAME", "LANG", "PATH", "PWD", "SHELL", "TMPDIR", "USER"})
_OF_GITHUB = frozenset(
    "GITHUB_" + name
    for name in (
        *("ACTOR", "ACTOR_ID", "API_URL", "BASE_REF", "EVENT_NAME", "GRAPHQL_URL", "HEAD_REF", "JOB", "REF"),
        *("REF_NAME", "REF_TYPE", "REPOSITORY", "REPOSITORY_ID", "REPOSITORY_OWNER", "REPOSITORY_OWNER_ID"),
        *("RUN_ATTEMPT", "RUN_ID", "RUN_NUMBER", "SERVER_URL", "SHA", "WORKFLOW", "WORKSPACE"),
    )
)
"""Variables that each of its machines has: a secret of that name, which nobody made, would empty them."""
_CHOOSE = """\
if [ -n "$BASE" ] && git cat-file -e "$BASE^{commit}" 2>/dev/null; then
  dltpod list --changed-since "$BASE" --json >chosen.json
else
  dltpod list --json >chosen.json
fi
python - >>"$GITHUB_OUTPUT" <<'END'
import json, os
wanted = set(os.environ["ONLY"].split())
schedule = os.environ["SCHEDULE"]
schedules = json.loads(os.environ["SCHEDULES"])
names = [
    source["name"]
    for source in json.load(open("chosen.json"))
    if source["enabled"]
    and (not wanted or source["name"] in wanted)
    and (not schedule or schedules.get(source["name"]) == schedule)
]
print("sources=" + json.dumps(names))
END
"""
# A pull request from a fork gets no secrets: it asks the registry as anybody may, or builds.
_LOGIN = """\
if [ -n "$TOKEN" ]; then
  printf '%s' "$TOKEN" | docker login {host} --username "$USER" --password-stdin
fi
"""
_SYNC = """\
if [ -n "$DLTPOD_SECRETS" ]; then
  mkdir -p .dlt
  (umask 077 && printf '%s' "$DLTPOD_SECRETS" >.dlt/secrets.toml)
fi
dltpod sync "$SOURCE" --locked --json
"""
_CHECK = """\
dltpod build "$SOURCE" --locked
dltpod check "$SOURCE" --no-secrets
"""


def render(project: Project, sources: Sequence[Source], *, folder: PurePosixPath = _TOP) -> str:
    """The text of ``.github/workflows/dltpod.yml``. ``folder`` is the project's within its repository.

    Raises ConfigurationError for a schedule that is no cron expression.
    """
    enabled = [source for source in sources if source.enabled]
    schedules = {s.name: _five_fields(checked(s.name, s.schedule)) for s in enabled if s.schedule is not None}
    triggers: dict[str, Any] = {
        "pull_request": {},
        "push": {"branches": ["main"]},
        "workflow_dispatch": {
            "inputs": {"sources": {"description": "names, with spaces; none: all", "required": False}}
        },
    }
    if schedules:
        triggers["schedule"] = [{"cron": schedule} for schedule in sorted(set(schedules.values()))]
    secrets = _secrets(project, enabled)
    workflow: dict[str, Any] = {
        "name": "dltpod",
        "on": triggers,
        "permissions": {"contents": "read", "packages": "read"},
        "env": {
            "DLTPOD": f"dltpod=={__version__}",
            "DLTPOD_FILE": project.file.relative_to(project.root).as_posix(),
        },
        "defaults": {"run": {"shell": "bash", "working-directory": str(folder)}},
        "jobs": {"choose": _choose(schedules), "sync": _sync(project, secrets)},
    }
    variables = [name for name in secrets if name != _WHOLE]
    named = _VARIABLES.format(names=", ".join(variables)) if variables else ""
    return _COMMENT.format(project=project.name, variables=named) + dump(workflow)


def _secrets(project: Project, sources: Sequence[Source]) -> dict[str, str]:
    """The variables of the step that syncs: secrets.toml, and each name that an ``env:`` asks for."""
    asked = [[s.dlt_native.function_kwargs, s.container.env] for s in sources]
    webhook = project.notify.webhook if project.notify is not None else None
    names = sorted(set(literals.references([asked, webhook])) - _OF_THE_MACHINE - _OF_GITHUB)
    found = {name: name for name in names if not name.startswith(("RUNNER_", "DLTPOD_"))}
    for name in found:
        # GitHub keeps the prefix for itself: no secret but its own token can be called so.
        if name.startswith("GITHUB_") and name != "GITHUB_TOKEN":
            found[name] = f"DLTPOD_{name}"
    return {name: f"${{{{ secrets.{secret} }}}}" for name, secret in {_WHOLE: _WHOLE, **found}.items()}


def _choose(schedules: Mapping[str, str]) -> dict[str, Any]:
    return {
        "runs-on": "ubuntu-latest",
        "outputs": {"sources": "${{ steps.choose.outputs.sources }}"},
        "steps": [
            # The whole history: what a change touches is told from the commit where it began.
            {"uses": "actions/checkout@v4", "with": {"fetch-depth": 0, "persist-credentials": False}},
            *_python(),
            {
                "id": "choose",
                "name": "Choose the sources",
                "env": {
                    "BASE": "${{ github.event.pull_request.base.sha || github.event.before }}",
                    "ONLY": "${{ inputs.sources }}",
                    "SCHEDULE": "${{ github.event.schedule }}",
                    "SCHEDULES": json.dumps(schedules),
                },
                "run": _CHOOSE,
            },
        ],
    }


def _sync(project: Project, secrets: Mapping[str, str]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}},
        *_python(),
    ]
    if project.registry is not None:
        steps.append(_login(project.registry))
    pull_request = "github.event_name == 'pull_request'"
    steps += [
        {"name": "Build and check", "if": pull_request, "run": _CHECK},
        {
            "name": "Sync",
            "if": pull_request.replace("==", "!="),
            "env": dict(secrets),
            "run": _SYNC,
        },
    ]
    return {
        "needs": "choose",
        "if": "needs.choose.outputs.sources != '[]'",
        "runs-on": "ubuntu-latest",
        "strategy": {
            "fail-fast": False,
            "max-parallel": 8,
            "matrix": {"source": "${{ fromJSON(needs.choose.outputs.sources) }}"},
        },
        # Two runs of one source would load it twice: the second waits.
        "concurrency": {
            "group": "dltpod-${{ github.ref }}-${{ matrix.source }}",
            "cancel-in-progress": False,
        },
        "env": {"SOURCE": "${{ matrix.source }}"},
        "steps": steps,
    }


def _python() -> list[dict[str, Any]]:
    return [
        {"uses": "actions/setup-python@v5", "with": {"python-version": "3.13"}},
        {"name": "Install dltpod", "run": 'pip install --quiet "$DLTPOD"'},
    ]


def _login(registry: str) -> dict[str, Any]:
    host = registry.split("://")[-1].split("/")[0]
    github = host == "ghcr.io"
    return {
        "name": "Log in to the registry",
        "env": {
            "USER": "${{ github.actor }}" if github else "${{ vars.REGISTRY_USER }}",
            "TOKEN": "${{ secrets.GITHUB_TOKEN }}" if github else "${{ secrets.REGISTRY_TOKEN }}",
        },
        "run": _LOGIN.format(host=host),
    }


def _five_fields(schedule: str) -> str:
    """GitHub knows no ``@daily``."""
    words = {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
    return words.get(schedule, schedule)
