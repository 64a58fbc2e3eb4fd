"""A new source of one of dlt's verified sources: made of what its code says, which is read and never run."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from launcher.check.code import Signature, decorators, signature
from launcher.environment.dlt_versions import choose, is_extra
from launcher.environment.values import DEFAULT_DLT
from launcher.environment.verified_sources import Repository
from launcher.errors import ConfigurationError
from launcher.secrets import code
from launcher.start.kinds import Kind, Secret

_CREDENTIALS = {
    "Gcp": ("project_id", "private_key", "client_email"),
    "Aws": ("aws_access_key_id", "aws_secret_access_key", "region_name"),
}
"""Part of a type's name to the keys that dlt reads for it."""
_SAMPLES = {
    "int": 0,
    "float": 0,
    "bool": False,
    "list": [],
    "List": [],
    "Sequence": [],
    "dict": {},
    "Dict": {},
}
"""An annotation's first word to a value of that type; any other is text."""


def make(verified: Repository, module: str, name: str, python: str) -> Kind:
    """A source ``name`` of the verified source ``module``, for containers with this version of Python.

    Raises ConfigurationError where its code can't be read or has no source.
    """
    file = module_of(verified, module)
    functions = code.read_module(file).names.functions if file is not None else {}
    offered = [f for f in functions if not f.startswith("_") and "source" in decorators(functions[f])]
    offered = offered or [f for f in functions if "resource" in decorators(functions[f])]
    if not offered:
        raise ConfigurationError(
            f"the verified source '{module}' offers no function that could be named",
            "its folder is sources/" + module + " in the repository of verified sources",
        )
    chosen = next((f for f in (module, f"{module}_source", "source") if f in offered), offered[0])
    known = signature(functions[chosen])
    arguments = _arguments(known) if known is not None else {}
    release = choose(DEFAULT_DLT, python, source=name)
    return Kind(
        entry=_entry(name, module, chosen, [f for f in offered if f != chosen], arguments)
        + ("" if is_extra(release, module) else f"  container:\n    extras: [{module}]\n"),
        secrets=tuple(dict.fromkeys(_secrets(functions, chosen))),
        todo=(f"{', '.join(arguments)} in function_kwargs",) if arguments else (),
    )


def module_of(verified: Repository, name: str) -> Path | None:
    """The file of a verified source's own package."""
    return next((f for f in verified.code(name) if (f.parent.name, f.name) == (name, "__init__.py")), None)


def title(file: Path) -> str:
    """The first sentence of a module's docstring; empty where it has none."""
    tree = code.read_module(file).tree
    text = " ".join((ast.get_docstring(tree) or "").partition("\n\n")[0].split()) if tree is not None else ""
    return text.partition(". ")[0].rstrip(".")


def _entry(name: str, module: str, chosen: str, others: list[str], arguments: dict[str, object]) -> str:
    lines = [
        f"- name: {name}",
        "  dlt_native:",
        f"    source_module: {module} # a verified source of dlt's",
        f"    source_function: {chosen}" + (f" # or {', '.join(others[:4])}" if others else ""),
    ]
    if arguments:
        lines.append("    function_kwargs: # needed")
        lines += [f"      {key}: {json.dumps(value)}" for key, value in arguments.items()]
    return "\n".join(lines) + "\n"


def _arguments(known: Signature) -> dict[str, object]:
    """The arguments that have no default and are no secrets, each with an empty value of its type."""
    wanted = [*known.required]
    wanted += [a for a, kind in known.injected.items() if kind == "config" and not known.may_be_empty(a)]
    return {name: _SAMPLES.get(known.annotations[name].partition("[")[0], "") for name in wanted}


def _secrets(functions: dict[str, code.Function], chosen: str) -> list[Secret]:
    """The secrets of a function, and of the resources that its code names."""
    named = {node.id for node in ast.walk(functions[chosen]) if isinstance(node, ast.Name)}
    found: list[Secret] = []
    for name in (
        chosen,
        *(f for f in functions if f in named and f != chosen and "resource" in decorators(functions[f])),
    ):
        known = signature(functions[name])
        if known is None:
            continue
        for argument, kind in known.injected.items():
            if kind == "secrets":
                found += _secret(argument, known.annotations[argument])
    return sorted(found, key=lambda secret: secret.section)  # in TOML, keys stand before tables


def _secret(argument: str, annotation: str) -> list[Secret]:
    for part, keys in _CREDENTIALS.items():
        if part in annotation:
            return [Secret(key, section=argument) for key in keys]
    if "ConnectionString" in annotation:
        return [Secret(argument, "postgresql://reader:PASSWORD@db.example.com:5432/crm")]
    return [Secret(argument, annotation if "Credentials" in annotation or "Auth" in annotation else "")]
