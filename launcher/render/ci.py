"""Sources as the matrix of a GitHub Actions workflow. Pure, but for a look at the clone that it installs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from launcher.config.cron import WORDS, spread
from launcher.config.models import Project, Source
from launcher.errors import ConfigurationError
from launcher.render.documents import dump
from launcher.secrets import literals

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
_WHO = "${{ github.event_name == 'pull_request' && github.ref || 'sync' }}"
_GROUP = "${{ fromJSON(needs.choose.outputs.groups)[matrix.source] }}"
_CHOOSE = """\
set -f
names=($ONLY)
folder=$(mktemp -d)
dltpod list --json >"$folder/all.json"
if [ -n "$BASE" ] && git cat-file -e "$BASE^{commit}" 2>/dev/null; then
  dltpod list --changed-since "$BASE" --json -- "${names[@]}" >"$folder/chosen.json"
else
  dltpod list --json -- "${names[@]}" >"$folder/chosen.json"
fi
python - "$folder" >>"$GITHUB_OUTPUT" <<'END'
import json, os, pathlib, sys, zlib
folder = pathlib.Path(sys.argv[1])
every, chosen = (json.loads((folder / name).read_text()) for name in ("all.json", "chosen.json"))
off = [source["name"] for source in chosen if not source["enabled"]]
if os.environ["ONLY"].strip() and off:
    sys.exit("disabled in sources.yml: " + ", ".join(off))
schedule = os.environ["SCHEDULE"]
schedules = json.loads(os.environ["SCHEDULES"])
names = [
    source["name"]
    for source in chosen
    if source["enabled"] and (not schedule or schedules.get(source["name"]) == schedule)
]
most = 256  # jobs that GitHub takes of one matrix
groups = {name: name for name in names}
if sum(source["enabled"] for source in every) > most:
    # By its name alone, a source is in the same batch in each run: two runs of it find one another.
    batches = {}
    for name in names:
        batches.setdefault(zlib.crc32(name.encode()) % most, []).append(name)
    groups = {" ".join(batch): f"batch {number}" for number, batch in batches.items()}
print("sources=" + json.dumps(list(groups)))
print("groups=" + json.dumps(groups))
END
"""
# A pull request from a fork gets no secrets: it asks the registry as anybody may, or builds.
_LOGIN = """\
if [ -n "$TOKEN" ]; then
  printf '%s' "$TOKEN" | docker login {host} --username "$USER" --password-stdin
fi
"""
# The clone's own setup installs what it needs by hash.
_SETUP = """\
"$folder/scripts/setup"
echo "$folder/.venv/bin" >>"$GITHUB_PATH"
"""
_INSTALL_CLONE = 'folder=$(cd "$DLTPOD" && pwd)\n' + _SETUP
_INSTALL_COMMIT = (
    """\
