# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calling a person: once for each change to the worse, and when all is good again."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .conftest import Clock, Site, creds_mirror, login

HOUR = 3600


class Person:
    """Whom the operator's command calls: what it was told, and whether it can be reached."""

    def __init__(self, place: pathlib.Path, site: Site) -> None:
        self.told_file, self.answer = place / "told", place / "answer"
        command = place / "notify"
        command.write_text(f"#!/bin/sh\ncat >>{self.told_file}\necho fake-token-noise\n. {self.answer}\n")
        command.chmod(0o755)
        self.answers("exit 0")
        site.config["notify"] = [str(command)]

    def answers(self, text: str) -> None:
        self.answer.write_text(text + "\n")

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it was told since the last look."""
        lines = self.told_file.read_text().splitlines() if self.told_file.exists() else []
        self.told_file.write_text("")
        return [json.loads(line) for line in lines]


@pytest.fixture
def person(tmp_path: pathlib.Path, site: Site) -> Person:
    return Person(tmp_path, site)


def states(told: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    return [(one["was"], one["state"]) for one in told]


def test_a_person_is_called_once_for_each_change_to_the_worse_and_when_it_is_good_again(
    site: Site, person: Person, moment: Clock
) -> None:
    def notify() -> list[tuple[str | None, str]]:
        assert creds_mirror.notify(site.config) == 0
        return states(person.told)

    assert notify() == []  # nobody has logged in yet: that is no change
    site.write(
        login(
            "0001",
            expires=int((moment.time + 8 * HOUR) * 1000),
            refreshTokenExpiresAt=int((moment.time + 4 * 86400) * 1000),
        )
    )
    site.publish()
    assert notify() == []
    moment.sleep(86400 + 60)
    assert notify() == [("good", "ended")]
    assert notify() == []
    site.write(
        login(
            "0002",
            expires=int((moment.time + 8 * HOUR) * 1000),
            refreshTokenExpiresAt=int((moment.time + 2 * 86400) * 1000),
        )
    )
    site.publish()
    assert notify() == []  # better, but a person must log in within two days: that is known
    site.source.unlink()
    site.publish()
    assert notify() == [("log_in", "logged_out")]
    site.write(
        login(
            "0003",
            expires=int((moment.time + 8 * HOUR) * 1000),
            refreshTokenExpiresAt=int((moment.time + 30 * 86400) * 1000),
        )
    )
    site.publish()
    assert notify() == [("logged_out", "good")]
    assert notify() == []


def test_a_refused_login_is_told(site: Site, person: Person, moment: Clock) -> None:
    site.write(login())
    site.publish()
    site.write(b"{}")
    site.publish()
    assert creds_mirror.notify(site.config) == 0
    (message,) = person.told
    assert message["refusal"].startswith("it holds no login") and message["state"] == "log_in"


def test_what_is_told_has_no_secret_and_says_whom_it_concerns(site: Site, person: Person, moment: Clock) -> None:
    site.write(login(expires=int((moment.time - 60) * 1000)))
    site.publish()
    assert creds_mirror.notify(site.config) == 0
    text = person.told_file.read_text()
    (message,) = person.told
    assert "fake" not in text
    assert message["host"] == os.uname().nodename
    assert {key: message[key] for key in ("cli", "state", "well", "refusal", "was")} == {
        "cli": "claude", "state": "ended", "well": False, "refusal": None, "was": None,
    }  # fmt: skip


@pytest.mark.parametrize("answer", ["exit 3", "kill -9 $$", "sleep 30"])
def test_a_command_that_fails_is_reported_once_and_tried_again(
    site: Site, person: Person, moment: Clock, answer: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(creds_mirror, "NOTIFY_SECONDS", 0.5)
    site.write(login(expires=int((moment.time - 60) * 1000)))
    site.publish()
    capfd.readouterr()
    person.answers(answer)
    assert creds_mirror.notify(site.config) == 75
    said = capfd.readouterr()
    assert "creds_mirror_notify" in said.err and "tried again" in said.err and "noise" not in said.out + said.err
    assert creds_mirror.notify(site.config) == 0  # too soon
    moment.sleep(5)
    assert creds_mirror.notify(site.config) == 75
    assert capfd.readouterr().err == ""
    person.answers("exit 0")
    moment.sleep(15)
    assert creds_mirror.notify(site.config) == 0
    assert len(person.told) == 3
    moment.sleep(HOUR)
    assert creds_mirror.notify(site.config) == 0
    assert person.told == []


def test_where_nothing_can_be_kept_a_person_is_called_once_an_hour(
    site: Site, person: Person, moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, on which a login cannot be renewed either: it must not be a call each minute, nor silence."""
    site.write(login(expires=int((moment.time + 90) * 1000)))
    site.publish()
    assert creds_mirror.notify(site.config) == 0
    assert states(person.told) == [(None, "ending")]

    def is_full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(creds_mirror.Mirror, "replace", is_full)
    for _minute in range(180):
        moment.sleep(62)
        creds_mirror.notify(site.config)
    calls = states(person.told)
    assert set(calls) == {("ending", "ended")} and 3 <= len(calls) <= 6


def test_the_mirror_is_not_held_while_the_command_runs(site: Site, person: Person, moment: Clock, quick: None) -> None:
    site.write(login(expires=int((moment.time - 60) * 1000)))
    site.publish()
    person.answers(f"flock --nonblock {site.staging} true")
    assert creds_mirror.notify(site.config) == 0


def test_a_command_that_is_not_there_is_reported(site: Site, moment: Clock, capfd: Any) -> None:
    site.config["notify"] = ["/nowhere/notify"]
    site.write(login(expires=int((moment.time - 60) * 1000)))
    site.publish()
    assert creds_mirror.notify(site.config) == 75
    assert "cannot be started: No such file or directory" in capfd.readouterr().err


@given(levels=st.lists(st.integers(0, 3), max_size=30))
def test_no_change_to_the_worse_is_missed_and_none_told_twice(levels: list[int]) -> None:
    told = before = 0
    for level in levels:
        is_news, told = creds_mirror.news(told, level)
        assert is_news == (level > before or (level == 0 and before > 0))
        before = level


@given(st.binary(max_size=200) | st.just(b'{"level": 2, "state": "ended", "failures": 1, "at": 3}'))
def test_what_was_kept_and_is_none_counts_as_nothing(kept: bytes) -> None:
    assert creds_mirror.as_told(kept) == creds_mirror.NOT_TOLD
