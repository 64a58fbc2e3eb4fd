"""Checks a custom source's function and arguments by reading its code, which is never run."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from launcher.config.faults import shown_path
from launcher.config.models import Project, Source
from launcher.config.toml_files import CONFIG, SECRETS
from launcher.errors import did_you_mean
from launcher.secrets import code, missing
from launcher.secrets.slices import Slice

_KNOWN_DECORATORS = ("source", "resource", "transformer", "defer")
"""dlt's own: they keep the signature. Any other decorator may change it."""
_INJECTED = ("secrets", "config")


class Level(str, enum.Enum):
    """``OK``; ``NOTE``: only a run can tell, or worth knowing; ``WRONG``: a run would fail."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Row:
    """One result of ``dltpod check``; no secret is in it. ``source`` is empty if it is about the project."""

    what: str
    """configuration, module, function, arguments, environment, destination or secrets."""
    level: Level
    text: str = ""
    hint: str = ""
    source: str = ""


@dataclass(frozen=True)
class Signature:
    """The parameters that can be given by name."""

    annotations: dict[str, str]
    """Each parameter's annotation as it is written; empty where there is none."""
    required: tuple[str, ...]
    open_ended: bool
    injected: dict[str, str]
    """Parameter to ``secrets`` or ``config``: what dlt looks up where it is not given."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in their order."""
        return tuple(self.annotations)

    def may_be_empty(self, name: str) -> bool:
        """Of ``injected``: it may be None, or credentials that dlt finds elsewhere (a cloud's own)."""
        return any(word in self.annotations[name] for word in ("Optional", "None", "Credentials"))


def function(source: Source, module: code.Module) -> Iterator[Row]:
    """Verdicts on the function and its arguments."""
    if module.tree is None:
        return
    wanted = source.dlt_native.source_function
    names = module.names
    first = wanted.split(".")[0]
    place = shown_path(module.file)
    if first in names.functions:
        node = names.functions[first]
        yield Row("function", Level.OK, f"{place}:{node.lineno}: {wanted}")
        if wanted == first:
            yield from _arguments(source, node, names.classes)
    elif first in names.classes:
        hint = _offers(names)
        yield Row("function", Level.WRONG, f"{place}: '{wanted}' is a class, not a source", hint)
    elif first in names.assigned or first in names.imported:
        yield Row("function", Level.OK, f"{place}: {wanted}")
    elif names.dynamic or module.file.is_dir():
        text = f"{place}: only importing it shows whether it has '{wanted}'"
        yield Row("function", Level.NOTE, text, "`dltpod check --deep` checks it.")
    else:
        close = did_you_mean(wanted, {*names.functions, *names.assigned})
        text = f"{place} has no '{wanted}'{close}"
        yield Row("function", Level.WRONG, text, _offers(names))


