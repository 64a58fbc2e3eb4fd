"""dlt's verified sources."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from launcher.config.models import Project, VerifiedSources
from launcher.config.verified import KNOWN
from launcher.environment import local_packages, requirement_files
from launcher.environment.values import Requirement
from launcher.errors import ConfigurationError, without_credentials
from launcher.host import processes, rights
from launcher.untrusted import clean

FOLDER = "sources"
"""Where the repository keeps them: ``sources/<name>/__init__.py``, with its ``requirements.txt``."""

SECONDS = 120
"""For one call of git. The repository's newest state is a few megabytes."""


@dataclass(eq=False, repr=False)
class Repository:
    """A repository of verified sources, at one ref, or a local work tree as it stands.

    A git URL is fetched once per ref into ``~/.cache/dltpod/verified`` and read from there afterwards,
    without a network; ``refresh`` fetches it again.
    Every method raises ConfigurationError where it can't be had.
    """

    settings: VerifiedSources
    _: KW_ONLY
    root: Path
    environ: Mapping[str, str]
    say: Callable[[str], None] = lambda line: None
    refresh: bool = False
    failed: ConfigurationError | None = field(default=None, init=False)
    """Why it can't be had, once it was asked."""
    _tree: Path | None = field(default=None, init=False)
    _commit: str | None = field(default=None, init=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False)

    def may_have(self, module: str, requirements: Collection[str]) -> bool:
        """Whether it is worth asking for a module that no extra names and no requirement may bring.

        What dlt's own repository has is known. Packages nest their modules, so any requirement may bring a
        module that lies in another one, unless that is the name of a source of dlt's.
        """
        top = module.partition(".")[0]
        if requirement_files.may_bring(top, requirements):
            return False
        nested = top != module and bool(requirements)
        return top in KNOWN or (self.settings.location != VerifiedSources().location and not nested)

    def names(self) -> Collection[str]:
        """The sources that it has."""
        tree = self._open()
        return {
            entry.name
            for entry in (tree / FOLDER).iterdir()
            if re.match(r"^[A-Za-z]\w*$", entry.name) and (entry / "__init__.py").is_file()
        }

    def commit(self, name: str) -> str:
        """The commit, or the content digest of a work tree's folder."""
        folder = self._open() / FOLDER / name
        return self._commit or f"content:{local_packages.content_digest(folder, self.root)}"

    def requirements(self, name: str) -> tuple[Requirement, ...]:
        """What the source's own requirements.txt asks for."""
        tree = self._open()
        file = tree / FOLDER / name / "requirements.txt"
        if not file.is_file():
            return ()
        found = []
        for item in requirement_files.of_file(file, root=tree):
            origin = f"verified source {name}, requirements.txt:{item.origin.rpartition(':')[2]}"
            if requirement_files.is_path(item.text):
                raise ConfigurationError(
                    f"{origin}: this requirement is a path", "a verified source can bring no local package"
                )
            found.append(Requirement(item.text, origin))
        return tuple(found)

    def code(self, name: str) -> Collection[Path]:
        """The source's Python files."""
        return sorted((self._open() / FOLDER / name).rglob("*.py"))

    def copy(self, name: str, to: Path) -> None:
        """The source's folder to the place ``to``, as a build may see it."""
        local_packages.copy(self._open() / FOLDER / name, to, self.root)

    def _open(self) -> Path:
        with self._opening:
            if self.failed is not None:
                raise self.failed
            if self._tree is None:
                try:
                    self._tree = self._find()
                except ConfigurationError as failed:
                    self.failed = failed  # one attempt a command
                    raise
            return self._tree

    def _find(self) -> Path:
        tree = self._place()
        if not (tree / FOLDER).is_dir():
            raise ConfigurationError(
                f"verified_sources: {self._shown()} has no folder '{FOLDER}/'",
                f"{tree} should look like dlt's verified-sources repository",
            )
        return tree

    def _place(self) -> Path:
        location = self.settings.location
        place = local_folder(self.settings, self.root)
        if place is not None:
            local = place.resolve()
            if local.is_dir() and not (local / "HEAD").is_file():
                return local
            if not local.is_dir():
                raise ConfigurationError(
                    f"verified_sources.location: '{location}' does not exist",
                    "give a git URL or a local work tree",
                )
            location = str(local)
        return self._fetched(location)

    def _fetched(self, location: str) -> Path:
        from launcher.host.files import cache_folder, write_atomic

        ref = self.settings.ref
        key = hashlib.sha256(f"{location}\0{ref}".encode()).hexdigest()[:16]
        folder = cache_folder(self.environ) / "verified" / key
        stamp = folder / "commit"
        if stamp.is_file() and not self.refresh:
            self._commit = stamp.read_text().strip()
            with contextlib.suppress(OSError):
                stamp.touch()  # `dltpod gc` goes by it.
            return folder / self._commit
        folder.mkdir(parents=True, exist_ok=True)
        self.say(f"fetching verified sources: {self._shown()} at {ref}")
        work = folder / f"fetch-{os.getpid()}-{threading.get_ident()}"
        try:
            self._git("init", "-q", str(work))
            self._git("-C", str(work), "fetch", "-q", "--depth", "1", location, ref)
            commit = self._git("-C", str(work), "rev-parse", "FETCH_HEAD^{commit}").strip()
            target = folder / commit
            if not target.is_dir():
                self._git("-C", str(work), "checkout", "-q", "FETCH_HEAD", "--", FOLDER)
                shutil.rmtree(work / ".git")
                try:
                    work.rename(target)
                except OSError:
                    if not target.is_dir():  # another dltpod was faster
                        raise
        except _GitFailed as failed:
            if stamp.is_file():
                self.say("the verified sources can't be fetched: using the ones fetched before")
                self._commit = stamp.read_text().strip()
                return folder / self._commit
            missing = (
                "couldn't find remote ref" in failed.text
                or "pathspec" in failed.text
                or "not our ref" in failed.text
            )
            raise ConfigurationError(
                f"verified_sources: {self._shown()} "
                + (f"has no ref '{ref}'" if missing else f"can't be fetched: {failed.text}"),
                "sources.yml can name another place: "
                "verified_sources: {location: <git URL or folder>, ref: <branch, tag or commit>}",
            ) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        write_atomic(stamp, commit)
        self._commit = commit
        return target

    def _git(self, *arguments: str) -> str:
        environment = {**self.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        process = None
        try:
            command = ["git", "-c", "advice.detachedHead=false", *arguments]
            options = {**rights.command(environment), "stderr": subprocess.PIPE}
            process = processes.start(command, signal.SIGKILL, **options)
            out, err = process.communicate(timeout=SECONDS)
        except FileNotFoundError:
            raise ConfigurationError(
                "verified sources are fetched with git, which is not installed",
                "install git (Debian: apt-get install git)",
            ) from None
        except subprocess.TimeoutExpired:
            raise _GitFailed(f"no answer within {SECONDS} s") from None
        finally:
            if process is not None:
                if process.poll() is None:  # with what it started, which may wait for the network
                    processes.send(process, signal.SIGKILL)
                process.communicate()  # reaps it and closes its pipes
        if process.returncode != 0:
            lines = [clean.line(line) for line in err.splitlines() if line.strip()]
            fatal = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
            raise _GitFailed(fatal[0].removeprefix("fatal: ") if fatal else "git failed")
        return out

    def _shown(self) -> str:
        return without_credentials(self.settings.location)


def repository(
    project: Project, environ: Mapping[str, str], say: Callable[[str], None], *, refresh: bool = False
) -> Repository:
    """The project's repository of verified sources: one for as long as the project is loaded.

    So a command makes one attempt to have it. Of the other arguments (``Repository`` tells of them) those of
    the first call count.
    """
    made = Repository(project.verified_sources, root=project.root, environ=environ, say=say, refresh=refresh)
    # As functools.cached_property keeps a value, but one for all threads.
    kept: Repository = vars(project).setdefault("verified_repository", made)
    return kept


class _GitFailed(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def local_folder(settings: VerifiedSources, root: Path) -> Path | None:
    """The folder that the settings name, from ``root``; None where they name an address."""
    location = settings.location
    if "://" in location or re.match(r"^[\w.-]+@[\w.-]+:", location):
        return None
    return root / Path(location).expanduser()
