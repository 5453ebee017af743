# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of logins: new is new, whenever it ends; only a login that was read before and replaced is old."""

from __future__ import annotations

import json
import pathlib
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.agentops.credentials.plugins.module_utils._catalog.cli import as_dict
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG

from .conftest import END, Site, creds_mirror, login

HOUR = 3_600_000
RULES = {name: as_dict(CATALOG[name])["mirror"] for name in CATALOG}


def token(site: Site) -> str | None:
    """Which login is published, by the end of its token."""
    if site.published is None:
        return None
    return str(json.loads(site.published)["claudeAiOauth"]["accessToken"].rpartition("-")[2])


def step(site: Site, content: bytes | None) -> int:
    """The host's client saves this, or logs out, and the mirror looks."""
    if content is None:
        site.source.unlink(missing_ok=True)
    else:
        site.write(content)
    return site.publish()


@pytest.mark.parametrize(
    "then",
    [
        login("0002", expires=END - 5 * HOUR, accountUuid="a", organizationUuid="enterprise"),
        login("0002", expires=END - 7 * HOUR, accountUuid="b"),
        login("0002", expires=END - 7 * HOUR),
        login("0002", expires=99_999_999_999_999_999),
        login("0002", expires=1),
        login("0002", expires="soon"),  # type: ignore[arg-type]
    ],
    ids=["organisation", "account", "without ids", "ends in a million years", "ended in 1970", "no end"],
)
@pytest.mark.parametrize("first", [END, 99_999_999_999_999_999], ids=["8 h", "a million years"])
def test_a_new_login_is_published_whenever_it_ends(site: Site, first: int, then: bytes) -> None:
    """Case 11: on version 0.2.0 each of these was refused as older, and the containers kept a revoked token."""
    assert step(site, login("0001", expires=first, accountUuid="a", organizationUuid="team")) == 0
    assert step(site, then) == 0
    assert token(site) == "0002"
    assert step(site, login("0003", accountUuid="a")) == 0
    assert token(site) == "0003"


def test_a_login_that_a_stale_client_writes_back_does_not_win(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for number in ("0001", "0002"):
        assert step(site, login(number)) == 0
    # The tokens count: whatever else the client has changed in the file.
    assert step(site, login("0001", subscriptionType="max", expires=END + HOUR)) == 75
    assert token(site) == "0002"
    assert "run: creds-mirror accept" in site.state["refusal"]["reason"]
    assert "fake" not in capfd.readouterr().err
    assert step(site, login("0002", subscriptionType="max")) == 0
    assert site.state["refusal"] is None
    assert b"max" in (site.published or b"")


def test_accept_publishes_what_was_replaced(
    site: Site, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "claude.json"
    config.write_text(json.dumps(site.config))
    for number in ("0001", "0002"):
        assert step(site, login(number)) == 0
    assert step(site, login("0001")) == 75
    assert creds_mirror.main(["accept", str(config)]) == 0
    assert "its login is published" in capsys.readouterr().out
    assert token(site) == "0001"
    assert step(site, login("0001")) == 0
    # Now the other one is the replaced one.
    assert step(site, login("0002")) == 75
    assert token(site) == "0001"
    assert creds_mirror.main(["accept", str(config)]) == 0
    assert creds_mirror.main(["accept", str(config)]) == 0
    assert token(site) == "0002"
    site.write(b"{}")
    assert creds_mirror.main(["accept", str(config)]) == 75
    site.source.unlink()
    assert creds_mirror.main(["accept", str(config)]) == 0
    assert "there is no login to accept" in capsys.readouterr().out


def test_after_a_logout_any_login_is_what_the_host_has(site: Site) -> None:
    for number in ("0001", "0002"):
        assert step(site, login(number)) == 0
    assert step(site, None) == 0
    assert step(site, login("0001")) == 0
    assert token(site) == "0001"
    assert step(site, login("0002")) == 75, "and is protected as any other"
    assert token(site) == "0001"


def test_a_removed_publication_protects_nothing(site: Site) -> None:
    for number in ("0001", "0002"):
        assert step(site, login(number)) == 0
    site.target.unlink()
    assert step(site, login("0001")) == 0
    assert token(site) == "0001"


@pytest.mark.parametrize(
    "kept",
    [
        None,
        b"",
        b"{half",
        b"[]",
        b'{"now": [], "gone": {}, "replaced": {}}',
        b'{"now": {"a": {}}, "gone": {}, "replaced": {}}',
    ],
)
def test_a_mirror_without_a_history_protects_what_is_published(site: Site, kept: bytes | None) -> None:
    """An earlier version of the mirror has published, or the file was lost to a power cut."""
    assert step(site, login("0001")) == 0
    history = site.staging / "logins.json"
    history.unlink()
    if kept is not None:
        history.write_bytes(kept)
    assert step(site, login("0002", expires=END - HOUR)) == 0
    assert step(site, login("0001")) == 75
    assert token(site) == "0002"


# Each event: what the host's client does before the mirror looks the next time. A replay is of the n-th last login.
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(-8, 8)),
        st.tuples(st.just("replay"), st.integers(1, 6)),
        st.tuples(st.just("logout"), st.just(0)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("refused"), st.just(0)),
    ),
    max_size=25,
)