def _offers(names: code.Names) -> str:
    """The functions that may be meant, decorated ones first."""
    decorated = [
        name
        for name, node in names.functions.items()
        if not set(_KNOWN_DECORATORS).isdisjoint(decorators(node))
    ]
    plain = [name for name in names.functions if not name.startswith("_") and name not in decorated]
    found = decorated or plain
    return f"It has: {', '.join(found[:10])}" if found else ""


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The last part of each decorator's name, the outermost first."""
    found = []
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        found.append(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return found


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Signature | None:
    """The function's parameters; None where a decorator may have changed them."""
    decorated = decorators(node)
    if any(name not in _KNOWN_DECORATORS for name in decorated):
        return None
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    both = list(zip(positional, [*defaults, *arguments.defaults], strict=True))
    if "transformer" in decorated:
        both = both[1:]  # the item, which comes from the resource that it is bound to
    by_position = {argument.arg for argument in arguments.posonlyargs}
    both = [pair for pair in both if pair[0].arg not in by_position]
    both += list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    annotations = {argument.arg: _text(argument.annotation) for argument, _ in both}
    return Signature(
        annotations=annotations,
        required=tuple(
            a.arg for a, default in both if default is None and "incremental" not in annotations[a.arg]
        ),
        open_ended=arguments.kwarg is not None,
        injected={argument.arg: kind for argument, default in both if (kind := _injected(default))},
    )


def _injected(default: ast.expr | None) -> str:
    """``secrets`` of ``dlt.secrets.value``, ``config`` of ``dlt.config.value``."""
    if (
        isinstance(default, ast.Attribute)
        and default.attr == "value"
        and isinstance(default.value, ast.Attribute)
    ):
        return default.value.attr if default.value.attr in _INJECTED else ""
    return ""


def _text(annotation: ast.expr | None) -> str:
    """The annotation as it is written; empty where there is none, or one nested too deeply to be printed."""
    try:
        return ast.unparse(annotation) if annotation is not None else ""
    except RecursionError:
        return ""


def _arguments(
    source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef, classes: Collection[str]
) -> Iterator[Row]:
    """Verdicts on ``function_kwargs``; ``classes`` are those that the module defines."""
    known = signature(node)
    if known is None:
        return
    given = source.dlt_native.function_kwargs
    holders = _with_fields(known, classes)
    signed = f"its signature: {node.name}({', '.join(known.names)})"
    faults = []
    for name in given:
        if name not in known.names and not known.open_ended:
            fault, hint = f"{node.name} has no argument '{name}'", signed
            if close := did_you_mean(name, known.names):
                fault += close
            elif holders:
                fault += f", but it may be a part of {_listed(holders)}"
                hint = f"if it is, write function_kwargs: {{{holders[0]}: {{{name}: …}}}}"
            else:
                fault += f"; it takes {_listed(known.names)}"
            faults.append((fault, hint))
    missing = [name for name in known.required if name not in given]
    if missing:
        faults.append((f"{node.name} needs {_listed(missing)}", signed))
    for fault, hint in faults:
        yield Row("arguments", Level.WRONG, fault, hint)
    if not faults:
        yield Row("arguments", Level.OK, _listed(list(given)))


def _with_fields(known: Signature, classes: Collection[str]) -> list[str]:
    """The parameters whose type may have fields of its own: credentials, or a class of the module."""
    return [
        name
        for name, annotation in known.annotations.items()
        if any(word in classes or word.endswith("Credentials") for word in re.findall(r"\w+", annotation))
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"


def missing_secrets(
    project: Project, source: Source, module: code.Module | None, sliced: Slice | None, *, asked: bool = True
) -> Iterator[Row]:
    """Parameters that dlt would look up, where nothing of that name is in the slice.

    Unless they are ``asked`` for, that is no fault, and a secret is not even worth a note.
    """
    if sliced is None or module is None or module.tree is None:
        return
    node = module.names.functions.get(source.dlt_native.source_function)
    known = signature(node) if node is not None else None
    if known is None:
        return
    parts = {p for name in sliced.names if not name.startswith("destination.") for p in name.split(".")}
    complete = True
    for name, kind in known.injected.items():
        if name in source.dlt_native.function_kwargs or known.may_be_empty(name) or name in parts:
            continue
        complete = False
        if not asked:
            level = Level.OK if kind == "secrets" else Level.NOTE
            yield Row("secrets", level, f"'{name}' has no value here, and none is asked for")
            continue
        leaves = {n.rpartition(".")[2] for n in sliced.names if n.startswith("sources.")}
        place = shown_path(project.root / (SECRETS if kind == "secrets" else CONFIG))
        hint = f'In {place}: [sources.{source.name}] and below it {name} = "..."'
        if share := missing.line_for(project, source, [name]):
            hint += f"; {share}"
        yield Row(
            "secrets",
            Level.WRONG,
            f"'{name}' has no value{did_you_mean(name, leaves)}",
            hint,
        )
    if complete and known.injected:
        yield Row("secrets", Level.OK, _listed(list(known.injected)))
