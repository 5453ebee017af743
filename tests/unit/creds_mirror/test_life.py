# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The life of a login, and when it is renewed: tables over pure functions, and a machine with a clock of its own."""

from __future__ import annotations

import itertools
import json
import pathlib
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Clock, Site, creds_mirror, login

NOW: dict[str, Any] = {"boot": "b", "uptime": 10_000.0, "time": 1_800_000_000.0}
HOUR, DAY = 3600, 86400


def known(ends: float | None, refresh_ends: float | None = 30 * DAY, read: float = HOUR, **more: Any) -> dict[str, Any]:
    """A login that was read so many seconds ago, by the times until its ends."""
    earlier = {"boot": "b", "uptime": NOW["uptime"] - read, "time": NOW["time"] - read}
    return {
        "id": "i",
        "ends": None if ends is None else NOW["time"] + ends,
        "refresh_ends": None if refresh_ends is None else NOW["time"] + refresh_ends,
        "read": earlier,
        "published": True,
        **more,
    }


def failed(times: int, ago: float = 10, rejected: bool = False, login: str = "i") -> dict[str, Any]:
    at = {**NOW, "uptime": NOW["uptime"] - ago, "time": NOW["time"] - ago}
    return {"login": login, "failures": times, "reason": "REASON", "rejected": rejected, "at": at}


NOT_ASKED = "nobody is asked to renew it"

# The login, its failed renewals, whether the host has it, why nobody renews it; the state, its sentence, whether all is well.
LIVES: dict[str, tuple[Any, Any, bool, str | None, str, str, bool]] = {
    "never one": (None, None, False, None, "none", "there is no login yet: log in on this host", False),
    "good": (known(8 * HOUR), None, True, None, "good", "good until 2027-01-15T16:00:00Z", True),
    "good, and not renewed": (known(8 * HOUR), None, True, NOT_ASKED, "good", "good until 2027-01-15T16:00:00Z; nobody is asked to renew it", True),
    "no known end": (known(None, None), None, True, None, "good", "good, its end is unknown", True),
    "soon, and renewed": (known(250), None, True, None, "good", "good until 2027-01-15T08:04:10Z", True),
    "in the last tenth of its life, and not renewed": (
        known(45 * 60, read=8 * HOUR), None, True, NOT_ASKED, "ending",
        "ends in 45 min: nobody is asked to renew it", True,
    ),
    "before that": (
        known(60 * 60, read=8 * HOUR), None, True, NOT_ASKED, "good",
        "good until 2027-01-15T09:00:00Z; nobody is asked to renew it", True,
    ),
    "in the last days of a long life": (
        known(4 * DAY, read=86 * DAY), None, True, NOT_ASKED, "good",
        "good until 2027-01-19T08:00:00Z; nobody is asked to renew it", True,
    ),
    "in the last three of them": (
        known(3 * DAY, read=87 * DAY), None, True, NOT_ASKED, "ending",
        "ends in 3 d: nobody is asked to renew it", True,
    ),
    "soon, and not renewed": (known(250), None, True, NOT_ASKED, "ending", "ends in 4 min: nobody is asked to renew it", True),
    "failed once": (known(1200), failed(1), True, None, "ending", "ends in 20 min, renewal failed once: REASON", False),
    "failed twice": (known(1200), failed(2), True, None, "ending", "ends in 20 min, renewal failed twice: REASON", False),
    "failed often": (known(100), failed(9), True, None, "ending", "ends in 1 min, renewal failed 9 times: REASON", False),
    "another login failed": (known(HOUR), failed(9, login="x"), True, None, "good", "good until 2027-01-15T09:00:00Z", True),
    "ended": (known(-3 * HOUR), None, True, None, "ended", "ended 3 h ago", False),
    "ended, and not renewed": (known(-10), None, True, NOT_ASKED, "ended", "ended less than 1 min ago; log in again", False),
    "ended, failing": (known(-DAY), failed(3), True, None, "ended", "ended 24 h ago, renewal failed 3 times: REASON", False),
    "ended and rejected": (
        known(-10), failed(1, rejected=True), True, None, "ended",
        "ended less than 1 min ago: REASON; log in again", False,
    ),
    "rejected": (
        known(HOUR), failed(1, rejected=True), True, None, "log_in",
        "log in again before 2027-01-15T09:00:00Z: REASON", False,
    ),
    "the refresh token has ended": (
        known(HOUR, -1), None, True, None, "log_in",
        "log in again before 2027-01-15T09:00:00Z: its refresh token has ended", False,
    ),
    "the refresh token ends": (
        known(HOUR, 2 * DAY), None, True, None, "log_in",
        "log in again before 2027-01-17T08:00:00Z: nobody can renew it after that", True,
    ),
    "in four days": (known(HOUR, 4 * DAY), None, True, None, "good", "good until 2027-01-15T09:00:00Z", True),
    "logged out": (known(HOUR), None, False, None, "logged_out", "logged out: agents keep the last login, it ends at 2027-01-15T09:00:00Z", False),
    "logged out, ended": (known(-HOUR * 2), None, False, None, "logged_out", "logged out: agents keep the last login, it ended 2 h ago", False),
    "logged out, withdrawn": (known(HOUR, published=False), None, False, None, "logged_out", "logged out: nothing is published", False),
    "logged out, no end": (known(None), None, False, None, "logged_out", "logged out: agents keep the last login, its end is unknown", False),
}  # fmt: skip


