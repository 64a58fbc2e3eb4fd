"""``dltpod doctor``: whether this machine can run sources."""

from __future__ import annotations

import dataclasses
import os

import click

from launcher.commands import common
from launcher.console.text import style
from launcher.errors import Exit

_COLOURS = {"ok": "ok", "warning": "warn", "wrong": "failed"}


@click.command("doctor")
@common.with_json
@common.with_common_options
def command(as_json: bool) -> Exit:
    """Check that this machine can run sources. The exit code is 2 if something is wrong."""
    from launcher.check.machine import FAIL, examine

    findings = []
    for finding in examine(common.load_project, os.environ):
        findings.append(finding)
        if not as_json:
            status = style(finding.status.ljust(7), _COLOURS[finding.status])
            click.echo(f"{status}  {finding.what:<13} {finding.text}")
            if finding.hint:
                click.echo(f"{'':<23} {finding.hint}")
    if as_json:
        common.echo_json([dataclasses.asdict(finding) for finding in findings])
    return Exit.USAGE if any(finding.status == FAIL for finding in findings) else Exit.OK
