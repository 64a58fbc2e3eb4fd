"""Every piece of a ``sources.yml`` in README and docs is one that dltpod takes, up to ``check --deep``.

Secrets, variables and modules of the reader's own are stubs here. Another test does what the guides say.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher import config
from launcher.config.verified import KNOWN
from tests.containers.cli.calls import dltpod
from tests.containers.folder import REPOSITORY, Folder
from tests.containers.gallery.verified import WRITTEN

PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("docs/*.md")),
    REPOSITORY / "custom_sources/README.md",
]
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.S | re.M)
ENTRY = {"name": "example", "dlt_native": {"source_module": "shop", "source_function": "shop"}}
OF_DLT = ("rest_api", "sql_database", "filesystem")
SECRETS = {"subdomain": "acme", "email": "bot@example.com", "api_token": "token-of-jira"}
STUB = """

@dlt.resource(primary_key="id")
def {function}(**arguments):
    yield {{"id": 1}}
"""
# These say what an image holds, and which hosts and folders there are: all made up in the docs.
OF_THE_READER = ("requirements", "system_packages", "python", "dlt", "network", "egress", "extras", "mounts")


def blocks() -> list[Any]:
    """A whole ``sources.yml`` for each block of the docs that is one, or a part of one."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.finditer(text):
            place = f"{page.relative_to(REPOSITORY)}:{text.count(chr(10), 0, block.start()) + 1}"
            if "apiVersion" not in block[1]:  # Kubernetes' own
                found.append(pytest.param(block[1], id=place))
    return found


def whole(block: str) -> str:
    """The file that a block is, or is part of."""
    content = yaml.safe_load(block)
    if {"dlt_native", "container", "kubernetes"} & set(content):
        entry = "".join(f"    {line}\n" for line in block.splitlines())
        rest = "" if "dlt_native" in content else f"    dlt_native: {json.dumps(ENTRY['dlt_native'])}\n"
        return f"sources:\n  - name: example\n{entry}{rest}"
    return block if "sources" in content else f"{block}sources: [{json.dumps(ENTRY)}]\n"


@pytest.mark.parametrize("block", blocks())
def test_a_block_of_the_docs_is_a_sources_yml_without_faults(block: str, tmp_path: Path) -> None:
    file = tmp_path / "sources.yml"
    file.write_text(whole(block))
    assert config.load(file).sources


@pytest.mark.usefixtures("offline")
def test_the_sources_in_blocks_of_the_docs_pass_a_deep_check(project: Folder) -> None:
    own: dict[str, str] = {}
    seen = set()
    for number, block in enumerate(blocks()):
        # a date is a text in JSON
        read = json.loads(json.dumps(yaml.safe_load(whole(block.values[0])), default=str))
        for source in read["sources"]:
            native = source["dlt_native"]
            module, function = native.pop("source_module"), native.pop("source_function")
            native.pop("pipeline_name", None)
            arguments = native.pop("function_kwargs", None)
            is_own = module not in (*OF_DLT, *KNOWN)
            # a stub is like any other, and takes all arguments
            if (one := json.dumps([native, is_own or [module, function, arguments]])) in seen:
                continue
            seen.add(one)
            if is_own:
                own[module] = own.get(module, "import dlt\n") + STUB.format(function=function)
                project.code(module, own[module])
            container = {k: v for k, v in source.get("container", {}).items() if k not in OF_THE_READER}
            for mount in source.get("container", {}).get("mounts", ()):
                if (REPOSITORY / mount.partition(":")[0]).is_file():
                    borrowed = project.root / mount.partition(":")[0]
                    borrowed.parent.mkdir(exist_ok=True)
                    shutil.copy(REPOSITORY / mount.partition(":")[0], borrowed)
                    container["mounts"] = [mount]
            name = f"{source['name']}_{number}"
            project.source(name, module, function, arguments, container=container, native=native)
    content = json.loads((project.root / "sources.yml").read_text())
    content["verified_sources"] = {"location": str(WRITTEN)}
    project.write("sources.yml", json.dumps(content))
    keys = "".join(f'{key} = "{value}"\n' for key, value in SECRETS.items())
    bases = "".join(
        f'[sources.{source["name"]}]\ncredentials = "sqlite://"\n'
        for source in content["sources"]
        if source["dlt_native"]["source_module"] == "sql_database"
        and not source["dlt_native"]["function_kwargs"]
    )
    project.write(".dlt/secrets.toml", f"[sources.jira]\n{keys}{bases}").chmod(0o600)
    project.write(".env", "JIRA_TOKEN=token-of-jira\nEXAMPLE_TOKEN=token-of-example\n").chmod(0o600)
    said = dltpod(project, "check", "--deep")
    assert said.code == 0, said.out + said.err
