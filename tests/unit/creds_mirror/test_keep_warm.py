# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping a login warm with a client that is a shell script, and what a person is told."""

from __future__ import annotations

import json
import pathlib
import time

import pytest

from .conftest import END, Site, creds_mirror, login


def in_seconds(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


@pytest.fixture
def calls(tmp_path: pathlib.Path) -> pathlib.Path:
    """The client writes a line here each time it is called."""
    path = tmp_path / "calls"
    path.touch()
    return path


def client(site: Site, calls: pathlib.Path, refreshed: bytes | None, status: int = 0) -> None:
    """Configure a client that saves what it is given."""
    new = site.source.parent / "refreshed"
    if refreshed is not None:
        new.write_bytes(refreshed)
    script = f"echo called >>{calls}; [ ! -e {new} ] || mv {new} {site.source}; echo fake-secret; exit {status}"
    site.config["keep_warm"] = ["/bin/sh", "-c", script]


def times(calls: pathlib.Path) -> int:
    return len(calls.read_text().splitlines())


def test_a_login_that_lasts_is_left_alone(site: Site, calls: pathlib.Path) -> None:
    client(site, calls, None)
    site.write(login(expires=in_seconds(3600)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert times(calls) == 0


@pytest.mark.parametrize("seconds", [200, -200])
def test_a_login_that_ends_soon_is_refreshed(
    site: Site, calls: pathlib.Path, seconds: int, capfd: pytest.CaptureFixture[str]
) -> None:
    client(site, calls, login("0002", expires=in_seconds(3600)))
    site.write(login(expires=in_seconds(seconds)))
    assert creds_mirror.keep_warm(site.config) == 0
    assert times(calls) == 1
    said = capfd.readouterr()
    assert "refreshed its login" in said.err and "fake" not in said.err + said.out


FAILURES: dict[str, tuple[int, str]] = {"fails": (1, "ended with status 1"), "does nothing": (0, "did not refresh")}


@pytest.mark.parametrize("case", FAILURES)
def test_a_client_that_cannot_refresh_is_told_and_not_asked_again(
    site: Site, calls: pathlib.Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, words = FAILURES[case]
    client(site, calls, None, status)
    site.write(login(expires=in_seconds(60)))
    assert creds_mirror.keep_warm(site.config) == 75
    assert words in capfd.readouterr().err
    for _time in range(3):
        assert creds_mirror.keep_warm(site.config) == 0
    assert times(calls) == 1
    site.write(login("0003", expires=in_seconds(60)))
    creds_mirror.keep_warm(site.config)
    assert times(calls) == 2, "another login is tried once as well"


def test_an_absent_client_is_told(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.config["keep_warm"] = ["/nowhere/claude", "auth", "status"]
    site.write(login(expires=in_seconds(60)))
    assert creds_mirror.keep_warm(site.config) == 75
    assert "no such program" in capfd.readouterr().err


def test_a_dead_login_is_not_tried(site: Site, calls: pathlib.Path) -> None:
    client(site, calls, None)
    assert creds_mirror.keep_warm(site.config) == 0
    site.write(login(accessToken="", expires=0))
    assert creds_mirror.keep_warm(site.config) == 75
    assert times(calls) == 0


def test_status_tells_health_and_no_secret(
    site: Site, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "claude.json"
    path.write_text(json.dumps(site.config))
    site.write(login())
    assert creds_mirror.main(["status", str(path)]) == 1
    assert "what is published is not what the source holds" in capsys.readouterr().out
    assert creds_mirror.main(["publish", str(path)]) == 0
    assert creds_mirror.main(["status", str(path)]) == 0
    out = capsys.readouterr().out
    assert "claude: healthy" in out and creds_mirror.utc(END / 1000) in out and "fake" not in out
    site.write(b"{}")
    assert creds_mirror.main(["verify", str(path)]) == 75
    assert creds_mirror.main(["status", str(path)]) == 1
    assert "refused since" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["publish"], ["nonsense", "x"], ["publish", "/nowhere.json"]])
def test_wrong_arguments_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert creds_mirror.main(arguments) == 78
    assert capsys.readouterr().err