@given(events=EVENTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_published_is_the_newest_login_that_is_no_replay(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        site = Site(pathlib.Path(home))
        made = 0
        seen: list[str] = []  # every login that the mirror has read, the last accepted one last
        at_source: str | None = None
        is_protected = False
        for kind, number in events:
            if kind == "new":
                made += 1
                at_source = f"{made:04d}"
                site.write(login(at_source, expires=END + number * HOUR))
            elif kind == "replay" and seen:
                at_source = seen[-min(number, len(seen))]
                site.write(login(at_source))
            elif kind == "refused":
                site.write(b"{}")
                assert site.publish() == 75
                continue
            elif kind == "logout":
                site.source.unlink(missing_ok=True)
                at_source = None
            else:
                if at_source is None:
                    site.source.unlink(missing_ok=True)
                else:
                    site.write(login(at_source))
                status = site.publish()
                if at_source is None:
                    is_protected = False
                elif at_source in seen[:-1] and is_protected:
                    assert status == 75
                else:
                    assert status == 0
                    seen = [login for login in seen if login != at_source] + [at_source]
                    is_protected = True
                assert token(site) == (seen[-1] if seen else None)


DIGESTS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 400).map(str), min_size=1)


@given(files=st.lists(DIGESTS, max_size=400), seconds=st.integers(0, 2_000_000))
@settings(max_examples=50, deadline=None)
def test_the_memory_is_bounded_in_number_and_in_time(files: list[dict[str, str]], seconds: int) -> None:
    history, now = creds_mirror.NO_HISTORY, 0
    for logins in files:
        logins = {place: place + login for place, login in logins.items()}
        now += seconds
        history = creds_mirror.followed(history, logins, now)
        assert history["now"] == logins
        assert len(history["replaced"]) <= 256 and len(history["gone"]) <= 32
        assert not set(history["replaced"]) & set(logins.values())
        assert all(now - at < 90 * 24 * 3600 for at in history["replaced"].values())
        assert creds_mirror.as_history(json.loads(json.dumps(history))) == history
        assert not creds_mirror.is_replaced(history, logins)


def test_thousands_of_logins_leave_a_small_file(site: Site) -> None:
    history: dict[str, Any] = creds_mirror.NO_HISTORY
    for number in range(5000):
        history = creds_mirror.followed(
            history, creds_mirror.logins_of(json.loads(login(str(number))), RULES["claude"]), 1
        )
    assert len(json.dumps(history)) < 16_384
    old = creds_mirror.logins_of(json.loads(login("4990")), RULES["claude"])
    assert creds_mirror.is_replaced(history, old)


def test_a_file_with_more_tokens_than_are_distinguished_is_one_login() -> None:
    files = [{f"provider{number}": {"key": f"fake-{number}-{change}"} for number in range(100)} for change in "ab"]
    logins = [creds_mirror.logins_of(file, RULES["opencode"]) for file in files]
    assert [len(one) for one in logins] == [1, 1] and logins[0] != logins[1]


def provider(**tokens: str) -> dict[str, Any]:
    return {name: {"type": "oauth", "access": f"fake-{value}"} for name, value in tokens.items()}


# Files that the mirror reads one after another, and which of them are refused.
FILES: dict[str, tuple[str, list[dict[str, Any]], set[int]]] = {
    "a provider is added and removed": ("opencode", [provider(a="1"), provider(a="1", b="1"), provider(a="1")], set()),
    "one of two is written back": ("opencode", [provider(a="1", b="1"), provider(a="2", b="1"), provider(a="1", b="1")], {2}),
    "one is old, the other new": ("opencode", [provider(a="1", b="1"), provider(a="2", b="1"), provider(a="1", b="2")], set()),
    "logged out of one only": (
        "opencode",
        [provider(a="1", b="1"), provider(a="2", b="1"), provider(b="1"), provider(a="1", b="1"), provider(a="2", b="1")],
        {4},
    ),
    "an API key and back": (
        "codex",
        [{"OPENAI_API_KEY": "fake-k"}, {"OPENAI_API_KEY": None, "tokens": {"access_token": "fake-1"}}, {"OPENAI_API_KEY": "fake-k"}],
        set(),
    ),
    "gemini's refresh token stays": (
        "gemini",
        [{"access_token": f"fake-{number}", "refresh_token": "fake-r"} for number in (1, 2, 1)],
        {2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_each_token_of_a_file_has_its_own_order(case: str, tmp_path: pathlib.Path) -> None:
    cli, files, refused = FILES[case]
    site = Site(tmp_path, cli)
    for number, document in enumerate(files):
        assert step(site, json.dumps(document).encode()) == (75 if number in refused else 0), number
