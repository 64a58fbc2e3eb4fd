"""Write dispositions and schema contracts: dlt's own words, and what dlt itself is left to say."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import pytest
from dlt.common.schema import typing as dlts

from launcher.config.dlt_words import CONTRACT_MODES, DISPOSITIONS, SchemaContract
from launcher.plan.options import SyncOptions
from tests.unit.config.project import project, report
from tests.unit.engine.builders import plan

ENTRY = "sources:\n  - name: shop\n    dlt_native:\n      source_module: m\n      source_function: f\n"
PLACE = "sources.shop.dlt_native"


def found(root: Path, block: str) -> list[str]:
    return report(root, f"{ENTRY}      {block}\n")


def test_every_word_that_the_newest_dlt_knows_may_stand_there() -> None:
    assert set(DISPOSITIONS) == set(dlts.WRITE_DISPOSITIONS)
    assert set(CONTRACT_MODES) == set(typing.get_args(dlts.TSchemaEvolutionMode))
    assert set(SchemaContract.model_fields) == set(typing.get_args(dlts.TSchemaContractEntities))


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("write_disposition: {strategy: scd2}", "disposition: is missing"),
        ("write_disposition: {dispositon: merge}", "disposition: is missing"),
        ("write_disposition: {disposition: mrge}", "did you mean 'merge'?"),
        ("schema_contract: {colums: freeze}", "colums: unknown key; did you mean 'columns'?"),
        ("schema_contract: {columns: frieze}", "columns: 'frieze' must be one of evolve, discard_value"),
    ],
)
def test_a_fault_within_dlts_mappings_says_what_is_legal(tmp_path: Path, block: str, what: str) -> None:
    lines = found(tmp_path, block)
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"sources.yml:6: {PLACE}.{block.partition(':')[0]}.")
    assert what in lines[0]


@pytest.mark.parametrize(
    "given",
    [
        "merge",
        {"disposition": "replace"},
        {"disposition": "merge", "deduplicated": True},
        {"disposition": "merge", "source_filter": "id > 1\nand not gone"},
        {"disposition": "merge", "strategy": "of a newer dlt", "and_its_key": {"nested": [1]}},
        {
            "disposition": "merge",
            "strategy": "scd2",
            "validity_column_names": ["since", "until"],
            "active_record_timestamp": "9999-12-31",
            "boundary_timestamp": None,
            "row_version_column_name": "version",
        },
    ],
)
def test_the_job_is_told_the_write_disposition_as_it_stands_there(tmp_path: Path, given: object) -> None:
    made = project(tmp_path, f"{ENTRY}      write_disposition: {json.dumps(given)}\n")
    told = plan(tmp_path, made.sources[0], options=SyncOptions()).job.write_disposition
    assert told == given


def test_keys_that_are_left_empty_are_not_told(tmp_path: Path) -> None:
    empty = (
        "write_disposition: {disposition: merge, strategy: }",
        "schema_contract: {tables: , columns: freeze}",
    )
    text = ENTRY + "".join(f"      {block}\n" for block in empty)
    job = plan(tmp_path, project(tmp_path, text).sources[0]).job
    assert job.write_disposition == {"disposition": "merge"}
    assert job.schema_contract == {"columns": "freeze"}