@pytest.mark.parametrize("case", LIVES)
def test_the_life_of_a_login(case: str) -> None:
    facts, renewal, is_there, unrenewed, state, sentence, is_well = LIVES[case]
    assert creds_mirror.life(facts, renewal, is_there, unrenewed, NOW) == (state, sentence, is_well)


# The login, its failed renewals; when it is tried, in seconds from now.
TRIES: dict[str, tuple[Any, Any, float | None]] = {
    "long before": (known(8 * HOUR), None, 8 * HOUR - 290),
    "due": (known(290), None, 0),
    "ended": (known(-DAY), None, 0),
    "a short life": (known(60, read=60), None, 0),
    "in the first half of a short life": (known(90, read=30), None, 30),
    "read after its end": (known(-60, read=30), None, 0),
    "nobody knows since when": (known(200, read=0) | {"read": None}, None, 0),
    "no known end": (known(None), None, None),
    "the refresh token has ended": (known(100, -1), None, None),
    "its end is unknown": (known(100, None), None, 0),
    "just failed": (known(100), failed(1, 0), 5),
    "failed once, 4 s ago": (known(100), failed(1, 4), 1),
    "failed once, 5 s ago": (known(100), failed(1, 5), 0),
    "failed four times": (known(100), failed(4, 0), 60),
    "failed ever so often": (known(-DAY), failed(1000, 0), 600),
    "rejected": (known(100), failed(1, DAY, rejected=True), None),
    "another login was rejected": (known(100), failed(1, 1, rejected=True, login="x"), 0),
    "failed in another boot": (known(100), {**failed(5, 1), "at": {**NOW, "boot": "a", "uptime": 5}}, 0),
    "failed, but there is time": (known(HOUR), failed(1, 0), HOUR - 290),
}


@pytest.mark.parametrize("case", TRIES)
def test_when_a_login_is_renewed(case: str) -> None:
    facts, renewal, seconds = TRIES[case]
    assert creds_mirror.seconds_to_try(facts, renewal, NOW) == seconds


@pytest.mark.parametrize(
    ("passed", "jump", "left"),
    [(0, 0, HOUR), (HOUR, 0, 0), (60, -6 * HOUR, HOUR - 60), (60, 600, HOUR - 660), (2 * HOUR, -6 * HOUR, -HOUR)],
)
def test_no_change_of_the_clock_and_no_suspend_hides_an_end(passed: float, jump: float, left: float) -> None:
    facts = known(HOUR, read=0)
    later = {"boot": "b", "uptime": NOW["uptime"] + passed, "time": NOW["time"] + passed + jump}
    assert creds_mirror.seconds_left(facts["ends"], facts["read"], later) == left
    # After a reboot the wall clock is all there is.
    rebooted = {**later, "boot": "c", "uptime": 5.0}
    assert creds_mirror.seconds_left(facts["ends"], facts["read"], rebooted) == HOUR - passed - jump


