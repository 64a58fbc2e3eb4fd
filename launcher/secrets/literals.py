"""Secrets among ``function_kwargs``: ``env:NAME`` references, and literals that look like secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.secrets.addresses import holds_password
from runner.contract import ENV_REFERENCE

LITERAL_NAME = "DLTPOD_LITERAL_"
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEY = re.compile(
    r"(^|_)(password|passwd|passphrase|pwd|secrets?|token|api_?key|access_?key|account_?key|"
    r"private_?key|secret_?key|signing_?key|credentials?|dsn|connection_string|authorization|bearer|pat)$"
)
_SHAPES = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|"
    r"[sr]k_(live|test)_\w{10,}|sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|ya29\.[\w-]{20,}|AIza[\w-]{30,}|"
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|-----BEGIN [A-Z ]*KEY-----|"
    r"(?i:bearer|basic) [A-Za-z0-9+/_.=-]{12,}"
)
"""Of GitHub, GitLab, Slack, Stripe, OpenAI, AWS and Google; a JWT, a PEM key, an Authorization header."""
_SETTING = re.compile(
    r"(^|[?&;\s])[^=?&;\s]*(password|pwd|token|secret|api_?key|account_?key|signature|sig)\s*=\s*[^&;\s]",
    re.IGNORECASE,
)
"""``password=…`` in an address's query and in libpq's, ODBC's and Azure's connection strings."""

_FIRST_SETTING = re.compile(r"[\w ]+=")


def looks_secret(key: str, value: Any) -> bool:
    """Whether a literal under ``key`` looks like a secret."""
    if not isinstance(value, str) or not value.strip() or value.startswith(ENV_REFERENCE):
        return False
    if _SHAPES.search(value):
        return True
    named = bool(_SECRET_KEY.search(snake_case(key)))
    if "://" in value:
        return holds_password(value) or bool(_SETTING.search(value)) or (named and "@" in value)
    return named or bool(_FIRST_SETTING.match(value) and _SETTING.search(value))


def snake_case(key: str) -> str:
    """``apiKey`` and ``API-KEY`` as ``api_key``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())


@dataclass(frozen=True)
class Arguments:
    """``kwargs`` as they may be shown; ``literals`` are the secrets taken out, by the names put there."""

    kwargs: dict[str, Any]
    literals: Mapping[str, str] = field(default_factory=dict, repr=False)
    places: tuple[str, ...] = ()
    """Dotted paths of the literals, for warnings."""


def replaced(kwargs: Mapping[str, Any], put: Callable[[str, str], str]) -> dict[str, Any]:
    """``kwargs`` with ``put(path, literal)`` in place of each literal that looks like a secret, in order."""

    def walk(value: Any, key: str, path: str) -> Any:
        if isinstance(value, Mapping):
            return {str(k): walk(v, str(k), f"{path}.{k}" if path else str(k)) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [walk(item, key, f"{path}[{i}]") for i, item in enumerate(value)]
        return put(path, value) if looks_secret(key, value) else value

    return {str(k): walk(v, str(k), str(k)) for k, v in kwargs.items()}


def take_out(kwargs: Mapping[str, Any]) -> Arguments:
    """``kwargs`` with a numbered reference in place of each literal that looks like a secret."""
    literals: dict[str, str] = {}
    places: list[str] = []

    def put(path: str, literal: str) -> str:
        name = f"{LITERAL_NAME}{len(literals) + 1}"
        literals[name] = literal
        places.append(path)
        return f"{ENV_REFERENCE}{name}"

    return Arguments(replaced(kwargs, put), literals, tuple(places))


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string below ``value``, with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from strings(item, f"{path}[{i}]")


def is_reference(text: str) -> bool:
    """Whether a text is ``env:NAME``."""
    return bool(_REFERENCE.fullmatch(text))


def references(value: Any) -> list[str]:
    """Names of the ``env:NAME`` references below ``value``, each once, in order."""
    found = [text.removeprefix(ENV_REFERENCE) for _, text in strings(value) if _REFERENCE.fullmatch(text)]
    return list(dict.fromkeys(found))


def malformed(value: Any) -> list[str]:
    """Dotted paths of strings that begin like a reference but are none."""
    return [
        path
        for path, text in strings(value)
        if text.startswith(ENV_REFERENCE) and not _REFERENCE.fullmatch(text)
    ]


def embedded(value: Any) -> list[str]:
    """Dotted paths of strings with a reference somewhere inside, where it is not replaced."""
    inside = re.compile(r"(?<![A-Za-z0-9_])env:[A-Z][A-Z0-9_]*")
    return [
        path for path, text in strings(value) if not text.startswith(ENV_REFERENCE) and inside.search(text)
    ]


def copied(value: Any) -> Any:
    """A copy of a TOML value: its tables and lists are new; all other values are immutable."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
