"""The life of a login as it was lived on the host (live.py), state by state."""

from __future__ import annotations

import json
from typing import Any

import pytest
import testinfra.host

from testbed.hosts import PROGRAM, Agents, wait_until

STATES = [
    "the vendor is away",
    "nobody could renew it",
    "the vendor is back",
    "the vendor says no",
    "logged out",
    "logged in again",
    "the refresh token ends",
]
WATCH = {
    "his systemd was ended": 125,
    "his home came late": 125,
    "then his watch is at work": 15,
    "another directory covers it": 75,
    "then the watch looks there": 15,
}
WATCH_OF_THE_HOST = {
    "it was stopped": 75,
    "the home came late": 75,
    "then it is at work": 15,
    "another directory covers it": 75,
    "then the watch looks there": 15,
}


@pytest.fixture
def seen(host: testinfra.host.Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.file("/var/tmp/life.json").content_string)
    return found


def test_no_container_sees_an_ended_token_while_the_vendor_is_up(seen: dict[str, Any]) -> None:
    """Each is renewed half-way."""
    looks, ended, logins = seen["while the vendor is up"]
    assert seen["renewed"] == "good"
    assert ended == 0 and looks > 100 and logins >= 2
    assert seen["renewed by the host's systemd"] is not None


@pytest.mark.parametrize("name", STATES)
def test_each_state_is_reached_and_told(seen: dict[str, Any], name: str) -> None:
    state = seen["states"][name]
    assert state["seconds"] is not None and state["got"] == state["expected"], state["text"]
    assert ("not healthy" not in state["text"]) == state["expected"][1]


def test_a_person_is_called_once_for_each_change_to_the_worse_and_when_it_is_good_again(seen: dict[str, Any]) -> None:
    """nanocoai/nanoclaw#730 and others: an agent that stalls is how one learns that a login has ended."""
    assert [(one["was"], one["state"]) for one in seen["told"]] == [
        ("good", "ending"),
        ("ending", "ended"),
        ("ended", "good"),
        ("good", "log_in"),
        ("log_in", "logged_out"),
        ("logged_out", "good"),
        ("good", "log_in"),
    ]
    assert all(one["cli"] == "claude" and one["user"] == "life" for one in seen["told"])


def test_a_rejected_refresh_token_is_sent_once(seen: dict[str, Any]) -> None:
    assert seen["asked after a no"] == [1, 1]


@pytest.mark.parametrize(
    ("watch", "limits"), [("watch", WATCH), ("watch of the host", WATCH_OF_THE_HOST)], ids=["user", "system"]
)
def test_a_watch_that_ended_or_went_blind_is_at_work_again_within_two_minutes(
    seen: dict[str, Any], watch: str, limits: dict[str, float]
) -> None:
    """systemd#17089, nanocoai/nanoclaw#2680: a home that is mounted after the boot."""
    seconds = seen[watch]
    assert {name: value is not None and value <= limits[name] for name, value in seconds.items()} == dict.fromkeys(
        limits, True
    ), seconds


def test_no_directories_pile_up(seen: dict[str, Any]) -> None:
    assert seen["namespace directories"] == 0


def test_nothing_of_a_token_is_told(host: testinfra.host.Host) -> None:
    assert "fake-token" not in host.file("/home/life/told").content_string


TOLD = {
    "ended": ("fake-login {source} atomic_rename 1001 claude -60", "ended", "fails", "the login ended"),
    "logged_out": ("rm {source}", "logged_out", "fails", "the login ended"),
    "good": ("fake-login {source} atomic_rename 1002", "good", "works", ""),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_state_is_told_by_the_role_by_info_and_by_verify(agents: Agents, name: str) -> None:
    command, state, standing, words = TOLD[name]
    agents.host.check_output(f"echo away >{agents.home}/vendor")
    agents.host.check_output(f"runuser -u life -- {command.format(source=agents.source)}")
    status = f"{agents.directory.replace('claude-credentials', '.claude-credentials.staging')}/status.json"

    def seen() -> bool:
        kept = json.loads(agents.host.file(status).content_string)
        return bool(kept["life"]["state"] == state)

    wait_until(seen, f"the mirror does not say {state}", 70)
    succeeded, info = agents.module("agent_mounts_info", {"path": f"{agents.home}/agents.json", "home": agents.home})
    assert succeeded, info
    boss = info["agents"]["boss"]
    assert (boss["mirror"]["life"]["state"], boss["standing"]) == (state, standing)
    assert words in boss["judgement"] and info["summary"].startswith("1 of 1" if standing == "works" else "0 of 1")
    options = {**PROGRAM, "user": "life", "notify": ["/bin/sh", "-c", "cat >>$HOME/told"]}
    succeeded, run = agents.module("creds_mirror", options, check=True)
    assert succeeded and not run["changed"], run
    assert run["mirrors"]["claude"]["life"]["state"] == state
    assert run["mirrors"]["claude"]["client"] == f"{agents.home}/.local/bin/claude"