@given(times=st.lists(st.tuples(st.floats(0, 5 * DAY), st.floats(-DAY, DAY), st.booleans()), max_size=20))
def test_a_login_never_seems_to_live_longer_than_since_it_was_read(times: list[tuple[float, float, bool]]) -> None:
    clock = Clock(NOW["time"])
    facts, true_left = {**known(8 * HOUR), "read": clock()}, 8.0 * HOUR
    for passed, jump, reboots in times:
        clock.sleep(passed)
        clock.time += jump
        true_left -= passed
        if reboots:
            return
        left = creds_mirror.seconds_left(facts["ends"], facts["read"], clock())
        assert left <= true_left + 0.001
        if true_left <= 0:
            assert creds_mirror.life(facts, None, True, None, clock())[0] == "ended"


@given(failures=st.integers(1, 5000), ago=st.integers(0, 5000), ends=st.integers(-DAY, DAY))
def test_a_failure_is_never_followed_at_once_and_never_by_silence(failures: int, ago: float, ends: float) -> None:
    wait = creds_mirror.seconds_to_try(known(ends), failed(failures, ago), NOW)
    pause = creds_mirror.RETRY_SECONDS[min(failures, 7) - 1]
    assert wait is not None and 5 <= pause <= 600
    assert wait >= pause - ago
    assert wait <= max(pause, ends)


class Vendor:
    """The client and its vendor, instead of run_client: what it answers, and what it was asked."""

    def __init__(self, site: Site, clock: Clock, lifetime: float) -> None:
        self.site, self.clock, self.lifetime = site, clock, lifetime
        self.serial = 0
        self.answer = "ok"
        self.is_watched = True
        self.accepted: list[int] = []
        self.tries: list[tuple[float, str]] = []
        self.log_in()

    def log_in(self, rejects: bool = False) -> None:
        self.serial += 1
        ends = int((self.clock.time + self.lifetime) * 1000)
        self.site.write(login(f"{self.serial:04d}", expires=ends, refreshTokenExpiresAt=ends + 30 * DAY * 1000))

    def __call__(self, *_with: Any) -> tuple[bool, str | None]:
        self.tries.append((self.clock.uptime, self.answer))
        if self.answer == "ok":
            assert self.serial not in self.accepted, "no refresh token is sent again after the vendor has accepted it"
            self.accepted.append(self.serial)
            self.log_in()
            if self.is_watched:
                self.site.publish()  # as the path unit does
            return False, None
        if self.answer == "invalid_grant":
            self.site.write(login("", accessToken="", refreshToken="", expires=0))
            return False, "it ended with status 1"
        return False, None  # a 503, or no network: the client ends well and has not renewed it


def a_client(*_with: Any) -> tuple[str, None]:
    return "/usr/bin/claude", None


def minutes(site: Site, clock: Clock, number: int, seconds: float = 60) -> None:
    """The two timers, for so many minutes."""
    for _minute in range(number):
        creds_mirror.keep_warm(site.config)
        site.publish(verify=True)
        clock.sleep(seconds)


