# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The user's systemd is kept running, started again where it has ended, and what cannot be done is told."""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Record
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host import systemd
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

DEV = User("dev", 1000, 1000, "/home/dev")
ENABLE, START = ("loginctl", "enable-linger"), ("systemctl", "start")


class Logind:
    """loginctl, systemctl and pkcheck of a host, as far as a user's systemd is concerned."""

    def __init__(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.linger, self.socket = tmp_path / "linger" / "dev", tmp_path / "private"
        self.linger.parent.mkdir()
        self.state, self.allows, self.calls = "inactive", True, []
        monkeypatch.setattr(systemd, "_LINGER", str(self.linger.parent))
        monkeypatch.setattr(subprocess, "run", self.run)
        self.manager = systemd.Manager("user", DEV)
        self.manager.socket = str(self.socket)

    def run(self, command: list[str], **_unused: Any) -> subprocess.CompletedProcess[bytes]:
        words = [word for word in command if not word.startswith("--")]
        self.calls.append(tuple(words[:2]))
        done = subprocess.CompletedProcess(command, 0, b"", b"")
        if words[0] == "pkcheck":
            done.returncode = 0 if self.allows else 1
        elif words[:2] == ["systemctl", "show"]:
            done.stdout = f"ActiveState={self.state}\n".encode()
        elif not self.allows:
            done.returncode, done.stderr = 1, b"Access denied"
        elif words[0] == "loginctl":
            assert words == ["loginctl", "enable-linger", "1000"]
            self.linger.touch()
            self.socket.touch()
        else:
            assert words == ["systemctl", "start", "user@1000.service"]
            self.socket.touch()
        return done


@pytest.fixture
def logind(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Logind:
    return Logind(tmp_path, monkeypatch)


def predicted_and_done(logind: Logind) -> list[str]:
    records = Record(check_mode=True), Record(check_mode=False)
    for record in records:
        systemd.ensure_running(record, DEV, logind.manager)
    assert records[0].changes == records[1].changes
    assert records[0].warnings == records[1].warnings
    return records[1].changes


def test_nothing_is_done_where_it_runs_and_lingers(logind: Logind) -> None:
    logind.linger.touch()
    logind.socket.touch()
    assert predicted_and_done(logind) == []
    assert logind.calls == []


def test_lingering_is_enabled_once(logind: Logind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert predicted_and_done(logind) == ["enabled lingering of dev"]
    assert predicted_and_done(logind) == []


def test_an_ended_systemd_is_started_by_root(logind: Logind, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 0.2.0 check mode said changed=0 after loginctl terminate-user, and the run failed (attacks.md, 11)."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    logind.linger.touch()
    assert predicted_and_done(logind) == ["started dev's systemd"]
    assert predicted_and_done(logind) == []


def test_one_that_is_just_starting_is_waited_for(logind: Logind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    logind.linger.touch()
    logind.state = "activating"
    assert predicted_and_done(logind) == []
    assert START not in logind.calls


def test_without_root_an_ended_systemd_is_told_with_what_starts_it(
    logind: Logind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    logind.linger.touch()
    for check_mode in (True, False):
        record = Record(check_mode)
        with pytest.raises(HostError, match=r"has ended.*'systemctl start user@1000\.service' as root"):
            systemd.ensure_running(record, DEV, logind.manager)
        assert record.changes == []


def test_without_the_right_to_linger_a_running_systemd_is_enough(
    logind: Logind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    logind.socket.touch()
    logind.allows = False
    assert predicted_and_done(logind) == []
    record = Record(check_mode=False)
    systemd.ensure_running(record, DEV, logind.manager)
    (warning,) = record.warnings
    assert "stops when dev logs out" in warning and "'loginctl enable-linger dev' as root" in warning


def test_without_the_right_to_linger_and_without_systemd_nothing_is_recorded(
    logind: Logind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    logind.allows = False
    for check_mode in (True, False):
        record = Record(check_mode)
        with pytest.raises(HostError, match=r"no systemd instance.*'loginctl enable-linger dev' as root"):
            systemd.ensure_running(record, DEV, logind.manager)
        assert record.changes == []
