"""What the values of ``sources.yml`` must look like, one check for each form.

Each check takes the value and returns what is wrong with it (None where nothing is), or raises ValueError.
``Form`` makes an annotation of a check. What needs the disk or other entries is in ``launcher.config.rules``.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from launcher.config import cron, units
from launcher.errors import without_credentials

if TYPE_CHECKING:
    from typing_extensions import Self

Check = Callable[[Any], object]

IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
SIZE = r"\d+(\.\d+)?([kmgtKMGT]i?)?[bB]?"
DURATION = r"(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?s)?"
EGRESS = r"(\[[0-9a-fA-F:.]+(/\d{1,3})?\]|[\d.]+/\d{1,2}|[A-Za-z0-9_.-]+):\d{1,5}"
INSTALL = (
    r"git\+(https|ssh)://[^\s#]+@[0-9a-f]{40}"
    r"|https://[^\s#]+\.whl#sha256=[0-9a-f]{64}"
    r"|\.{1,2}(/[A-Za-z0-9_. -]+)*/?"
)
OWN_TARGETS = (
    "/state",
    "/data",
    "/run",
    "/tmp",
    "/opt/custom_sources",
    "/opt/verified_sources",
    "/opt/venv",
    "/opt/dltpod",
)
OWN_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "DLT_PROJECT_DIR", "DLT_CONFIG_FOLDER")
SYSTEM_TARGETS = ("/proc", "/sys", "/dev", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var/run")
RESERVED_NAMES = frozenset(
    (
        "sources",
        "destination",
        "runtime",
        "extract",
        "normalize",
        "load",
        "data_writer",
        "schema",
        "credentials",
    )
)
"""Tables of dlt's own configuration: a pipeline of such a name would read them as its section."""
DEVICE_NAMES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)))
)
"""No file can be called so on Windows; dlt refuses them for a pipeline everywhere (FileStorage)."""


class Model(BaseModel):
    """The base of all models of ``sources.yml``: strict, frozen, no unknown keys, no input in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def __deepcopy__(self, memo: object = None) -> Self:
        """Itself, as nothing changes it: pydantic copies a default for each of thousands of sources."""
        return self


def fault(wrong: str) -> PydanticCustomError:
    """The error for a value of which ``wrong`` says what is wrong."""
    return PydanticCustomError("form", "{wrong}", {"wrong": wrong})


@dataclass(frozen=True)
class Form:
    """An annotation for pydantic, which has checked the value's type before ``check`` sees it.

    ``pattern`` and ``longest`` are for the JSON Schema only.
    """

    check: Check
    pattern: str = ""
    longest: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        try:
            wrong = self.check(value)
        except ValueError as error:
            wrong = str(error)
        if isinstance(wrong, str):
            raise fault(wrong)
        return value

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        made = dict(handler(schema))
        if self.pattern:
            made["pattern"] = f"^({self.pattern})$"
        if self.longest is not None:
            made["maxLength"] = self.longest
        return made


def matches(pattern: str, legal: str, longest: int = 200) -> Form:
    """Text that matches a regular expression as a whole; ``legal`` ends the sentence 'must be ...'."""
    compiled = re.compile(pattern)

    def check(text: str) -> str | None:
        if len(text) > longest:
            return f"must be at most {longest} characters"
        return None if compiled.fullmatch(text) else f"must be {legal}"

    return Form(check, pattern, longest)


NAME = matches(rf"{IDENTIFIER}(-[A-Za-z0-9_]+)*", "letters, digits and underscores", 100)
"""Of a pipeline or a dataset: a name of files and of tables' schemas."""


def size(text: str) -> str | None:
    return None if units.parse_size(text) >= 6 << 20 else "must be at least 6m, Docker's least"


def schedule(text: str) -> str | None:
    why = cron.fault(text)
    return f"is not a cron expression: {why}" if why else None


def split_mount(text: str) -> tuple[str, str, bool]:
    """Host path, path in the container and read-only, of ``HOST:TARGET[:ro|rw]``. Raises ValueError."""
    found = re.fullmatch(r"([^:]+):([^:]+)(:ro|:rw)?", text)
    if found is None:
        raise ValueError("must be HOST:TARGET, HOST:TARGET:ro or HOST:TARGET:rw (ro is the default)")
    return found[1], found[2], found[3] != ":rw"


def _at_or_around(path: str, other: str) -> bool:
    return path == other or path.startswith(other + "/") or other.startswith(path + "/")


def mount(text: str) -> str | None:
    try:
        host, target, _ = split_mount(text)
    except ValueError as error:
        return str(error)
    if any(not c.isprintable() for c in text):
        return "contains an unprintable character"
    if not re.match("/[^/]", target) or posixpath.normpath(target) != target:
        return "must end in an absolute path of the container, such as /workspace/data"
    for own in OWN_TARGETS:
        if _at_or_around(target, own):
            return f"must not cover {own}, which dltpod keeps for itself; /workspace/... is free"
    for system in (*SYSTEM_TARGETS, "/etc/passwd", "/etc/group"):
        if _at_or_around(target, system):
            return f"must not cover {system} of the container; /workspace/... is free"
    if "$" in host:
        return "variables are not expanded here; write the path"
    return None


def network(text: str) -> str | None:
    if text == "host":
        return (
            "must not be host: it would remove the isolation; host.docker.internal reaches this host anyway"
        )
    known = text != "default" and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text)
    return None if known else "must be bridge, none or the name of a network of the engine"


