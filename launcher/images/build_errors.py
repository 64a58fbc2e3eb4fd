"""Turns what a failed build printed into three lines that name the source and the way out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from launcher.environment.values import Environment
from launcher.errors import BuildError, Exit, without_credentials

SHOWN = 420
"""Characters of a resolver's text that are shown: about two lines of a wide terminal."""

_NETWORK = re.compile(
    r"dns error|failed to lookup address|Temporary failure in name resolution|Name or service not known"
    r"|Network is unreachable|[Cc]onnection refused|[Cc]ould ?n[o']t connect|error sending request"
    r"|[Cc]ould not resolve|tcp connect error|operation timed out|Network connectivity is disabled"
    r"|network was disabled",
)
_NO_BASE = re.compile(
    r"failed to do request: \w+ \S*/v2/(\S+)/manifests/([^\"]+)|(\S+): pull access denied|(\S+): not found$",
    re.MULTILINE,
)
_PREFIX = re.compile(
    r"^(?:error: )?No solution found when resolving dependencies(?: for split \(.*?\))?"
    r"(?::\s*(?:cause: )?|\s+cause: |\s+(?=Because ))"
)
"""Before uv's explanation; a lock is resolved in splits, one for each group of platforms or Pythons."""
_NO_SPACE = re.compile(r"[Nn]o space left on device|ENOSPC|disk quota exceeded")
_REASON = re.compile(r"^.*?((?:\w*(?:Error|Exception)|\b(?:fatal )?error)\b: .*)$", re.MULTILINE)
"""What build code says of its end: Python's own line, a compiler's, or setuptools'."""


def offline(lines: Sequence[str]) -> bool:
    """Whether the build failed for want of a network."""
    return any(_NETWORK.search(line) for line in lines)


