"""The folder that a build sees: only what its stage needs, made for it and removed after."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from launcher.environment import local_packages
from launcher.environment.values import Environment
from launcher.environment.verified_sources import Repository
from launcher.host.rights import as_invoking_user
from launcher.images import scratch, wheels
from runner.contract import RUNNER_PACKAGE

_HERE = Path(__file__).resolve().parent.parent
_RUNNER_IMPORT = re.compile(r"^(\s*(?:from|import) )runner(?=[.\s])", re.MULTILINE)
_DEFAULT_INPUTS = ("default.sh", "default.txt", "uv.txt")


@as_invoking_user()
def dockerfile() -> Path:
    """The one Dockerfile: beside the package in a clone, inside it where it is installed."""
    inside = _HERE / "assets" / "Dockerfile"
    return inside if inside.is_file() else _HERE.parent / "Dockerfile"


@as_invoking_user()
def runner_folder() -> Path:
    """The runner's source code, which travels with the launcher."""
    import runner.contract

    return Path(runner.contract.__file__).resolve().parent


def runner_digest() -> str:
    """Six bytes of SHA-256, as hex, of the runner's code: part of a source image's tag."""
    return _code_digest(runner_folder())


@functools.cache
@as_invoking_user()
def _code_digest(folder: Path) -> str:
    digest = hashlib.sha256((_HERE / "assets" / "code.sh").read_bytes())
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


@as_invoking_user()
def default_digest(base_identity: str, platform: str, recipe: int) -> str:
    """Six bytes of SHA-256, as hex, of what the shared ``default`` stage is made of."""
    digest = hashlib.sha256(f"{base_identity}\0{platform}\0{recipe}\0".encode())
    for name in _DEFAULT_INPUTS:
        digest.update((_HERE / "assets" / name).read_bytes())
    return digest.hexdigest()[:12]


def _write_runner(folder: Path) -> None:
    """The runner's code under the name that it has in an image, where a source may have a ``runner`` too."""
    shutil.copytree(runner_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(_RUNNER_IMPORT.sub(rf"\g<1>{RUNNER_PACKAGE}", text), encoding="utf-8")


@contextlib.contextmanager
def make(
    environment: Environment | None = None,
    *,
    root: Path | None = None,
    verified: Repository | None = None,
    with_runner: bool = False,
    custom_sources: Path | None = None,
    sdists: Collection[str] = (),
    texts: Mapping[str, str] = {},
) -> Iterator[Path]:
    """A build context; removed at the end, whatever happens.

    ``sdists``: packages of an index that have no wheel and are built. ``texts``: further files of the
    environment's folder.
    """
    with scratch.folder() as (place, folder):
        with as_invoking_user():
            (folder / "assets").mkdir()
            for asset in (_HERE / "assets").iterdir():
                if asset.suffix in (".sh", ".py", ".txt"):
                    shutil.copyfile(asset, folder / "assets" / asset.name)
            if with_runner:
                _write_runner(folder / "runner")
        if environment is not None:
            _write_environment(environment, folder / "environment", root, verified, sdists)
            for name, text in texts.items():
                (folder / "environment" / name).write_text(text)
        if custom_sources is not None:
            (folder / "custom_sources").mkdir()
            if custom_sources.is_dir():
                assert root is not None
                local_packages.copy(custom_sources, folder / "custom_sources", root)
        yield place


def wheels_of(environment: Environment, sdists: Collection[str]) -> wheels.Plan:
    """What the environment is installed from and what is built for it; of a lock, its unhashed part."""
    if environment.lock is not None:
        return wheels.of_lock(environment.lock, sdists)[1]
    lines = [environment.dlt_requirement, *(item.text for item in environment.requirements)]
    return wheels.plan(list(dict.fromkeys(lines)), sdists)


def _write_environment(
    environment: Environment,
    folder: Path,
    root: Path | None,
    verified: Repository | None,
    sdists: Collection[str],
) -> None:
    folder.mkdir()
    if environment.system_packages:
        (folder / "system.txt").write_text("\n".join(environment.system_packages) + "\n")
    if environment.lock is not None:
        hashed, made = wheels.of_lock(environment.lock, sdists)
        (folder / "lock.txt").write_text(hashed)
        (folder / "unhashed.txt").write_text("".join(f"{line}\n" for line in made.lines))
    else:
        made = wheels_of(environment, sdists)
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in made.lines))
    for item in made.builds:
        place = folder / "build" / str(item.number)
        place.mkdir(parents=True)
        if item.git is not None:
            (place / "git").write_text(item.git.text)
        else:
            (place / "requirement.txt").write_text(item.asked + "\n")
    for package in environment.local_packages:
        assert root is not None
        local_packages.copy(root / package.path, folder / "local" / package.path, root)
    for source in environment.verified:
        assert verified is not None
        verified.copy(source.name, folder / "verified" / source.name)
