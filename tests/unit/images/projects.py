"""Small projects to describe."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from launcher.config.models import Container, DltNative, Project, Source, VerifiedSources
from launcher.environment.describe import describe
from launcher.environment.values import Environment
from launcher.environment.verified_sources import Repository


def source(
    name: str = "one", *, module: str = "demo", destination: str = "postgres", **container: Any
) -> Source:
    return Source(
        name=name,
        destination=destination,
        dlt_native=DltNative(source_module=module, source_function="rows"),
        container=Container(**container),
    )


def project(root: Path, *sources: Source, verified: VerifiedSources | None = None) -> Project:
    (root / "custom_sources").mkdir(exist_ok=True)
    return Project(
        root=root,
        file=root / "sources.yml",
        name="acme",
        sources=sources,
        lines={item.name: number * 10 for number, item in enumerate(sources, 1)},
        verified_sources=verified or VerifiedSources(),
    )


def described(root: Path, one: Source, *others: Source, verified: Repository | None = None) -> Environment:
    return describe(project(root, one, *others), one, base_identity="sha256:base", verified=verified)


def verified_tree(root: Path) -> Path:
    """A work tree of the shape of dlt's verified-sources repository, with three stand-ins."""
    for name, requirements in (("jira", "dlt>=0.5.1\n"), ("zoo", "six<2\ndlt>=0.5.1\n"), ("weather", None)):
        folder = root / "sources" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(
            "import dlt\n\n\n@dlt.resource\ndef rows():\n    yield {'a': 1}\n"
        )
        if requirements is not None:
            (folder / "requirements.txt").write_text(requirements)
        (root / "sources" / f"{name}_pipeline.py").write_text("")
    return root


def committed(tree: Path) -> str:
    """Makes a git repository of a tree; the commit."""
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "master"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "A tree"], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return done.stdout.strip()
