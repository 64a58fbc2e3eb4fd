"""The pipeline's working directory, and what the runner remembers beside it.

dlt's own folder is ``<state>/pipelines/<name>``. Beside it, in ``<state>/runner/``, lie a few lines
of memory and, while an extract goes on, a copy of what it may change. Every step here may be
killed at any point: files appear by rename, and what is half done is undone at the next start.
"""

from __future__ import annotations

import json
import os
import shutil
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from runner.contract import known_fields

STATE_FILE = "state.json"
_COPIED = ("schemas", STATE_FILE)
"""In this order: without the state, which is copied back last, a run that is killed begins to copy anew."""


@dataclass(frozen=True)
class Memory:
    """What the runner knows of a working directory from one run to the next."""

    destination: str = ""
    """Where its state belongs: another destination or dataset has other cursors."""
    swept: bool = False
    """Rows of loads that were never completed have been looked for, and no other folder has loaded since."""
    loaded: bool = False
    """At least one load went through, so the destination must know this pipeline."""
    loading: tuple[str, ...] = ()
    """Packages handed to dlt's loader. Old dlt drops a package whose job fails, and its rows with it."""
    epoch: str = ""
    """The destination's newest record of a load (see ``ledger``) as this folder knows it."""
    claiming: str = ""
    """The record that this folder was about to write when it was last heard of."""
    stored: str | None = None
    """The hash of the state that the destination held then, "" for none, None where it isn't known."""
    refresh: typing.Mapping[str, list[str] | None] = field(default_factory=dict)
    """The full refresh that what was extracted last is part of: resources by schema, None for all."""


class Workdir:
    """The folders of one pipeline below the state directory."""

    def __init__(self, state: Path, pipeline_name: str) -> None:
        self.pipelines = state / "pipelines"
        self.path = self.pipelines / pipeline_name
        self._memory = state / "runner" / f"{pipeline_name}.json"
        self._before = state / "runner" / f"{pipeline_name}.before"
        for folder in (self.pipelines, self._memory.parent):
            if folder.is_file():
                folder.unlink()

    @property
    def exists(self) -> bool:
        """Whether there is a pipeline's state, readable or not."""
        return self.path.is_file() or (self.path / STATE_FILE).exists()

    def empty(self) -> None:
        """Deletes the working directory and the memory. The state is restored from the destination later."""
        self.remember(Memory())
        _remove(self._before)
        _remove(self.path)

    def memory(self) -> Memory:
        """The memory as it was written last; an empty one if it can't be read."""
        try:
            known = known_fields(Memory, json.loads(self._memory.read_text(encoding="utf-8")))
            known["loading"] = tuple(known.get("loading") or ())
            return Memory(**known)
        except (OSError, ValueError, TypeError, AttributeError):
            return Memory()

    def remember(self, memory: Memory) -> None:
        """Writes the memory by rename, so that a kill leaves the old one or the new one."""
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        draft = self._memory.with_name(f"{self._memory.name}.draft")
        with draft.open("w", encoding="utf-8") as stream:
            json.dump(asdict(memory), stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(self._memory)

    def change(self, **fields: typing.Any) -> None:
        """Remembers these fields of the memory; the others stay as they are."""
        self.remember(replace(self.memory(), **fields))

    @contextmanager
    def extracting(self) -> Iterator[None]:
        """Undoes the extract in the body if it raises; ``undo_extract`` does so if it is killed.

        dlt commits a package of rows and the cursor that belongs to it one after the other, and
        sources with several schemas package by package; a kill in between would lose or double
        rows. So state and schemas are copied first, and a copy that is still there at the next
        start means that the extract was cut off.
        """
        draft = self._before.with_suffix(".draft")
        _remove(draft)
        draft.mkdir(parents=True)
        for name in _COPIED:
            _copy(self.path / name, draft / name)
        draft.rename(self._before)
        try:
            yield
        except BaseException:
            self.undo_extract()
            raise
        self._forget_copy()

    def undo_extract(self) -> bool:
        """Takes back an extract that was cut off. Returns whether there was one."""
        if not self._before.exists():
            return False
        self.path.mkdir(parents=True, exist_ok=True)
        _remove(self.path / "normalize")
        for name in _COPIED:
            _remove(self.path / name)
            _copy(self._before / name, self.path / name)
        self._forget_copy()
        return True

    def _forget_copy(self) -> None:
        # renamed first: a copy that is half deleted must not count as one
        rubbish = self._before.with_suffix(".rubbish")
        _remove(rubbish)
        self._before.rename(rubbish)
        _remove(rubbish)

    def prune(self) -> None:
        """Deletes what dlt keeps of finished loads; nothing reads it, and it grows with every run."""
        for folder in (self.path / "load" / "loaded").glob("*"):
            _remove(folder)

    def drop_normalized_twice(
        self, extracted: typing.Sequence[str], normalized: typing.Sequence[str]
    ) -> None:
        """Deletes extracted packages that were normalized whole before a kill.

        dlt moves the normalized package in place and then deletes the extracted one; a kill in
        between leaves both, and the rows would be normalized again.
        """
        for load_id in set(extracted) & set(normalized):
            _remove(self.path / "normalize" / "extracted" / load_id)


def _copy(source: Path, to: Path) -> None:
    """Copies a folder, or a file by rename; does nothing where there is none."""
    if source.is_dir():
        shutil.copytree(source, to)
    elif source.exists():
        draft = to.with_name(f"{to.name}.draft")
        shutil.copy2(source, draft)
        draft.rename(to)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()
