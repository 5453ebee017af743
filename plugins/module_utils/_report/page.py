# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one self-contained HTML page, which needs no script to be read. Pure."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
from typing import Any

from .fleet import Level, Report, Row, moment, until

# What a full bar means: about the life of an access token, and of a refresh token.
ACCESS_SECONDS, REFRESH_SECONDS = 12 * 3600, 30 * 86400

_WORDS = {Level.NOW: "Now", Level.SOON: "Soon", Level.FINE: "Fine"}
_STATES = {"logged_out": "logged out", "log_in": "log in again", "none": "no login"}
_COLUMNS = (
    ("Needs you", "number"),
    ("Host", "text"),
    ("User", "text"),
    ("CLI", "text"),
    ("Login", "text"),
    ("Ends", "number"),
    ("Refresh token ends", "number"),
    ("Agents fresh", "number"),
    ("Exposed", "number"),
    ("What is wrong, and what to do", "text"),
)

_STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b1f24;--quiet:#57606a;--line:#d5dae0;--link:#0b57d0;
--now:#b3261e;--now-soft:#fdecea;--soon:#7a4b00;--soon-soft:#fff4de;--fine:#1a6b35;--fine-soft:#e8f5ec;--track:#dde2e8}
@media(prefers-color-scheme:dark){:root{--page:#101418;--card:#181d23;--ink:#e8ebee;--quiet:#a7b0ba;--line:#333b44;
--link:#8ab4f8;--now:#ff9b93;--now-soft:#3a1d1c;--soon:#ffc766;--soon-soft:#37290f;--fine:#7fd79b;--fine-soft:#15301f;
--track:#39424c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.4 system-ui,sans-serif}
main{max-width:1600px;margin:auto;padding:1rem}
h1{font-size:1.35rem;margin:0}
.lead{font-size:1.1rem;font-weight:600;margin:.35rem 0}
.quiet{color:var(--quiet);margin:.2rem 0}
#old{background:var(--soon-soft);color:var(--soon);border:1px solid;border-radius:6px;padding:.4rem .7rem}
.tools{display:flex;flex-wrap:wrap;gap:.5rem .8rem;align-items:end;margin:1rem 0 .6rem}
.tools label{flex:1 1 14rem;max-width:30rem;font-size:.9rem}
input{width:100%;font:inherit;padding:.45rem .6rem;border:1px solid var(--quiet);border-radius:6px;
background:var(--card);color:var(--ink)}
button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--quiet);border-radius:6px;
padding:.45rem .7rem;cursor:pointer}
button[aria-pressed=true]{background:var(--ink);color:var(--page);border-color:var(--ink)}
:focus-visible{outline:3px solid var(--link);outline-offset:1px}
table{width:100%;table-layout:fixed;border-collapse:collapse;background:var(--card);border:1px solid var(--line)}
caption{caption-side:bottom;text-align:left;color:var(--quiet);font-size:.9rem;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
thead th{padding:0;background:var(--card)}
thead button{border:0;border-radius:0;width:100%;text-align:left;font-weight:600;font-size:.85rem;padding:.4rem .5rem}
thead button::after{content:" \\2195";color:var(--quiet)}
[aria-sort=ascending] button::after{content:" \\2191"}
[aria-sort=descending] button::after{content:" \\2193"}
tbody th{font-weight:600}
.mark{display:inline-block;padding:.05rem .5rem;border-radius:1rem;border:1px solid;font-weight:600;font-size:.9rem;
white-space:nowrap}
.now .mark{color:var(--now);background:var(--now-soft)}
.soon .mark{color:var(--soon);background:var(--soon-soft)}
.fine .mark{color:var(--fine);background:var(--fine-soft)}
.now td:first-child{box-shadow:inset 4px 0 var(--now)}
.soon td:first-child{box-shadow:inset 4px 0 var(--soon)}
.time{white-space:nowrap}
svg{display:block;width:6rem;max-width:100%;height:6px;margin-top:.3rem}
.track{fill:var(--track)}
.left{fill:var(--fine)}
.left.low{fill:var(--soon)}
.left.none{fill:var(--now)}
ul{margin:0;padding:0;list-style:none}
li+li{margin-top:.25rem}
th:nth-child(1),th:nth-child(3){width:5rem}th:nth-child(2){width:15%}th:nth-child(4){width:5.2rem}
th:nth-child(5){width:7.1rem}th:nth-child(6){width:6.3rem}th:nth-child(7){width:6.8rem}th:nth-child(8),th:nth-child(9){width:5.4rem}
.some{color:var(--now);font-weight:600}
[hidden]{display:none!important}
@media(max-width:1100px){
table,tbody,tr,th,td,caption{display:block}
table{border:0;background:none}
thead,thead tr{display:block}
thead tr{display:flex;flex-wrap:wrap;gap:.3rem;margin-bottom:.6rem}
thead th{border:1px solid var(--line);border-radius:6px;overflow:hidden}
thead th:last-child{display:none}
thead button{padding:.25rem .45rem;font-size:.85rem}
thead tr th:nth-child(n){width:auto}
tbody tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));background:var(--card);
border:1px solid var(--line);border-radius:8px;margin-bottom:.7rem;padding:.3rem}
tbody tr.now{border-left:5px solid var(--now)}tbody tr.soon{border-left:5px solid var(--soon)}
tbody tr:nth-child(n) td:first-child{box-shadow:none}
tbody th,tbody td{border:0;padding:.3rem .5rem;order:2}
tbody [data-label]::before{content:attr(data-label);display:block;color:var(--quiet);font-size:.8rem;font-weight:400}
tbody tr th:nth-child(n){grid-column:1/-1;order:0;width:auto;font-size:1.05rem}
tbody td:last-child{grid-column:1/-1;order:1}
tbody td:first-child{order:0;grid-column:1/-1}
tbody th[data-label]::before,tbody td:first-child::before,tbody td:last-child::before{content:none}
tbody td:last-child:empty{display:none}
}
@media print{
:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--quiet:#444;--line:#999;--now:#8a1009;--soon:#5c3800;
--fine:#0d4d22;--now-soft:#fff;--soon-soft:#fff;--fine-soft:#fff;--track:#ccc}
.tools,#old{display:none}main{max-width:none;padding:0}body{font-size:10pt}
tr{break-inside:avoid}th:nth-child(n){width:auto}table{table-layout:auto}
thead button{padding:.2rem}thead button::after{content:""}thead{display:table-header-group}
svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""

# Sorting and searching move and hide rows that are there; no text of the page becomes markup again.
_SCRIPT = """
"use strict";
const body = document.querySelector("tbody"), rows = [...body.rows], search = document.getElementById("search");
const heads = [...document.querySelectorAll("thead th")], levels = [...document.querySelectorAll("[data-level]")];
const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
const collator = new Intl.Collator(undefined, {numeric: true, sensitivity: "base"});
let level = "";
function show() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const fits = (!level || row.className === level) && words.every(word => texts.get(row).includes(word));
    row.hidden = !fits;
    count += fits;
  }
  document.getElementById("shown").textContent = count + " of " + rows.length + " shown";
}
function sort(column, down) {
  const isNumber = heads[column].dataset.kind === "number";
  const value = row => row.cells[column].dataset.value;
  const order = isNumber ? (a, b) => value(a) - value(b) : (a, b) => collator.compare(value(a), value(b));
  const told = down ? "descending" : "ascending";
  heads.forEach((head, at) => head.setAttribute("aria-sort", at === column ? told : "none"));
  body.append(...[...rows].sort((a, b) => down ? order(b, a) : order(a, b)));
}
heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () =>
  sort(column, head.getAttribute("aria-sort") === "ascending")));
levels.forEach(button => button.addEventListener("click", () => {
  level = button.dataset.level;
  levels.forEach(other => other.setAttribute("aria-pressed", other === button));
  show();
}));
search.addEventListener("input", show);
function span(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]])
    if (seconds >= 2 * size || (size === 60 && seconds >= 60)) return Math.floor(seconds / size) + " " + unit;
  return Math.floor(seconds) + " s";
}
function tick() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time[data-end]")) {
    const left = time.dataset.end - now, full = time.dataset.full;
    time.textContent = left > 0 ? "in " + span(left) : span(-left) + " ago";
    const bar = time.parentNode.querySelector(".left");
    bar.setAttribute("width", Math.max(2, Math.min(100, 100 * left / full)));
    bar.setAttribute("class", left <= 0 ? "left none" : left < full / 10 ? "left low" : "left");
  }
  const made = document.getElementById("made"), age = now - made.dataset.made;
  made.textContent = age < 60 ? "just now" : span(age) + " ago";
  document.getElementById("old").hidden = age < 7200;
}
document.querySelector(".tools").hidden = false;
show();
tick();
setInterval(tick, 30000);
"""


def page(told: Report) -> str:
    """The whole page."""
    now = moment(told.generated_at) or datetime.datetime.now(datetime.timezone.utc)
    # The policy allows this page's own style and script, and nothing else at all.
    policy = (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )
    heads = "".join(
        f'<th scope="col" role="columnheader" data-kind="{kind}" aria-sort="{"ascending" if not at else "none"}">'
        f'<button type="button">{text(name)}</button></th>'
        for at, (name, kind) in enumerate(_COLUMNS)
    )
    buttons = f'<button type="button" data-level="" aria-pressed="true">All {len(told.rows)}</button> ' + " ".join(
        f'<button type="button" data-level="{level.value}" aria-pressed="false">{word} {told.count(level)}</button>'
        for level, word in _WORDS.items()
    )
    rows = "\n".join(_row(row, now) for row in told.rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{text(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{told.needs_a_person} need a person - logins of the fleet</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Logins of the fleet</h1>
<p class="lead">{text(told.sentence)}</p>
<p class="quiet">Looked at <span id="made" data-made="{now.timestamp():.0f}">at</span>, \
<time datetime="{text(told.generated_at)}">{text(told.generated_at)}</time>.</p>
<p id="old" role="status" hidden>This page is more than two hours old: run the report again, then reload.</p>
<div class="tools" hidden>
<label>Search<input id="search" type="search" autocomplete="off" aria-controls="logins"></label>
<div role="group" aria-label="Show">{buttons}</div>
<span id="shown" class="quiet" role="status"></span>
</div>
<table id="logins" role="table">
<caption>A line for each login of each host. A full bar is 12 hours of an access token, 30 days of a refresh
token.</caption>
<thead role="rowgroup"><tr role="row">{heads}</tr></thead>
<tbody role="rowgroup">
{rows}
</tbody>
</table>
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def text(value: Any) -> str:
    """Foreign text as HTML, in an element or an attribute: the one way by which anything comes into the page."""
    return html.escape(str(value), quote=True)


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _row(row: Row, now: datetime.datetime) -> str:
    sentences = "".join(f"<li>{text(one)}</li>" for one in row.problems)
    sentences += "".join(f'<li class="quiet">{text(one)}</li>' for one in row.notes)
    exposed = f'<span class="some">{row.exposed}</span>' if row.exposed else "none"
    cells = (
        f'<span class="mark">{_WORDS[row.level]}</span>',
        text(row.host),
        text(row.user or "-"),
        text(row.cli),
        text(_STATES.get(row.state, row.state)),
        _time(row.ends_at, ACCESS_SECONDS, now),
        _time(row.refresh_ends_at, REFRESH_SECONDS, now),
        f"{row.fresh} of {row.total}" if row.is_login else "-",
        exposed if row.is_login else "-",
        f'<ul role="list">{sentences}</ul>' if sentences else "",
    )
    values = (
        list(Level).index(row.level),
        row.host,
        row.user,
        row.cli,
        row.state,
        _seconds(row.ends_at),
        _seconds(row.refresh_ends_at),
        row.fresh / row.total if row.total else -1,
        row.exposed,
        (*row.problems, *row.notes, "")[0],
    )
    made = []
    for (name, _kind), cell, value in zip(_COLUMNS, cells, values):
        tag, role = ('th scope="row"', "rowheader") if name == "Host" else ("td", "cell")
        made.append(
            f'<{tag} role="{role}" data-label="{text(name)}" data-value="{text(value)}">{cell}</{tag.split()[0]}>'
        )
    return f'<tr role="row" class="{row.level.value}">{"".join(made)}</tr>'


def _seconds(end: str | None) -> str:
    """For sorting; what has no end is last."""
    there = moment(end)
    return f"{there.timestamp():.0f}" if there else "99999999999"


def _time(end: str | None, full: int, now: datetime.datetime) -> str:
    there = moment(end)
    if there is None:
        return "-"
    left = (there - now).total_seconds()
    kind = "left none" if left <= 0 else "left low" if left < full / 10 else "left"
    width = max(2.0, min(100.0, 100 * left / full))
    return (
        f'<time class="time" datetime="{text(end)}" title="{text(end)}" data-end="{there.timestamp():.0f}"'
        f' data-full="{full}">{text(until(end, now))}</time><svg viewBox="0 0 100 6" preserveAspectRatio="none"'
        f' aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="{kind}" width="{width:.1f}"'
        ' height="6"/></svg>'
    )