folder=$RUNNER_TEMP/dltpod
address=${DLTPOD#git+}
git clone --quiet --no-checkout "${address%@*}" "$folder"
git -C "$folder" checkout --quiet "${address##*@}"
"""
    + _SETUP
)
_INSTALL_WHEEL = 'pip install --quiet "$DLTPOD"\n'
_SYNC = """\
if [ -n "$DLTPOD_SECRETS" ]; then
  mkdir -p .dlt
  (umask 077 && printf '%s' "$DLTPOD_SECRETS" >.dlt/secrets.toml)
fi
dltpod sync $DLTPOD_SOURCES --locked --json
"""
_CHECK = """\
dltpod build $DLTPOD_SOURCES --locked
dltpod check $DLTPOD_SOURCES --no-secrets
"""


def render(project: Project, sources: Sequence[Source], *, folder: PurePosixPath = _TOP) -> str:
    """The text of ``.github/workflows/dltpod.yml``. ``folder`` is the project's within its repository.

    Raises ConfigurationError where nothing says which dltpod the workflow is to install: a bare name of an
    index would be anybody's who takes it.
    """
    dltpod = _dltpod(project, folder)
    enabled = [source for source in sources if source.enabled]
    spreads = {s.name: spread(s.schedule, s.name) for s in enabled if s.schedule is not None}
    # GitHub knows no ``@daily``.
    schedules = {name: WORDS.get(schedule, schedule) for name, schedule in spreads.items()}
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
            "DLTPOD": dltpod,
            "DLTPOD_FILE": project.file.relative_to(project.root).as_posix(),
        },
        "defaults": {"run": {"shell": "bash", "working-directory": str(folder)}},
        "jobs": {"choose": _choose(dltpod, schedules), "sync": _sync(dltpod, project, secrets)},
    }
    variables = [name for name in secrets if name != _WHOLE]
    named = _VARIABLES.format(names=", ".join(variables)) if variables else ""
    return _COMMENT.format(project=project.name, variables=named) + dump(workflow)


def _secrets(project: Project, sources: Sequence[Source]) -> dict[str, str]:
    """The variables of the step that syncs: secrets.toml, and each name that an ``env:`` asks for."""
    asked = [[s.dlt_native.function_kwargs, s.dlt_native.resource_kwargs, s.container.env] for s in sources]
    webhook = project.notify.webhook if project.notify is not None else None
    names = sorted(set(literals.references([asked, webhook])) - _OF_THE_MACHINE - _OF_GITHUB)
    found = {name: name for name in names if not name.startswith(("RUNNER_", "DLTPOD_"))}
    for name in found:
        # GitHub keeps the prefix for itself: no secret but its own token can be called so.
        if name.startswith("GITHUB_") and name != "GITHUB_TOKEN":
            found[name] = f"DLTPOD_{name}"
    return {name: f"${{{{ secrets.{secret} }}}}" for name, secret in {_WHOLE: _WHOLE, **found}.items()}


def _dltpod(project: Project, folder: PurePosixPath) -> str:
    """What the workflow installs: a commit, a wheel with its hash, or a folder that holds a clone."""
    if project.dltpod is None:
        if _is_clone(project.root):
            return "."
        raise ConfigurationError(
            "the workflow has to install dltpod, and sources.yml does not say which; an index may have "
            "anything by that name",
            'write into it: dltpod: "git+https://github.com/OWNER/dltpod@COMMIT", with 40 digits',
        )
    install = project.dltpod
    if install.startswith("."):
        repository = (project.root / Path(*[".."] * len(folder.parts))).resolve()
        clone = (project.root / install).resolve()
        if not clone.is_relative_to(repository) or not _is_clone(clone):
            raise ConfigurationError(
                f"dltpod: {install} holds no clone of dltpod",
                "the path is relative to the project's folder, and the clone is part of the repository",
            )
    return install


def _is_clone(folder: Path) -> bool:
    return all(
        (folder / name).is_file() for name in ("scripts/setup", "launcher/cli.py", "runner/contract.py")
    )


def _choose(dltpod: str, schedules: Mapping[str, str]) -> dict[str, Any]:
    return {
        "runs-on": "ubuntu-latest",
        "outputs": {name: f"${{{{ steps.choose.outputs.{name} }}}}" for name in ("sources", "groups")},
        "steps": [
            # The whole history: what a change touches is told from the commit where it began.
            {"uses": "actions/checkout@v4", "with": {"fetch-depth": 0, "persist-credentials": False}},
            *_python(dltpod),
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


def _sync(dltpod: str, project: Project, secrets: Mapping[str, str]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}},
        *_python(dltpod),
    ]
    if project.registry is not None:
        steps.append(_login(project.registry))
    pull_request = "github.event_name == 'pull_request'"
    steps += [
        {"name": "Build and check", "if": pull_request, "run": _CHECK},
        {"name": "Sync", "if": pull_request.replace("==", "!="), "env": dict(secrets), "run": _SYNC},
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
        # Two runs of one source would load it twice: the second waits, whatever branch it is of. A pull
        # request loads nothing, so it waits for its own earlier runs alone.
        "concurrency": {
            "group": f"dltpod-{project.name}-{_WHO}-{_GROUP}",
            "cancel-in-progress": False,
        },
        # One name, or those of a batch with spaces between; no name has one.
        "env": {"DLTPOD_SOURCES": "${{ matrix.source }}"},
        "steps": steps,
    }


def _python(dltpod: str) -> list[dict[str, Any]]:
    install = _INSTALL_WHEEL
    if dltpod.startswith("."):
        install = _INSTALL_CLONE
    elif dltpod.startswith("git+"):
        install = _INSTALL_COMMIT
    return [
        {"uses": "actions/setup-python@v5", "with": {"python-version": "3.13"}},
        {"name": "Install dltpod", "run": install},
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
