"""Sources with a schedule as lines of a crontab. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from launcher.config import cron
from launcher.config.models import Project, Source
from launcher.errors import ConfigurationError

_COMMENT = """\
# The scheduled sources of {project}: made by `dltpod render cron`, to be made again, not edited.
# cron reads the times in its own time zone (CRON_TZ= sets it where cron knows that), Kubernetes in UTC.
# Nothing guards against a second run of a source: the engine refuses it.
SHELL=/bin/sh
"""


def render(project: Project, sources: Sequence[Source], *, command: str) -> str:
    """A crontab that calls ``command`` (dltpod's own, as a shell takes it) for each enabled source that
    has a schedule.

    Raises ConfigurationError where none has one.
    """
    scheduled = [source for source in sources if source.enabled and source.schedule is not None]
    if not scheduled:
        raise ConfigurationError(
            "no source has a schedule", 'give one to those that cron shall run: schedule: "0 6 * * *"'
        )
    log = shlex.quote(str(project.private / "cron.log"))
    # The shell opens the log before dltpod runs, and a fresh clone has no folder for it.
    folder = shlex.join(["mkdir", "-p", "-m", "700", str(project.private)])
    lines = []
    for source in scheduled:
        schedule = cron.spread(source.schedule or "", source.name)
        call = shlex.join(["--file", str(project.file), "sync", source.name, "--json"])
        line = f"{folder} && {command} {call} >>{log} 2>&1"
        # cron ends a command at a bare percent sign.
        lines.append(f"{schedule} {line.replace('%', chr(92) + '%')}\n")
    return _COMMENT.format(project=project.name) + "".join(lines)
