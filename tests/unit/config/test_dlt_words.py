"""Write dispositions and schema contracts: all that dlt knows may stand there, and nothing else."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import pytest
from dlt.common.schema import typing as dlts

from launcher.config.dlt_words import (
    CONTRACT_MODES,
    DISPOSITIONS,
    STRATEGIES,
    SchemaContract,
    WriteDisposition,
)
from launcher.plan.options import SyncOptions
from tests.unit.config.project import project, report
from tests.unit.engine.builders import plan

ENTRY = "sources:\n  - name: shop\n    dlt_native:\n      source_module: m\n      source_function: f\n"
PLACE = "sources.shop.dlt_native"
KEYS = ", ".join(WriteDisposition.model_fields)


def found(root: Path, block: str) -> list[str]:
    return report(root, f"{ENTRY}      {block}\n")


def test_every_word_that_the_newest_dlt_knows_may_stand_there() -> None:
    forms = typing.get_args(dlts.TWriteDispositionConfig)
    assert {key for form in forms for key in getattr(form, "__annotations__", ())} == set(
        WriteDisposition.model_fields
    )
    assert set(STRATEGIES) == set(dlts.MERGE_STRATEGIES)
    assert set(DISPOSITIONS) == set(dlts.WRITE_DISPOSITIONS)
    assert set(CONTRACT_MODES) == set(typing.get_args(dlts.TSchemaEvolutionMode))
    assert set(SchemaContract.model_fields) == set(typing.get_args(dlts.TSchemaContractEntities))


def test_an_unknown_key_of_a_write_disposition_is_a_fault_at_its_own_line(tmp_path: Path) -> None:
    block = "write_disposition:\n        disposition: merge\n        strategi: scd2"
    text = f"unknown key; did you mean 'strategy'?; known: {KEYS}"
    assert found(tmp_path, block) == [f"sources.yml:8: {PLACE}.write_disposition.strategi: {text}"]


def test_an_unknown_strategy_is_a_fault_with_the_near_miss_and_all_that_are_known(tmp_path: Path) -> None:
    text = "'scd3' must be one of delete-insert, upsert, insert-only, scd2, cdc; did you mean 'scd2'?"
    assert found(tmp_path, "write_disposition: {disposition: merge, strategy: scd3}") == [
        f"sources.yml:6: {PLACE}.write_disposition.strategy: {text}"
    ]


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("write_disposition: {strategy: scd2}", "disposition: is missing"),
        ("write_disposition: {dispositon: merge}", "did you mean 'disposition'?"),
        ("write_disposition: {disposition: mrge}", "did you mean 'merge'?"),
        (
            "write_disposition: {disposition: append, strategy: upsert}",
            "'upsert' is for disposition: merge, not for append",
        ),
        (
            "write_disposition: {disposition: merge, validity_column_names: [a, b]}",
            "is for strategy: scd2",
        ),
        (
            "write_disposition: {disposition: merge, strategy: scd2, skip_unchanged_rows: true}",
            "is for strategy: upsert or cdc",
        ),
        (
            "write_disposition: {disposition: merge, strategy: scd2, validity_column_names: [a]}",
            "must be two names",
        ),
        (
            "write_disposition: {disposition: merge, strategy: scd2, boundary_timestamp: [a]}",
            "must be a date or a time",
        ),
        ("write_disposition: {disposition: merge, deduplicated: maybe}", "must be true or false"),
        ("write_disposition: {disposition: merge, source_filter: ' '}", "must be an SQL condition"),
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
        *({"disposition": "merge", "strategy": strategy} for strategy in STRATEGIES),
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
