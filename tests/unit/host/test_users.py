# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What root does for a user is done with nothing but the user's rights, and ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import platform
import signal
import subprocess
import time

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host import users
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User, as_user, find_user

MAL = User("root", 60003, 60003, "/nonexistent")  # its groups are looked up by name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.mark.parametrize("name", ["nobody-of-this-name", "a\0b", "a\x1b[2J"])
def test_a_user_whom_the_host_does_not_have_is_named(name: str) -> None:
    with pytest.raises(HostError, match=r"^creds_mirror_user: this host has no user ") as error:
        find_user(name)
    assert "\x1b" not in str(error.value) and "\0" not in str(error.value)


def test_a_process_whose_uid_has_no_user_is_told_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4294967000)
    with pytest.raises(HostError, match="no user with the uid 4294967000; create it"):
        find_user(None)


@as_root
def test_the_work_has_the_users_ids_and_no_way_back() -> None:
    def work(own: Changes) -> list[int]:
        own.make("did it", "/x", "", "", lambda: None)
        with pytest.raises(PermissionError):
            os.seteuid(0)
        return [*os.getresuid(), *os.getresgid()]

    changes = Changes(check_mode=False)
    assert as_user(MAL, work, changes) == [60003] * 6
    assert changes.changes == ["did it"]
    assert os.geteuid() == 0


@as_root
def test_the_work_has_nothing_of_roots_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it starts is the user's to look at: /proc/PID/environ showed him root's proxies, passwords and agents."""
    monkeypatch.setenv("HTTPS_PROXY", "http://root:fake-token-proxy@proxy")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/of-root")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")

    def work(_own: Changes) -> dict[str, str]:
        shown = subprocess.run(["cat", "/proc/self/environ"], check=True, capture_output=True, text=True).stdout
        return dict(entry.split("=", 1) for entry in shown.split("\0") if entry)

    seen = as_user(MAL, work, Changes(check_mode=False))
    assert {name: seen.get(name) for name in ("HOME", "USER", "LOGNAME", "PATH")} == {
        "HOME": "/nonexistent",
        "USER": "root",
        "LOGNAME": "root",
        "PATH": os.environ["PATH"],
    }
    assert {"HTTPS_PROXY", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"}.isdisjoint(seen)
    assert os.environ["SSH_AUTH_SOCK"] == "/run/of-root"


@as_root
def test_the_work_has_left_roots_terminal_and_keys() -> None:
    """What it starts could be traced by the user, and type into root's terminal (TIOCSTI)."""

    def session() -> list[int]:
        keyring = -1
        with contextlib.suppress(KeyError):  # KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING
            keyring = ctypes.CDLL(None).syscall(users._KEYCTL[platform.machine()], 0, ctypes.c_long(-3), 0)
        return [os.getsid(0), keyring]

    roots, theirs = session(), as_user(MAL, lambda _own: session(), Changes(check_mode=False))
    assert theirs[0] != roots[0]
    assert theirs[1] != roots[1] or theirs[1] == -1


@as_root
def test_an_answer_without_end_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a directory in which the user has made millions of files with long names."""
    monkeypatch.setattr(users, "_ANSWER_BYTES", 1 << 17)
    before = children()
    with pytest.raises(HostError, match="takes more room than a run has"):
        as_user(MAL, lambda _own: ["x" * 255] * 100000, Changes(check_mode=False))
    assert children() <= before, "nothing is left"


def test_another_user_may_not_act_for_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    with pytest.raises(HostError, match="may not act for root; connect as root, or set become"):
        as_user(MAL, lambda _own: None, Changes(check_mode=False))


@as_root
def test_what_was_changed_before_a_failure_is_kept_and_no_secret_is_shown() -> None:
    def work(own: Changes) -> None:
        own.make("wrote a", "a", "", "", lambda: None)
        raise ValueError("fake-token-secret")

    changes = Changes(check_mode=False)
    with pytest.raises(HostError, match=r"an unexpected ValueError at test_users\.py:") as error:
        as_user(MAL, work, changes)
    assert "fake-token" not in str(error.value)
    assert changes.changes == ["wrote a"]


@as_root
def test_a_failed_system_call_is_a_sentence_with_the_path() -> None:
    with pytest.raises(HostError, match=r"^/nonexistent: No such file or directory; fix that and run again\.$"):
        as_user(MAL, lambda _own: os.listdir("/nonexistent"), Changes(check_mode=False))


def children() -> set[str]:
    """The child processes of this one; other tests leave some that the kernel holds."""
    return set(pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@as_root
def test_a_user_who_stops_the_process_cannot_hold_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_SECONDS", 0.3)
    began, before = time.monotonic(), children()
    with pytest.raises(HostError, match="what is done as root did not end within 0 seconds"):
        as_user(MAL, lambda _own: os.kill(os.getpid(), signal.SIGSTOP), Changes(check_mode=False))
    assert time.monotonic() - began < 10
    assert children() <= before, "nothing is left"


@as_root
def test_a_user_who_kills_the_process_gets_a_sentence() -> None:
    with pytest.raises(HostError, match="what is done as root ended without an answer"):
        as_user(MAL, lambda _own: os.kill(os.getpid(), signal.SIGKILL), Changes(check_mode=False))
