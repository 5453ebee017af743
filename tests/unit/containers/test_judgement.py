# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each way in which an agent cannot work: how it stands, and the sentence that a person reads."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.judgement import (
    Judgement,
    Standing,
    judge,
    summary,
)

NOW = datetime.datetime(2026, 11, 28, 12, 0, tzinfo=datetime.UTC)


def life(state: str, sentence: str) -> dict[str, Any]:
    return {"state": state, "sentence": sentence, "well": state == "good"}


MIRROR: dict[str, Any] = {"current": True, "refusal": None, "life": life("good", "good until T")}
READER: dict[str, Any] = {
    "uid": 1000, "command": "claude", "path": "/home/a/x", "found": None, "masks": [], "obstacle": None, "advice": None
}  # fmt: skip
AGENT: dict[str, Any] = {
    "container": "boss-1",
    "state": "running",
    "verdict": "ok",
    "reasons": [],
    "directory": "/home/dev/.config/claude-hooks/claude-credentials",
    "fresh": True,
    "exposed": [],
    "cli": "claude",
    "mode": "mirror",
    "readers": [READER],
    "accept_exposure": False,
    "idle_status": None,
    "elsewhere": None,
    "published": {"fingerprint": "abc", "expires_at": "2026-11-28T15:00:00Z"},
    "mirror": MIRROR,
}


def mirror(**changes: Any) -> dict[str, Any]:
    return {"mirror": {**MIRROR, **changes}}


WAYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "all is well": ({}, "works", ""),
    "paused": ({"state": "paused"}, "stopped", "the container boss-1 is paused"),
    "a crash loop": (
        {"state": "restarting", "fresh": None},
        "fails", "the container boss-1 ends again and again: look at docker logs boss-1",
    ),
    "nobody has logged in inside": (
        {"mode": "shared", "mirror": None, "fresh": False, "published": {"fingerprint": None, "expires_at": None}},
        "fails", "nobody has logged in in /home/dev/.config/claude-hooks/claude-credentials yet: log in with claude in boss-1",
    ),
    "a shared login whose token is renewed inside": (
        {"mode": "shared", "mirror": None, "published": {"fingerprint": "abc", "expires_at": "2026-11-28T11:00:00Z"}},
        "works", "",
    ),
    "a directory without a mirror": ({"mirror": None}, "works", ""),
    "no known end": ({"published": {"fingerprint": "abc", "expires_at": None}, **mirror(life=None)}, "works", ""),
    "it ends soon": (mirror(life=life("ending", "ends in 4 min, renewal failed twice: REASON")), "works", "ends in 4 min, renewal failed twice: REASON"),
    "logged out": (
        mirror(life=life("logged_out", "logged out: agents keep the last login, it ends at T")),
        "works", "logged out: agents keep the last login, it ends at T",
    ),
    "no container": ({"verdict": "absent", "state": "absent", "fresh": None}, "absent", "there is no container named boss-1: start it, or correct its name"),
    "a container of another engine": (
        {"verdict": "absent", "state": "absent", "fresh": None, "elsewhere": "unix:///x"},
        "absent", "the engine asked has no container named boss-1, but there is one in the engine at unix:///x: set docker_host to that",
    ),
    "stopped": ({"state": "exited", "fresh": None}, "stopped", "the container boss-1 is exited"),
    "not looked at": ({"fresh": None}, "not_proven", "what boss-1 sees could not be looked at: run as root, on the engine's own host"),
    "deferred": (
        {"fresh": False, "verdict": "file_mount", "reasons": ["/x is a file mount, which stays at one inode"], "idle_status": 1},
        "deferred", "/x is a file mount, which stays at one inode; boss-1 is not idle now (only_when_idle ended with status 1), "
        "and a later run of agentops.credentials.site serves it",
    ),
    "a variable masks it": (
        {"fresh": False, "readers": [{**READER, "masks": ["ANTHROPIC_API_KEY"]}]},
        "fails", "claude runs as uid 1000 with ANTHROPIC_API_KEY in its environment, which masks the mirrored login: start it without",
    ),
    "nobody knows where it looks": (
        {"fresh": False, "readers": [{**READER, "path": "", "found": "it has no HOME", "advice": "DO"}]},
        "fails", "claude runs as uid 1000 and where it looks is not known, for it has no HOME: DO",
    ),
    "it opens another file": (
        {"fresh": False, "readers": [READER, {**READER, "command": "", "found": "nothing is there", "advice": "DO"}]},
        "fails", "claude would run as uid 1000 and opens /home/a/x, but nothing is there: DO",
    ),
    "a file mount": (
        {"fresh": False, "verdict": "file_mount", "reasons": ["/x is a file mount, which stays at one inode"]},
        "fails", "/x is a file mount, which stays at one inode: run agentops.credentials.site",
    ),
    "another login": ({"fresh": False}, "fails", "it reads another login than the published one: run agentops.credentials.site"),
    "nothing is published": (
        {"fresh": False, "published": {"fingerprint": None, "expires_at": None}},
        "fails", "no login is published in /home/dev/.config/claude-hooks/claude-credentials: log in on the host, and run agentops.credentials.site",
    ),
    "the login has ended": (
        mirror(life=life("ended", "ended 3 h ago; log in again")),
        "fails", "the login ended 3 h ago; log in again; until somebody logs in on the host the agent is answered 401",
    ),
    "ended since the mirror looked": (
        {"published": {"fingerprint": "abc", "expires_at": "2026-11-28T12:00:00Z"}},
        "fails", "the login ended at 2026-11-28T12:00:00Z; until somebody logs in on the host the agent is answered 401",
    ),
    "logged out, and ended": (
        {"published": {"fingerprint": "abc", "expires_at": "2026-11-28T11:00:00Z"}, **mirror(life=life("logged_out", "x"))},
        "fails", "the login ended at 2026-11-28T11:00:00Z; until somebody logs in on the host the agent is answered 401",
    ),
    "the mirror is dead": (
        mirror(current=False),
        "fails", "the mirror has not seen the host's login as it is now, so it is not at work: look at creds-mirror status, and run agentops.credentials.site",
    ),
    "a refused login": (
        mirror(refusal={"at": "T", "reason": "it is empty"}),
        "fails", "the mirror keeps an earlier login, for it is empty: log in again on the host, and see creds-mirror status",
    ),
    "its reader is kept out": (
        {"readers": [READER, {**READER, "uid": 12345, "obstacle": "Permission denied", "advice": "set X"}]},
        "fails", "claude runs as uid 12345 and cannot read the login (Permission denied): set X",
    ),
    "the login itself is in reach": ({"exposed": ["x is", "y is"]}, "fails", "x is; y is"),
    "and that is accepted": ({"exposed": ["x is"], "accept_exposure": True}, "works", ""),
    "whatever the state file holds": (
        mirror(life=["x"], refusal="y"),
        "fails", "the mirror keeps an earlier login, for y: log in again on the host, and see creds-mirror status",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_which_an_agent_cannot_work_is_told_with_its_fix(way: str) -> None:
    changes, standing, sentence = WAYS[way]
    assert judge({**AGENT, **changes}, NOW) == Judgement(Standing(standing), sentence)
    assert judge({**AGENT, **changes}, NOW).of("boss") == (f"boss: {sentence}." if sentence else "")


@pytest.mark.parametrize(
    ("standings", "failed", "sentence"),
    [
        ("works", 0, "1 of 1 agent can work now."),
        ("works works works absent", 0, "3 of 4 agents can work now; absent: d."),
        ("works stopped not_proven fails", 1, "1 of 5 agents can work now; cannot: d; not proven: c; stopped: b; 1 could not be looked at."),
        ("", 2, "0 of 2 agents can work now; 2 could not be looked at."),
    ],
)  # fmt: skip
def test_the_summary_counts_and_names(standings: str, failed: int, sentence: str) -> None:
    judgements = {name: Judgement(Standing(one), "") for name, one in zip("abcde", standings.split(), strict=False)}
    assert summary(judgements, failed) == sentence
