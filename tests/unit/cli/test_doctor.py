"""What ``doctor`` says of the machine that it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.check.machine import FAIL, OK, WARN, base_images, cloud, examine
from tests.unit.config.project import entries, project


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("sys_vendor", "Amazon EC2", "Amazon EC2"),
        ("product_name", "Google Compute Engine", "Google Cloud"),
        ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"),
        ("chassis_asset_tag", "OracleCloud.com", "Oracle Cloud"),
        ("product_name", "Alibaba Cloud ECS", "Alibaba Cloud"),
    ],
)
def test_a_machine_of_a_cloud_is_warned_of_for_it_hands_out_its_credentials(
    tmp_path: Path, file: str, text: str, name: str
) -> None:
    (tmp_path / file).write_text(f"{text}\n")
    (finding,) = cloud(tmp_path)
    assert (finding.status, finding.text.split("'s:")[0]) == (WARN, f"this machine is {name}")


def test_a_machine_of_no_cloud_is_not(tmp_path: Path) -> None:
    (tmp_path / "sys_vendor").write_text("Microsoft Corporation\n")  # Hyper-V on a desk
    assert list(cloud(tmp_path)) == []


def test_the_way_to_a_base_image_that_is_not_there_is_a_command_that_works(tmp_path: Path) -> None:
    text = entries("a").replace("name: a,", "name: a, container: {python: '3.11'},")
    (finding,) = base_images(project(tmp_path, text), set())
    assert finding.status == WARN
    assert finding.hint.endswith("make one from Debian packages: make base-image PYTHON=3.11")


def test_a_base_image_made_here_is_good_for_a_project_without_a_mirror_only(tmp_path: Path) -> None:
    there = {"dltpod/base:3.13"}
    (own,) = base_images(project(tmp_path, entries("a")), there)
    assert (own.status, own.text) == (OK, "dltpod/base:3.13 is there")
    mirror = "base_image: mirror.example/python:{python}\n" + entries("a")
    (finding,) = base_images(project(tmp_path, mirror), there)
    assert finding.text.startswith("mirror.example/python:3.13 is not present")
    assert "base_image:" in finding.hint


def test_a_file_in_the_place_of_a_folder_of_dltpods_is_wrong(tmp_path: Path) -> None:
    made = project(tmp_path, entries("a"))
    made.private.write_text("")
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "PATH": ""}
    found = [finding for finding in examine(lambda: made, nowhere) if finding.what == "folder"]
    assert [(finding.status, finding.text) for finding in found] == [
        (FAIL, f"{made.private} is a file"),
        (OK, f"{made.data} can be written"),
    ]