def split_egress(text: str) -> tuple[str, int]:
    """Host (a name, an address or a network, without the brackets of IPv6) and port. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("must be HOST:PORT, such as api.atlassian.com:443")
    if host.startswith("[") and host.endswith("]"):
        return _fixed(host[1:-1], ipaddress.IPv6Network), int(port)
    if re.fullmatch(r"[\d.]+(/\d+)?", host):
        return _fixed(host, ipaddress.IPv4Network), int(port)
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    if len(host) > 253 or not re.fullmatch(rf"{label}(\.{label})*", host):
        raise ValueError(
            "must be HOST:PORT: a host name, address or network without scheme, path or wildcard, and a port"
        )
    return host.lower(), int(port)


def _fixed(text: str, kind: type[ipaddress.IPv4Network] | type[ipaddress.IPv6Network]) -> str:
    """An address or a network as one writes it. Raises ValueError."""
    try:
        found = kind(text, strict=False)
    except ValueError:
        raise ValueError("must be HOST:PORT with a valid address") from None
    if "/" not in text:
        return str(found.network_address)
    if found.network_address != ipaddress.ip_address(text.partition("/")[0]):
        raise ValueError(f"must be a network by its first address: {found}")
    return str(found)


def python_version(text: str) -> str | None:
    found = re.fullmatch(r"3\.(\d{1,2})(\.\d{1,2})?", text)
    if found is None:
        return 'must be a version of Python, such as "3.13"'
    return None if int(found[1]) >= 10 else "must be 3.10 or newer"


def dlt_specifier(text: str) -> str | None:
    if re.fullmatch(r"\d+(\.\d+)*([a-z]+\d+)?", text):
        return f'must be a version specifier: write "=={text}"'
    one = r"(==|~=|>=|<=|!=|<|>)\s*\d+(\.(\d+|\*))*([abrc.dev]+\d+)?"
    known = re.fullmatch(rf"{one}(\s*,\s*{one})*", text)
    return None if known else 'must be a version specifier, such as "==1.31.0"'


def requirement(text: str) -> str | None:
    """Refuses what must reach neither pip nor uv. Names and versions are checked when the source is built."""
    if not text.strip() or any(c in text for c in "\n\r\0"):
        return "must be one requirement on one line"
    if text.lstrip().startswith("-"):
        return "must be a requirement, not an option of pip; an index is set by UV_INDEX_URL or PIP_INDEX_URL"
    if holds_credentials(text):
        return "must not contain a password or a token; give it to git or to the index in the environment"
    path = named_path(text)
    return f"must name a local package by its path alone: {path}" if path else None


def holds_credentials(text: str) -> bool:
    """Whether an address in the text has a user or a password, other than ``git``, which is no secret."""
    return without_credentials(text).replace("://git@", "://") != text.replace("://git@", "://")


def named_path(text: str) -> str | None:
    """``./packages/erp[pdf]`` of ``erp[pdf] @ ./packages/erp`` and of ``file:packages/erp``; else None.

    Tools take these forms, but not as paths of the project: the image would be built without the package.
    """
    found = re.fullmatch(
        r"\s*(?:[A-Za-z0-9][\w.-]*\s*(?P<extras>\[[^\]]*\])?\s*(?P<at>@)\s*)?(?P<scheme>file:)?(?P<path>[^\s;]+).*",
        text,
        re.DOTALL,
    )
    if found is None or not (found["scheme"] or (found["at"] and ":" not in found["path"])):
        return None
    path = found["path"]
    if path.startswith(("/", "~")):
        return f"./FOLDER{found['extras'] or ''}, from the folder of sources.yml"
    return f"{path if path.startswith(('./', '../')) else f'./{path}'}{found['extras'] or ''}"


def section(text: str) -> str | None:
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", text):
        return "must be a dotted section, such as sources.acme"
    if text in ("sources", "destination"):
        return f"must name one section below [{text}]: the whole would contain the secrets of all others"
    return None


def env_name(text: str) -> str | None:
    if not re.fullmatch(IDENTIFIER, text):
        return "must be the name of an environment variable"
    return "is reserved: dltpod's runner depends on it" if text in OWN_VARIABLES else None


def reserved(text: str) -> str | None:
    """Why no pipeline can have this name; None if one can."""
    if text.lower() in RESERVED_NAMES:
        return "a table of dlt's own configuration"
    if text.lower() in DEVICE_NAMES:
        return "a device's name on Windows, which dlt allows for no pipeline"
    return None


def pipeline_name(text: str) -> str | None:
    why = reserved(text)
    return f"must not be '{text}', {why}" if why else None


def webhook(text: str) -> str | None:
    if text.startswith("env:"):
        named = re.fullmatch(f"env:{IDENTIFIER}", text)
        return None if named else "must be env: and the name of a variable, such as env:API_KEY"
    found = re.fullmatch(r"https?://[^\s/?#]+\S*", text)
    return None if found else 'must be an http(s) address, or "env:NAME" for the variable that holds it'


def install(text: str) -> str | None:
    """Where CI installs dltpod from: only what can't become something else later under the same name."""
    if re.fullmatch(INSTALL, text) and not holds_credentials(text):
        return None
    return (
        "must be git+https://HOST/dltpod@COMMIT with all 40 digits, https://HOST/dltpod.whl#sha256=HASH with "
        "all 64, or the folder of a clone in this repository (./vendor/dltpod); without a password"
    )


def base_image(text: str) -> str | None:
    if "{" in text.replace("{python}", "") or not re.fullmatch(r"[a-z0-9][\w.:/@{}-]*", text, re.ASCII):
        return "must be an image's name, such as python:{python}-slim; {python} stands for the version"
    return None


Size = Annotated[str, Form(size, SIZE)]
Duration = Annotated[str, Form(units.parse_duration, DURATION)]
Address = Annotated[str, Form(webhook, rf"https?://\S+|env:{IDENTIFIER}")]
"""Of the web, or a reference to a variable that holds one."""
