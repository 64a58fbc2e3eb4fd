"""The command line: the list of commands, and the one place where errors become text.

A command's module is imported when that command runs, so that ``--help`` and ``list`` stay quick.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import errno
import functools
import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from launcher import __version__
from launcher.commands import common
from launcher.console import streams
from launcher.errors import DltpodError, Exit, move_away, without_credentials

COMMANDS = {
    "init": "Create a project in this folder, with a first source.",
    "new": "Add a source to sources.yml, and the files it needs.",
    "sources": "List the sources you can add.",
    "sync": "Run sources and load their rows.",
    "check": "Check sources without running them.",
    "list": "List the sources in sources.yml.",
    "config": "Show a source's full configuration, with all defaults.",
    "runs": "List past runs and their results.",
    "logs": "Show the log of a run.",
    "ps": "List this project's containers.",
    "stop": "Stop running sources gently.",
    "preview": "Show a source's first rows, without loading them.",
    "state": "Show a source's cursors, or set them back.",
    "show": "Show the rows that a source has loaded.",
    "build": "Build the images of sources.",
    "lock": "Pin the packages of sources, with hashes, in locks/.",
    "render": "Write Kubernetes manifests, a Compose file, a CI workflow or a crontab.",
    "secrets": "Write the secrets of sources to .dltpod/secrets/.",
    "shell": "Open a shell in a source's container.",
    "schema": "Print the JSON Schema of sources.yml.",
    "report": "Write an HTML page about past runs.",
    "doctor": "Check that this machine can run sources.",
    "gc": "Remove images and caches that no source uses any more.",
}
"""Each command's line in ``--help``; its module in ``launcher.commands`` has the same name."""
_MEANT = {
    word: name
    for name, words in {
        "sync": "run start load extract execute up fetch retry resume restart backfill refresh pipeline",
        "new": "create add",
        "list": "ls",
        "ps": "status",
        "runs": "history",
        "logs": "log tail",
        "config": "describe inspect",
        "state": "cursor",
        "preview": "peek",
        "stop": "kill cancel halt down",
        "check": "test validate lint plan",
        "show": "query sql",
        "shell": "exec bash",
        "build": "install",
        "lock": "compile update upgrade",
        "--help": "help",
        "--version": "version",
        "render": "generate deploy",
        "gc": "clean prune",
    }.items()
    for word in words.split()
}
"""Words that other programs use for a command or option, to its name here."""


class _Lazy(click.Group):
    """A group that knows its commands' names and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"launcher.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        unknown = args and args[0] not in COMMANDS and not args[0].startswith("-")
        if unknown and not ctx.resilient_parsing:  # the shell's completion parses what is not whole yet
            said = args[0].lower()
            near = difflib.get_close_matches(said, [*COMMANDS, *_MEANT], n=3) or [""]
            close = next((name for name in near if sorted(name) == sorted(said)), near[0])  # letters swapped
            meant = _MEANT.get(said) or _MEANT.get(close, close)
            guess = f"; did you mean '{meant}'?" if meant else ""
            raise DltpodError(
                f"there is no command '{args[0]}'{guess}",
                "`dltpod --help` lists the commands",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@functools.partial(common.with_common_options, hidden=False)
@click.version_option(__version__, message="dltpod %(version)s", help="Show the version.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run dlt sources, each in its own container.

    sources.yml lists the sources. `dltpod sync NAME` runs one and loads its rows.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def program() -> NoReturn:
    """The whole of the process ``dltpod``."""
    code = int(Exit.INTERNAL)
    # Registered first, so called last. To take all modules apart takes Python longer than a small command.
    atexit.register(lambda: os._exit(code))
    # Thousands of sources are objects that stay: at Python's 700, the search for cycles took 40 % of `list`.
    gc.set_threshold(50_000)
    code = main()
    if code in (Exit.INTERRUPTED, Exit.TERMINATED):
        # A second Ctrl-C that comes late must not change the exit code while Python ends.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code (``launcher.errors.Exit``); never raises."""
    try:
        streams.reopen_closed()
        code = cli.main(list(arguments) if arguments is not None else None, "dltpod", standalone_mode=False)
    except DltpodError as error:
        return _explain(error, error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        given = sys.argv[1:] if arguments is None else arguments
        called = next((word for word in given if word in COMMANDS), "")  # click's parser tells no context
        path = error.ctx.command_path if error.ctx else f"dltpod {called}".strip()
        message = " ".join(error.format_message().split())  # click lists choices in lines of their own
        return _explain(error, message, f"`{path} --help` shows what it takes", Exit.USAGE)
    except click.ClickException as error:
        return _explain(error, error.format_message(), "", Exit.USAGE)
    except (KeyboardInterrupt, click.Abort):
        return int(Exit.INTERRUPTED)
    except (BrokenPipeError, SystemExit):  # click turns the one into the other
        streams.discard_stdout()  # the reader of the output is gone: end silently, as filters do
        return int(Exit.OK)
    except PermissionError as error:
        return _explain(error, f"no permission for {error.filename}", _permission_hint(error), Exit.USAGE)
    except OSError as error:
        if error.filename is None and error.errno is None:
            return _crash(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full and error.filename is None:
            streams.discard_stdout()  # Python would try to write it once more at its end
        message = f"{error.strerror}: {error.filename or ''}".rstrip(": ")
        return _explain(error, message, _file_in_the_way(error), Exit.FAILED if full else Exit.USAGE)
    except Exception as error:  # noqa: BLE001 - the one catcher
        return _crash(error)
    return _flushed(int(code or 0))


def _explain(error: BaseException, message: str, hint: str, code: Exit) -> int:
    """Print an error for people: ``error: what``, then why, then ``hint:``."""
    if os.environ.get("DLTPOD_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
    text = f"error: {message.strip() or type(error).__name__}" + (f"\nhint: {hint.strip()}" if hint else "")
    with contextlib.suppress(BrokenPipeError):
        click.echo("\n  ".join(text.splitlines()), err=True)
    return int(code)


def _permission_hint(error: PermissionError) -> str:
    if not error.filename:
        return ""
    from launcher.host.rights import rights_hint

    return rights_hint(error.filename) or f"ls -ld {Path(error.filename).parent}"


def _file_in_the_way(error: OSError) -> str:
    """A hint for a path whose folder is a file; empty for other errors."""
    if not error.filename or error.errno not in (errno.ENOTDIR, errno.EEXIST):
        return ""
    place = Path(error.filename).absolute()
    found = next((path for path in (place, *place.parents) if path.is_file()), None)
    if found is None:
        return ""
    return f"{found} is a file, not a folder" + (f": `{move_away(found)}`" if found.name == ".dltpod" else "")


def _crash(error: BaseException) -> int:
    """Report a bug of dltpod's. The traceback goes to a file, and with DLTPOD_DEBUG to the terminal, too."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="dltpod-crash-", suffix=".log", delete=False) as file:
        traceback.print_exception(type(error), error, error.__traceback__, file=file)
    text = without_credentials(str(error)).strip().splitlines()
    message = f"a bug of dltpod's: {type(error).__name__}{': ' + text[0][:200] if text else ''}"
    return _explain(error, message, f"please report it, with {file.name}", Exit.INTERNAL)


def _flushed(code: int) -> int:
    """Flush all output. The exit code, which is FAILED where the output can't be written."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        streams.discard_stdout()
    except OSError as error:
        streams.discard_stdout()
        return _explain(error, f"the output could not be written: {error.strerror}", "", Exit.FAILED)
    return code