@pytest.fixture
def warm(site: Site, moment: Clock, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    site.config["keep_warm"] = ["claude", "mcp", "list"]
    vendor = Vendor(site, moment, 8 * HOUR)
    monkeypatch.setattr(creds_mirror, "run_client", vendor)
    monkeypatch.setattr(creds_mirror, "choose_client", a_client)
    site.publish()
    return vendor


@pytest.mark.parametrize("lifetime", [120, 300, 8 * HOUR])
def test_no_agent_sees_an_ended_token_while_the_vendor_is_up(
    site: Site, moment: Clock, warm: Vendor, lifetime: int
) -> None:
    warm.lifetime = lifetime
    warm.log_in()
    site.publish()
    begin = moment.uptime
    for _minute in range(40 if lifetime < HOUR else 600):
        minutes(site, moment, 1)
        assert json.loads(site.published or b"")["claudeAiOauth"]["expiresAt"] / 1000 > moment.time
        assert site.state["life"]["state"] == "good"
    lives = (moment.uptime - begin) / lifetime
    assert lives - 1 <= len(warm.tries) <= 2 * lives + 1


def test_a_renewed_login_is_not_renewed_again_while_the_mirror_has_not_read_it(
    site: Site, moment: Clock, warm: Vendor
) -> None:
    warm.is_watched = False
    warm.lifetime = 120
    warm.log_in()
    site.publish()
    moment.sleep(60)
    assert creds_mirror.keep_warm(site.config) == 0
    assert len(warm.tries) == 2, "now and once more after half of the new one's life"


def test_a_file_that_its_client_has_blanked_is_no_login_for_long(site: Site, moment: Clock, warm: Vendor) -> None:
    whole = site.source.read_bytes()
    site.write(login("", accessToken="", refreshToken="", expires=0))
    assert site.publish() == 75
    assert site.state["life"]["state"] == "log_in" and not site.state["life"]["well"]
    assert site.state["life"]["sentence"].endswith(f": {creds_mirror.BLANK}")
    site.write(whole)
    assert site.publish() == 0
    assert site.state["life"]["state"] == "good" and site.state["renewal"] is None


def test_a_vendor_that_is_away_is_asked_after_seconds_then_after_minutes(
    site: Site, moment: Clock, warm: Vendor
) -> None:
    moment.sleep(8 * HOUR - 290)
    warm.answer = "503"
    begin = moment.uptime
    minutes(site, moment, 60)
    assert site.state["renewal"]["failures"] == len(warm.tries)
    tried = [round(at - begin) for at, _answer in warm.tries]
    assert tried[:4] == [0, 5, 20, 50] and tried[4] < 160 and len(tried) < 15
    assert all(after - before <= 665 for before, after in itertools.pairwise(tried))
    assert site.state["life"]["state"] == "ended"
    warm.answer = "ok"
    minutes(site, moment, 12)
    assert site.state["life"]["state"] == "good" and site.state["renewal"] is None


def test_two_refusals_of_the_vendor_are_made_good_within_seconds(
    site: Site, moment: Clock, warm: Vendor, capfd: pytest.CaptureFixture[str]
) -> None:
    moment.sleep(8 * HOUR - 290)
    warm.answer = "503"
    vendor = creds_mirror.run_client

    def third_time(*its: Any) -> tuple[bool, str | None]:
        if len(warm.tries) == 2:
            warm.answer = "ok"
            assert (
                site.state["life"]["sentence"]
                == "ends in 4 min, renewal failed twice: it ended well but did not renew the login"
            )
        return vendor(*its)  # type: ignore[no-any-return]

    setattr(creds_mirror, "run_client", third_time)  # noqa: B010  the fixture's monkeypatch takes it back
    begin = moment.uptime
    assert creds_mirror.keep_warm(site.config) == 0
    assert moment.uptime - begin < 30 and len(warm.tries) == 3
    said = capfd.readouterr().err
    assert said.count("did not renew the login") == 1 and "renewed its login" in said


def test_a_rejected_refresh_token_is_reported_once_and_not_tried_again_until_the_login_changes(
    site: Site, moment: Clock, warm: Vendor, capfd: pytest.CaptureFixture[str]
) -> None:
    moment.sleep(8 * HOUR - 290)
    warm.answer = "invalid_grant"
    assert creds_mirror.keep_warm(site.config) == 77
    assert creds_mirror.keep_warm(site.config) == 0
    minutes(site, moment, 30)
    assert len(warm.tries) == 1
    assert site.state["life"]["sentence"].endswith(" ago: the vendor has rejected its refresh token; log in again")
    assert capfd.readouterr().err.count("the vendor has rejected its refresh token") == 1
    assert json.loads(site.published or b"")["claudeAiOauth"]["accessToken"] == "fake-access-token-0001"
    warm.answer = "ok"
    warm.log_in()
    minutes(site, moment, 1)
    assert site.state["life"]["state"] == "good" and site.state["renewal"] is None


def test_a_suspend_and_a_clock_set_back_hide_no_end(site: Site, moment: Clock, warm: Vendor) -> None:
    moment.sleep(20 * HOUR)
    moment.time -= 15 * HOUR
    warm.answer = "503"
    minutes(site, moment, 1)
    assert site.state["life"]["state"] == "ended"
    assert len(warm.tries) >= 3


def test_after_the_refresh_token_has_ended_nobody_is_asked(site: Site, moment: Clock, warm: Vendor) -> None:
    warm.answer = "503"
    minutes(site, moment, 3, seconds=14 * DAY)
    assert site.state["life"]["state"] == "ended"
    tries = len(warm.tries)
    minutes(site, moment, 3, seconds=DAY)
    assert len(warm.tries) == tries


def test_a_login_that_ends_at_once_is_not_renewed_in_a_circle(site: Site, moment: Clock, warm: Vendor) -> None:
    moment.sleep(8 * HOUR)
    warm.lifetime = -10
    creds_mirror.keep_warm(site.config)
    assert len(warm.tries) < 6
    assert site.state["renewal"]["reason"] == "the new login ends at once"


def test_a_login_that_was_replaced_is_not_renewed(site: Site, moment: Clock, warm: Vendor) -> None:
    """Its refresh token is spent: a vendor that sees it again may end the newer login as well."""
    old = site.source.read_bytes()
    warm.log_in()
    site.publish()
    site.write(old)
    assert site.publish() == 75
    moment.sleep(9 * HOUR)
    minutes(site, moment, 5)
    assert not warm.tries


def test_a_failure_is_kept_although_the_mirror_has_not_seen_the_login(site: Site, moment: Clock, warm: Vendor) -> None:
    moment.sleep(9 * HOUR)
    warm.lifetime = 10
    warm.log_in()
    warm.answer = "503"
    creds_mirror.keep_warm(site.config)
    assert site.state["renewal"]["failures"] == len(warm.tries) == 4


def test_a_logout_is_no_failure(site: Site, moment: Clock, warm: Vendor) -> None:
    site.source.unlink()
    moment.sleep(9 * HOUR)
    minutes(site, moment, 3)
    assert not warm.tries
    assert site.state["life"]["state"] == "logged_out"
    warm.log_in()
    minutes(site, moment, 1)
    assert site.state["life"]["state"] == "good"


# What happens to a machine: minutes that pass, in which its vendor does this; a suspend; a clock that is changed.
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["ok", "503"]), st.integers(1, 30)),
        st.tuples(st.just("invalid_grant"), st.integers(1, 3)),
        st.tuples(st.just("suspend"), st.integers(1, 12 * 60)),
        st.tuples(st.just("clock"), st.integers(-120, 120)),
        st.tuples(st.just("reboot"), st.integers(1, 5)),
        st.tuples(st.just("log in"), st.just(0)),
    ),
    max_size=10,
)