def interpret(lines: Sequence[str], environment: Environment | None, *, what: str = "") -> BuildError:
    """The error to show for a failed step. ``what`` names the image where it is no source's own."""
    sources = environment.sources if environment else ()
    first, others = (sources[0], len(sources) - 1) if sources else ("", 0)
    name = what or (f"source '{first}'" if sources else "the image")
    name += f" (and {others} more)" if others and not what else ""
    # What follows is the builder's own summary, which says nothing of the cause.
    lines = [without_credentials(line) for line in lines]  # before any is cut
    lines = list(lines[: lines.index("------")] if "------" in lines[1:] else lines) or list(lines)
    text = "\n".join(lines)
    for line in lines:
        if "DLTPOD-ERROR" in line:
            told, _, hint = line.split("DLTPOD-ERROR", 1)[1].partition(" | ")
            return BuildError(
                f"{name}: {told.strip()}",
                hint.strip()
                or "set base_image: in sources.yml to an image of that Python, with {python} in its name",
            )
    if _NO_SPACE.search(text):
        return BuildError(
            f"{name}: the disk is full: no space left for the image",
            "dltpod gc --dry-run; docker system df; df -h",
        )
    if "ash mismatch" in text:
        found = re.search(r"[Hh]ash mismatch for `?([^`\n]+)`?", text)
        return BuildError(
            f"{name}: {found[1] if found else 'a package'} is not what the lock file says: its hash differs",
            f"find out who changed it; if the new file is right: dltpod lock {first}",
            exit_code=Exit.USAGE,
        )
    apt = re.search(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate", text)
    if apt:
        lacking = apt[1] or apt[2]
        if stale := re.search(r"Failed to fetch (.*)|package lists could not be updated", text):
            why = f" ({_shorten(stale[1], 120)})" if stale[1] else ""
            return BuildError(
                f"{name}: Debian's package lists could not be fetched, and the ones kept lack"
                f" '{lacking}'{why}",
                "check the network and HTTPS_PROXY, then run it again",
            )
        return BuildError(
            f"{name}: Debian has no package '{lacking}'",
            "container.system_packages takes Debian's names, as apt-cache search finds them",
            exit_code=Exit.USAGE,
        )
    pulled = _NO_BASE.search(text)
    if pulled:
        image = f"{pulled[1]}:{pulled[2]}" if pulled[1] else pulled[3] or pulled[4]
        return BuildError(
            f"{name}: base image {image} can't be pulled", "check base_image: and 'docker login'"
        )
    if offline(lines):
        missing = re.search(
            r"Failed to (?:fetch|download)[:]? `?([^`\n]+)`?|[Bb]ecause ([\w.-]+) was not found in the cache",
            text,
        )
        subject = f" ({_shorten(missing[1] or missing[2], 80)})" if missing else ""
        return BuildError(
            f"{name}: no network, and the wheel cache lacks what is needed{subject}",
            "check the network, HTTPS_PROXY and pip's or uv's index settings, then run it again",
        )
    resolver = _resolver(lines)
    if resolver:
        origins = _origins(resolver, environment)
        return BuildError(
            f"{name}: requirements that contradict each other or can't be had: {_shorten(resolver, SHOWN)}",
            origins or "see container.requirements and container.dlt",
            exit_code=Exit.USAGE,
        )
    cloned = re.search(
        r"[Gg]it operation failed|failed to (?:fetch|clone) (?:into|branch|commit|tag|repository)", text
    )
    if cloned:
        fatal = re.search(r"(?:fatal|error): (.*)", text[cloned.start() :])
        asked = [item for item in environment.requirements if "git+" in item.text] if environment else []
        places = "; ".join(f"'{item.text}' from {item.origin}" for item in asked)
        return BuildError(
            f"{name}: git could not fetch a requirement: {_shorten(fatal[1] if fatal else text[-200:], 200)}",
            places or "check the address, the ref and the credentials in ~/.netrc",
            exit_code=Exit.USAGE,
        )
    built = re.search(r"Failed to (?:build|download and build) `([^`]+)`", text)
    if built:
        reason = _REASON.findall(text)
        asked_by = _origins(built[1].split("==")[0], environment)
        python = environment.python if environment else ""
        return BuildError(
            f"{name}: {built[1]}{f' ({asked_by})' if asked_by else ''} has no wheel and could not be built:"
            f" {_shorten(reason[-1] if reason else text[-200:], 200)}",
            f"choose a version that has a wheel for Python {python}, or name what"
            " its build needs of Debian in container.system_packages (a compiler: gcc, libc6-dev)",
            exit_code=Exit.USAGE,
        )
    last = [line for line in lines if line.strip() and not line.startswith(("------", " >", ">"))]
    errors = [line for line in last if re.match(r"\s*(error|ERROR|E:|cause:|Caused by)", line)] or last[-2:]
    return BuildError(
        f"{name}: the image could not be built: {_shorten(' '.join(errors), SHOWN)}",
        f"dltpod build {first} --verbose shows all of it" if environment else "",
    )


def _resolver(lines: Sequence[str]) -> str:
    """uv's own explanation, on one line, without the frame that it draws and what the builder adds."""
    found: list[str] = []
    for line in lines:
        text = re.sub(r"^[\s│╰─▶\u00d7├]+", "", line).strip()
        if found and re.match(r"-{4}|>|executor failed|ERROR|error: failed to solve|failed to solve", text):
            break
        if text.startswith("hint: While the active Python version"):
            break  # it speaks of settings of uv's projects, and of the Python that dltpod itself runs on
        if found or "No solution found" in text or text.startswith("Because "):
            found.append(text)
    if not found:
        found = [line.strip() for line in lines if "was not found" in line or "no version of" in line]
    text = " ".join(found)
    return _PREFIX.sub("", text).strip()


def _origins(text: str, environment: Environment | None) -> str:
    """The lines of the project that ask for what the resolver's text is about."""
    if environment is None:
        return ""
    # The extras in `dlt[duckdb]` are no packages that the text speaks of.
    text = re.sub(r"\[[^\]]*\]", "", text)
    words = {canonicalize_name(word.rstrip(".-")) for word in re.findall(r"[A-Za-z0-9][\w.-]*", text)}
    found = []
    if "dlt" in words and environment.dlt_origin:
        found.append(f"'dlt{environment.dlt}' from {environment.dlt_origin}")
    for requirement in environment.requirements:
        name = re.match(r"[A-Za-z0-9][\w.-]*", requirement.text)
        if name and canonicalize_name(name[0]) in words:
            found.append(f"'{requirement.text}' from {requirement.origin}")
    return "; ".join(dict.fromkeys(found))


def _shorten(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + "…"
