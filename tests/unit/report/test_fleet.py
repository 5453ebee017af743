"""What many hosts have told becomes one report: who needs a person, in which order, and what is said."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._report import fleet
from ansible_collections.agentops.credentials.plugins.module_utils._report.fleet import Level

from .fleets import HOSTILE, NOW, REFUSED, UNREACHABLE, agent, at, hosts, looked, report


def row(result: Any, **settings: Any) -> fleet.Row:
    (made,) = fleet.report([fleet.seen("h1", "dev", result, NOW)], fleet.Settings(NOW, **settings)).rows
    return made


LOG_IN = "log in on h1 as dev"
FILE_MOUNT: dict[str, Any] = {
    "standing": "fails",
    "fresh": False,
    "judgement": "boss: the mount is a file: run agentops.credentials.site.",
}


@pytest.mark.parametrize(
    ("result", "level", "state", "problems"),
    [
        (looked(boss=agent()), Level.FINE, "good", ()),
        (looked(boss=agent("ended", ends=-3)), Level.NOW, "ended", (f"ended 3 h ago; {LOG_IN}",)),
        (
            looked(boss=agent("logged_out", ends=2)),
            Level.NOW,
            "logged_out",
            (f"logged out: agents keep the last login, it ends at {at(2)}; {LOG_IN}",),
        ),
        (
            looked(boss=agent("none", None, None)),
            Level.NOW,
            "none",
            (f"there is no login yet; {LOG_IN}",),
        ),
        (
            looked(boss=agent("ending", ends=0.3)),
            Level.SOON,
            "ending",
            (f"ends in 20 min, renewal failed twice: it ended with status 1; {LOG_IN} before that",),
        ),
        (looked(boss=agent(refresh=70)), Level.SOON, "good", (f"log in again before {at(70)}; {LOG_IN}",)),
        # The mirror is dead since yesterday, and its last word was good.
        (looked(boss=agent("good", ends=-20)), Level.NOW, "ended", (f"ended at {at(-20)}; {LOG_IN}",)),
        (
            looked(boss=agent(**FILE_MOUNT)),
            Level.NOW,
            "good",
            ("boss: the mount is a file: run agentops.credentials.site",),
        ),
        (
            looked(boss=agent(standing="stopped", judgement="boss: the container boss is exited.")),
            Level.FINE,
            "good",
            (),
        ),
        (
            looked(boss={"failed": True, "failure": "boss: cli: unknown."}),
            Level.NOW,
            "unknown",
            ("boss: cli: unknown",),
        ),
        (
            UNREACHABLE,
            Level.NOW,
            "unreachable",
            ("unreachable: Failed to connect to the host via ssh: No route to host",),
        ),
        (REFUSED, Level.NOW, "unknown", (REFUSED["msg"],)),
        (looked(), Level.NOW, "unknown", ("no agents are configured",)),
        (None, Level.NOW, "unknown", ("nothing is known",)),
        ("no dictionary", Level.NOW, "unknown", ("nothing is known",)),
    ],
)
def test_each_state_says_how_much_it_needs_a_person_and_what_to_do(
    result: Any, level: Level, state: str, problems: tuple[str, ...]
) -> None:
    made = row(result)
    assert (made.level, made.state, made.problems) == (level, state, problems)


def test_a_login_that_no_agent_uses_is_told_and_calls_nobody() -> None:
    unused = {key: agent("ended", ends=-3)[key] for key in ("cli", "directory", "published", "mirror")}
    made = row({**looked(), "unused_logins": [unused]})
    assert (made.level, made.state, made.problems) == (Level.FINE, "ended", ())
    assert made.notes == ("no agent uses it", "ended 3 h ago; log in again")
    told = fleet.report(
        [fleet.seen("h1", "dev", {**looked(boss=agent()), "unused_logins": [unused]}, NOW)], fleet.Settings(NOW)
    )
    assert told.sentence == "0 of 2 logins on 1 host need a person."
    again = fleet.report(fleet.merged(json.loads(json.dumps(told.document()))), fleet.Settings(NOW))
    assert again.rows == told.rows


def test_an_absent_container_passes_only_where_that_is_allowed() -> None:
    absent = looked(boss=agent(standing="absent", judgement="boss: there is no container named boss."))
    assert row(absent).level is Level.NOW
    assert row(absent, allow_absent=True).level is Level.FINE


def test_what_is_said_of_many_agents_is_said_once() -> None:
    made = row(
        looked(
            boss=agent(**FILE_MOUNT),
            dev=agent(**{**FILE_MOUNT, "judgement": "dev: the mount is a file: run agentops.credentials.site."}),
        )
    )
    assert made.problems == ("boss, dev: the mount is a file: run agentops.credentials.site",)
    assert (made.fresh, made.total) == (0, 2)


def test_what_is_known_of_a_login_that_needs_nobody_is_a_note() -> None:
    judgement = f"boss: good until {at(5)}; nobody can renew it: there is no program claude on this host."
    made = row(looked(boss=agent(judgement=judgement)))
    assert (made.level, made.problems, len(made.notes)) == (Level.FINE, (), 1)


def test_each_login_of_a_host_has_its_line_and_those_that_need_a_person_come_first() -> None:
    levels = [made.level for made in report(20).rows]
    assert levels == sorted(levels, key=list(Level).index)
    assert len({(made.host, made.cli) for made in report(1).rows}) == 2
    now = [made.ends_at or "9" for made in report(20).rows if made.level is Level.SOON]
    assert now == sorted(now)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (1, "0 of 2 logins on 1 host need a person."),
        (
            6,
            "9 of 13 logins on 13 hosts need a person, and 1 host of which nothing is known (1 unreachable): 9 now, 1 soon.",
        ),
    ],
)
def test_the_sentence_counts(number: int, sentence: str) -> None:
    assert report(number).sentence == sentence


@pytest.mark.parametrize("number", [1, 20, 500])
def test_the_report_survives_its_own_file(number: int) -> None:
    told = report(number)
    again = fleet.report(fleet.merged(json.loads(json.dumps(told.document()))), fleet.Settings(NOW))
    assert again == told


def test_the_last_look_at_a_host_counts_and_an_old_one_is_told() -> None:
    old = fleet.seen("h1", "dev", looked(boss=agent("logged_out")), NOW)
    old = dataclasses.replace(old, looked_at=at(-48))
    new = fleet.seen("h1", "dev", looked(boss=agent()), NOW)
    assert fleet.report([new, old], fleet.Settings(NOW)) == fleet.report([old, new], fleet.Settings(NOW))
    assert fleet.report([new, old], fleet.Settings(NOW)).needs_a_person == 0
    (made,) = fleet.report([dataclasses.replace(new, looked_at=at(-48))], fleet.Settings(NOW)).rows
    assert made.level is Level.NOW
    assert made.problems[0].startswith(f"nothing was heard of it since {at(-48)}")


@pytest.mark.parametrize("document", [None, [], {}, {"format": 2, "hosts": []}])
def test_what_is_no_report_is_not_merged(document: Any) -> None:
    with pytest.raises(fleet.NotAReportError):
        fleet.merged(document)


WRONG: tuple[Any, ...] = (None, 1, 1e999, "x", [], {}, [[]], {"a": {}}, True, "2026-99-99T00:00:00Z")


@pytest.mark.parametrize("wrong", WRONG)
def test_no_wrong_type_stops_the_report(wrong: Any) -> None:
    for key in agent():
        if key not in ("failed",):
            fleet.report([fleet.seen("h1", "", looked(boss={**agent(), key: wrong}), NOW)], fleet.Settings(NOW))
    for key in ("life", "login", "current"):
        broken = agent(mirror={**agent()["mirror"], key: wrong})
        fleet.report([fleet.seen("h1", "", looked(boss=broken), NOW)], fleet.Settings(NOW))
    (host,) = fleet.merged({"format": 1, "hosts": [wrong]})
    login = {"cli": wrong, "state": wrong, "ends_at": wrong, "agents": [wrong, {"standing": wrong, "name": wrong}]}
    hosts_again = fleet.merged({"format": 1, "hosts": [{"host": wrong, "logins": [wrong, login]}]})
    assert fleet.table(fleet.report([host, *hosts_again], fleet.Settings(NOW)))


def test_the_table_has_a_line_for_each_row_and_nothing_a_terminal_would_obey() -> None:
    told = report(20)
    lines = fleet.table(told)
    assert len(lines) == len(told.rows) + 2
    assert lines[-1] == told.sentence
    assert all(line.isprintable() for line in lines)
    assert "\u202e" not in "".join(lines)
    assert all(any(word in line for line in lines) for word in HOSTILE[:4])


@pytest.mark.parametrize("hours", [-50, -1, 0.001, 0.5, 1.5, 47, 49])
def test_a_length_of_time_is_told_in_one_unit(hours: float) -> None:
    words = {
        -50: "2 d ago",
        -1: "60 min ago",
        0.001: "in 3 s",
        0.5: "in 30 min",
        1.5: "in 90 min",
        47: "in 47 h",
        49: "in 2 d",
    }
    assert fleet.until(at(hours), NOW) == words[hours]


def test_no_fact_beyond_what_is_told_is_in_the_file() -> None:
    """A mirror's state file is its user's: what he writes into it must not come out somewhere else."""
    mirror = {**agent()["mirror"], "fake": "fake-token-1", "renewal": {"reason": "fake-token-2"}}
    told = fleet.report([fleet.seen("h1", "", looked(boss=agent(mirror=mirror)), NOW)], fleet.Settings(NOW))
    assert "fake-token" not in json.dumps(told.document())
    assert len(hosts(20)) == 27