@given(events=EVENTS, lifetime=st.sampled_from([150, 600, 8 * HOUR]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_to_the_machine_tries_are_spaced_and_states_are_true(
    events: list[tuple[str, int]], lifetime: int, moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as home, monkeypatch.context() as patch:
        site = Site(pathlib.Path(home), keep_warm=["claude", "mcp", "list"])
        vendor = Vendor(site, moment, lifetime)
        patch.setattr(creds_mirror, "run_client", vendor)
        patch.setattr(creds_mirror, "choose_client", a_client)
        site.publish()
        boots: list[int] = [0]
        for kind, number in events:
            if kind == "suspend":
                moment.sleep(number * 60)
            elif kind == "clock":
                moment.time += number * 60
            elif kind == "reboot":
                moment.reboot(number * 60)
                boots.append(len(vendor.tries))
            elif kind == "log in":
                vendor.log_in()
                site.publish()
            else:
                vendor.answer = kind
                minutes(site, moment, number)
            site.publish(verify=True)  # at most a minute later
            state = site.state["life"]["state"]
            ended = json.loads(site.published or b"")["claudeAiOauth"]["expiresAt"] / 1000 <= moment.time
            if kind in ("ok", "503", "invalid_grant") and ended:
                assert state in ("ended", "log_in")
        for begin, end in zip(boots, [*boots[1:], len(vendor.tries)], strict=True):
            in_one_boot = vendor.tries[begin:end]
            for (before, answer), (after, _answer) in itertools.pairwise(in_one_boot):
                assert after - before >= (5 if answer == "503" else 0)
        rejected = [answer for _at, answer in vendor.tries].count("invalid_grant")
        assert rejected <= 1 + sum(kind == "log in" for kind, _number in events)
