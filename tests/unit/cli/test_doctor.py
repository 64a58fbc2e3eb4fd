"""What ``doctor`` says of the machine that it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.check.machine import WARN, cloud


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
