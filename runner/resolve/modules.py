"""Finds and imports the source's module.

In this order: ``custom_sources/``, dlt's own sources, the verified sources of the image, anything
importable. The first and third are imported as parts of a package of their own, so that a custom
``yaml.py`` or ``jira/`` is found for its entry and shadows the library of that name for no one.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

from runner.contract import FailureKind
from runner.explain import code, files, missing
from runner.explain.classify import LOG_HINT, JobFailed
from runner.explain.wording import listed, near_misses, one_line
from runner.resolve import own_pipelines
from runner.supervise.job_input import Paths

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_NOT_SOURCES = frozenset({"config", "credentials", "helpers"})
"""Modules of ``dlt.sources`` that hold no source."""


def load(module: str, paths: Paths) -> types.ModuleType:
    """Imports a module by its dotted name. Raises JobFailed (module_not_found or import_failed)."""
    if not _NAME.fullmatch(module):
        raise JobFailed.of(
            FailureKind.MODULE_NOT_FOUND,
            f"'{one_line(module, 80)}' is not a module's name",
            "source_module is a dotted Python name, such as jira or my_company.sources.erp",
        )
    importlib.invalidate_caches()
    for package, folder in (
        ("custom_sources", paths.custom_sources),
        ("verified_sources", paths.verified_sources),
    ):
        if package == "verified_sources" and _is_dlt_source(module):
            return _import(f"dlt.sources.{module}", module)
        try:
            held = _holds(folder, module)
        except PermissionError as exc:
            raise _broken(module, exc) from exc
        if held:
            _mount(package, folder)
            return _import(f"{package}.{module}", module)
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module}.".startswith(f"{exc.name}."):
            raise _broken(module, exc) from exc
        found = False
    except Exception as exc:
        raise _broken(module, exc) from exc
    if not found:
        raise _not_found(module, paths)
    return _import(module, module)


def _holds(folder: Path, module: str) -> bool:
    """Whether a folder of sources has this module: a file, a package, or a folder with Python in it."""
    place = folder.joinpath(*module.split("."))
    if place.with_name(f"{place.name}.py").is_file() or (place / "__init__.py").is_file():
        return True
    return place.is_dir() and any(place.glob("*.py"))


def _is_dlt_source(module: str) -> bool:
    if module.startswith("_") or module.partition(".")[0] in _NOT_SOURCES:
        return False
    try:
        return importlib.util.find_spec(f"dlt.sources.{module}") is not None
    except ModuleNotFoundError:
        return False


def _mount(package: str, folder: Path) -> None:
    """Makes ``package`` importable: a package without code, whose modules lie in ``folder``."""
    if package in sys.modules:
        return
    holder = types.ModuleType(package)
    holder.__path__ = [str(folder)]
    spec = importlib.util.spec_from_loader(package, loader=None, is_package=True)
    if spec is not None:
        spec.submodule_search_locations = [str(folder)]
    holder.__spec__ = spec
    sys.modules[package] = holder


def _import(name: str, module: str) -> types.ModuleType:
    advice = "keep what a script does below `if __name__ == '__main__':`"
    try:
        with own_pipelines.refused(
            f"module '{module}', when it is imported,", lambda: vars(sys.modules[name]), advice, needed=True
        ):
            return importlib.import_module(name)
    except Exception as exc:
        raise _broken(module, exc) from exc
    except SystemExit as exc:
        raise JobFailed.of(
            FailureKind.IMPORT_FAILED,
            f"module '{module}' calls sys.exit({exc.code!r}) when it is imported",
            advice,
        ) from exc


def _broken(module: str, exc: Exception) -> JobFailed:
    """The failure for a module that raises ``exc`` when it is imported."""
    if isinstance(exc, JobFailed):
        return exc
    where = code.location(exc)
    lacking = missing.requirement_for(exc)
    if isinstance(exc, SyntaxError):
        message = f"module '{module}' has a syntax error: {one_line(exc.msg)}"
        hint = f"look at {code.shown(exc.filename)}:{exc.lineno}"
    elif lacking is not None:
        whose = f"{lacking.installed} does not have" if lacking.installed else "its environment lacks"
        message = f"module '{module}' needs '{lacking.imported}', which {whose}{where}"
        hint = lacking.hint
    elif isinstance(exc, PermissionError) and (mending := files.chmod(exc)):
        message = f"module '{module}': {code.shown(exc.filename)} can't be read by the container's user"
        hint = mending
    else:
        message = f"module '{module}' can't be imported: {type(exc).__name__}: {one_line(exc)}{where}"
        hint = LOG_HINT
    return JobFailed.of(FailureKind.IMPORT_FAILED, message, hint)


def _not_found(module: str, paths: Paths) -> JobFailed:
    here = sorted(_modules_in(paths.custom_sources))
    verified = sorted(_modules_in(paths.verified_sources))
    ours = [
        found.name
        for found in pkgutil.iter_modules(importlib.import_module("dlt.sources").__path__)
        if found.ispkg and not found.name.startswith("_") and found.name not in _NOT_SOURCES
    ]
    near = near_misses(module, [*here, *ours, *verified])
    if near:
        hint = f"did you mean {near}?"
    elif here:
        hint = f"custom_sources/ holds {listed(here)}"
    else:
        hint = "put it in custom_sources/, or name its package in container.extras or container.requirements"
    return JobFailed.of(
        FailureKind.MODULE_NOT_FOUND,
        f"no module '{module}': looked in custom_sources/, dlt.sources, the verified sources "
        f"({listed(verified) if verified else 'none in this image'}) and the installed packages",
        hint,
    )


def _modules_in(folder: Path) -> Iterator[str]:
    """The names of the modules of a folder of sources, one level of dots deep."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")):
            continue
        if entry.suffix == ".py" and entry.is_file():
            yield entry.stem
        elif entry.is_dir() and entry.name.isidentifier():
            if (entry / "__init__.py").is_file():
                yield entry.name
            else:
                yield from (f"{entry.name}.{file.stem}" for file in sorted(entry.glob("*.py")))
