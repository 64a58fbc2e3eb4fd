"""One HTML page of what ran: self-contained, no network, readable on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TypeVar

from launcher.config.models import Source
from launcher.config.units import size
from launcher.console.text import number, seconds
from launcher.errors import counted
from launcher.report.style import SCRIPT, STYLE
from launcher.runs.history import OK, RUNNING, STOPPED, RunRecord

N = TypeVar("N", int, float)
BARS = 30
"""Runs of a source that its charts show, the newest on the right."""
LISTED = 100
"""Runs in the list at the end."""
_HEIGHT = 36
_STEP = 8


def page(project: str, sources: Sequence[Source], runs: Sequence[RunRecord], now: datetime) -> str:
    """The whole page. ``runs`` are all to be shown, the newest first; ``now`` is in UTC."""
    runs = [run for run in runs if run.action == "sync"]
    by_source: dict[str, list[RunRecord]] = {source.name: [] for source in sources}
    for run in runs:
        by_source.setdefault(run.source, []).append(run)
    shown = {source.name: source for source in sources}
    cards = [
        _card(name, shown.get(name), of)
        for name, of in sorted(by_source.items(), key=lambda item: (_rank(item[1]), item[0]))
    ]
    stamp = now.strftime("%Y-%m-%d %H:%M UTC")
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(project)}: dltpod report</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(project)}</h1><p>{stamp}</p></header>"
        f'<main><ul class="totals">{_totals(by_source)}</ul>'
        f'{_failures(by_source)}<h2>Sources</h2><div class="cards">{"".join(cards)}</div>'
        f"{_list(runs[:LISTED])}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _rank(runs: Sequence[RunRecord]) -> int:
    """Failed sources first, then running, stopped, well, and those that never ran."""
    return {RUNNING: 1, STOPPED: 2, OK: 3}.get(runs[0].status, 0) if runs else 4


def _totals(by_source: Mapping[str, Sequence[RunRecord]]) -> str:
    counts = dict.fromkeys(("failed", "running", "stopped", "ok", "never ran"), 0)
    for runs in by_source.values():
        counts[list(counts)[_rank(runs)]] += 1
    return "".join(
        f'<li class="{name.replace(" ", "-")}"><b>{count}</b> {name}</li>'
        for name, count in counts.items()
        if count or name in ("failed", "ok")
    )


def _failures(by_source: Mapping[str, Sequence[RunRecord]]) -> str:
    """What is wrong now: the last run of each source whose last run failed."""
    failed = [runs[0] for runs in by_source.values() if runs and _rank(runs) == 0]
    if not failed:
        return ""
    items = []
    for run in sorted(failed, key=lambda r: r.started, reverse=True):
        hint = f'<p class="hint">{escape(run.hint)}</p>' if run.hint else ""
        attempts = f" · {run.attempts} attempts" if run.attempts > 1 else ""
        items.append(
            f'<article class="failure"><h3>{escape(run.source)} '
            f'<span class="kind">{escape(run.kind or run.status)}</span></h3>'
            f"<p>{escape(run.message)}</p>{hint}"
            f"<p class='meta'>{_time(run.started)} · run {escape(run.run_id)}{attempts}</p></article>"
        )
    return f"<h2>Failing now</h2>{''.join(items)}"


def _card(name: str, source: Source | None, runs: Sequence[RunRecord]) -> str:
    last = runs[0] if runs else None
    status = _word(last.status) if last else "never ran"
    lines = [f'<h3><span class="dot {status.replace(" ", "-")}"></span>{escape(name)}</h3>']
    about = ["no longer in sources.yml"]
    if source is not None:
        about = [source.description, source.schedule or "", "" if source.enabled else "disabled"]
    if extra := " · ".join(filter(None, about)):
        lines.append(f'<p class="meta">{escape(extra)}</p>')
    if last is None:
        return f'<section class="card">{"".join(lines)}<p>never ran</p></section>'
    facts = [("status", escape(status)), ("last run", _time(last.started)), ("time", seconds(last.seconds))]
    if last.status == OK:
        facts.append(("rows", number(last.total_rows)))
    if last.peak_memory:
        facts.append(("memory", size(last.peak_memory)))
    well = sum(r.status == OK for r in runs)
    facts.append(("runs", f"{well} of {len(runs)} ok"))
    lines.append("<dl>" + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in facts) + "</dl>")
    recent = runs[BARS - 1 :: -1]
    lines.append(_chart("seconds", recent, [run.seconds for run in recent], seconds))
    lines.append(_chart("rows", recent, [run.total_rows for run in recent], number))
    return f'<section class="card">{"".join(lines)}</section>'


def _chart(title: str, runs: Sequence[RunRecord], values: Sequence[N], label: Callable[[N], str]) -> str:
    """Bars as inline SVG, one a run, with the value and the time in each one's tooltip."""
    top = max(values)
    highest = escape(label(top))
    width = BARS * _STEP
    start = width - len(runs) * _STEP
    bars = []
    for i, (run, value) in enumerate(zip(runs, values, strict=True)):
        height = max(value / (top or 1) * _HEIGHT, 2.0)
        bars.append(
            f'<rect class="{_word(run.status)}" x="{start + i * _STEP}" y="{_HEIGHT - height:.1f}" '
            f'width="{_STEP - 2}" height="{height:.1f}"><title>{escape(label(value))}, {_word(run.status)}, '
            f"{escape(_stamp(run.started))}</title></rect>"
        )
    return (
        f'<figure><figcaption>{title} <span>up to {highest}</span></figcaption><svg role="img" '
        f'aria-label="{title} of the last {counted(len(runs), "run")}, up to {highest}" '
        f'viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none">{"".join(bars)}</svg></figure>'
    )


def _list(runs: Sequence[RunRecord]) -> str:
    if not runs:
        return ""
    rows = "".join(
        f'<tr><td>{escape(r.source)}</td><td class="{_word(r.status)}">{escape(r.status)}</td>'
        f"<td>{escape(r.kind)}</td>"
        f'<td class="n">{number(r.total_rows)}</td><td class="n">{seconds(r.seconds)}</td>'
        f'<td class="n">{size(r.peak_memory)}</td><td>{_time(r.started)}</td><td>{escape(r.run_id)}</td></tr>'
        for r in runs
    )
    head = "".join(
        f'<th class="{"n" if name in ("rows", "time", "memory") else ""}">{name}</th>'
        for name in ("source", "status", "kind", "rows", "time", "memory", "started", "run")
    )
    return f'<h2>Runs</h2><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _word(status: str) -> str:
    return status if status in (OK, RUNNING, STOPPED) else "failed"


def _stamp(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ") + " UTC"


def _time(timestamp: str) -> str:
    """A time in UTC, which the page's script turns into the reader's own."""
    return f'<time datetime="{escape(timestamp)}">{escape(_stamp(timestamp))}</time>'
