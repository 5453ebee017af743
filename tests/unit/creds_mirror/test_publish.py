# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mirror on a real file system, alone: no systemd, no other process."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import stat
import struct
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import END, Clock, Site, creds_mirror, login


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_login_is_published_reduced_and_private(site: Site) -> None:
    site.write(login())
    assert site.publish() == 0
    assert site.published == site.reduced(login())
    assert b"refresh" not in (site.published or b"") and b"other-secret" not in (site.published or b"")
    assert mode(site.target) == 0o600
    assert os.listdir(site.directory) == [".credentials.json"]
    assert sorted(os.listdir(site.staging)) == ["logins.json", "status.json"]


def test_the_state_file_tells_what_happened(site: Site) -> None:
    site.write(login())
    site.publish()
    assert site.state["cli"] == "claude"
    assert site.state["published"]["fingerprint"] == creds_mirror.fingerprint(site.published)
    assert site.state["published"]["expires_at"] == creds_mirror.utc(END / 1000)
    assert site.state["source"] == {"path": str(site.source), "inode": site.source.stat().st_ino}
    refusal = site.state["refusal"]
    assert refusal is None
    site.write(b"")
    assert site.publish() == 75
    assert site.state["refusal"]["reason"] == "it is empty"
    assert site.state["published"]["fingerprint"] == creds_mirror.fingerprint(site.published)
    assert mode(site.staging / "status.json") == 0o600


def test_unknown_keys_are_reported_once_and_by_status(
    site: Site, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site.write(login(spare="fake-token-spare"))
    assert site.publish() == 0
    assert "does not know them: claudeAiOauth.spare" in capfd.readouterr().err
    assert b"spare" not in (site.published or b"")
    site.write(login("0002", spare="fake-token-spare"))
    assert site.publish() == 0
    assert "spare" not in capfd.readouterr().err
    config = tmp_path / "claude.json"
    config.write_text(json.dumps(site.config))
    creds_mirror.main(["status", str(config)])
    assert "left out   claudeAiOauth.spare" in capfd.readouterr().out


def test_an_unchanged_login_is_not_written_again(site: Site) -> None:
    site.write(login())
    site.publish()
    files = (site.target, site.staging / "status.json")
    before = [(file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_ctime_ns) for file in files]
    assert site.publish() == site.publish(verify=True) == 0
    assert [(file.stat().st_ino, file.stat().st_mtime_ns, file.stat().st_ctime_ns) for file in files] == before


def test_a_lost_state_file_is_made_anew(site: Site) -> None:
    site.write(login())
    site.publish()
    state = site.state
    (site.staging / "status.json").write_bytes(b"{half")
    assert site.publish() == 0
    assert {**site.state, "login": None} == {**state, "login": None}


def test_a_refusal_is_told_once_by_the_verify_service(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.write(login(accessToken=""))
    assert site.publish(verify=True) == 75
    assert "no login" in capfd.readouterr().err
    assert site.publish(verify=True) == 0
    assert not capfd.readouterr().err
    assert site.publish() == 75
    assert "no login" in capfd.readouterr().err


def test_no_login_yet_is_no_failure(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    assert site.publish() == 0
    assert site.published is None
    site.source.parent.rmdir()
    assert site.publish() == 0
    assert not capfd.readouterr().err


def fifo(site: Site) -> None:
    os.mkfifo(site.source)


def directory(site: Site) -> None:
    site.source.mkdir()


def huge(site: Site) -> None:
    with site.source.open("wb") as file:
        file.truncate(100 << 20)


def dangling(site: Site) -> None:
    site.source.symlink_to(site.source.with_name("nowhere"))


def loop(site: Site) -> None:
    site.source.symlink_to(site.source)


def foreign(site: Site) -> None:
    site.source.symlink_to("/dev/zero")


def socket(site: Site) -> None:
    site.source.symlink_to("/dev/null")


SOURCES: dict[str, tuple[Callable[[Site], None], int]] = {
    "FIFO": (fifo, 77),
    "directory": (directory, 77),
    "100 MB": (huge, 77),
    "dangling link": (dangling, 78),
    "link to itself": (loop, 77),
    "endless device": (foreign, 77),
    "null device": (socket, 77),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_is_no_file_is_refused_at_once(site: Site, kind: str) -> None:
    site.write(login())
    site.publish()
    good = site.published
    site.source.unlink()
    make, status = SOURCES[kind]
    make(site)
    assert site.publish() == status
    assert site.published == good
    assert site.state["refusal"]["reason"]


def test_another_users_file_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(login())
    monkeypatch.setattr(creds_mirror.os, "geteuid", lambda: os.getuid() + 1)
    assert site.publish() == 77
    assert site.published is None


def test_a_link_to_the_real_source_is_followed_and_never_published_as_one(site: Site) -> None:
    real = site.source.with_name("real.json")
    real.write_bytes(login())
    site.source.symlink_to(real)
    site.target.symlink_to(real)
    assert site.publish() == 0
    assert not site.target.is_symlink()
    assert site.published == site.reduced(login())
    assert real.read_bytes() == login()


def test_the_credentials_directory_is_never_made(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.write(login())
    for path in (site.directory, site.staging):
        path.rmdir()
        assert site.publish() == 74
        assert not path.exists()
        assert str(path) in capfd.readouterr().err
        path.mkdir()


@pytest.mark.usefixtures("quick")
def test_a_held_lock_is_waited_for_only_so_long(site: Site) -> None:
    site.write(login())
    descriptor = os.open(site.staging, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert site.publish() == 75
    os.close(descriptor)
    assert site.publish() == 0


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel takes it: (tag, permissions, id) each."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


USER_OBJ, USER, GROUP_OBJ, MASK, OTHER, NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF


def test_a_default_acl_reaches_the_published_file(site: Site) -> None:
    """The entry of a reader is born with the file; the mask lets it read, the group may not."""
    others = (USER, 4, 12345), (GROUP_OBJ, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY)
    try:
        os.setxattr(site.staging, "system.posix_acl_default", acl((USER_OBJ, 7, NOBODY), *others))
    except OSError:
        pytest.skip("this file system has no ACLs")
    site.write(login())
    assert site.publish() == 0
    assert os.getxattr(site.target, "system.posix_acl_access") == acl((USER_OBJ, 6, NOBODY), *others)


@pytest.mark.parametrize("jump", [0, -6 * 3600, 6 * 3600, 10 * 365 * 86400])
def test_a_logout_keeps_or_withdraws(tmp_path: pathlib.Path, moment: Clock, jump: int) -> None:
    """By the time since the boot, suspend included: the wall clock may be put right at any moment."""
    site = Site(tmp_path, on_logout="withdraw", grace=60)
    site.write(login())
    site.publish()
    site.source.unlink()
    assert site.publish() == 0
    moment.time += jump
    moment.sleep(59)
    site.publish()
    assert site.published == site.reduced(login())
    site.write(login())
    site.publish()
    site.source.unlink()
    moment.sleep(30)
    site.publish()
    moment.sleep(59)
    site.publish()
    assert site.published == site.reduced(login()), "the grace period begins again"
    moment.sleep(1)
    assert site.publish() == 0
    assert site.published is None
    assert site.state["published"] is None
    assert sorted(os.listdir(site.staging)) == ["logins.json", "status.json"]
    site.config["on_logout"] = "keep"
    site.write(login())
    site.publish()
    site.source.unlink()
    moment.sleep(600)
    site.publish()
    assert site.published == site.reduced(login())


@pytest.mark.parametrize("kept", [None, 1_700_000_000.0, {"boot": "other", "uptime": 5.0, "time": 0}])
def test_after_a_reboot_the_grace_period_counts_from_the_boot(tmp_path: pathlib.Path, moment: Clock, kept: Any) -> None:
    """How long the host was off nobody knows; what version 0.2.0 has kept, a time of the wall clock, counts for nothing."""
    site = Site(tmp_path, on_logout="withdraw", grace=60)
    site.write(login())
    site.publish()
    site.source.unlink()
    site.publish()
    moment.reboot()
    if kept is not None:
        (site.staging / "status.json").write_text(json.dumps({**site.state, "missing_since": kept}))
    site.publish()
    assert site.published is not None
    moment.sleep(60)
    site.publish()
    assert site.published is None


KEYS = st.sampled_from(
    "cli refusal at reason published fingerprint expires_at source path inode unknown_keys login id ends refresh_ends read"
    " boot uptime time renewal failures rejected life missing_since now gone replaced".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
STATES = st.dictionaries(KEYS, JSON, max_size=8).map(json.dumps) | st.text(max_size=20) | st.just("[" * 5000)


@given(state=STATES, history=STATES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_our_own_files_the_mirror_goes_on(
    state: str, history: str, moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as home:
        site = Site(pathlib.Path(home), on_logout="withdraw", keep_warm=["/bin/false"])
        monkeypatch.setattr(creds_mirror, "run_client", lambda *_with: (False, "failed"))
        site.write(login("0001"))
        assert site.publish() == 0
        for content in (login("0001"), login("0002", expires=int(moment.time + 60) * 1000), b"", None):
            (site.staging / "status.json").write_text(state, errors="replace")
            (site.staging / "logins.json").write_text(history, errors="replace")
            if content is None:
                site.source.unlink()
            else:
                site.write(content)
            assert site.publish() == (0 if content != b"" else 75)
            assert isinstance(creds_mirror.health(site.config)["healthy"], bool)
            assert creds_mirror.keep_warm(site.config) in (0, 75)


@pytest.mark.parametrize(
    ("age", "is_first", "status"),
    [(10, False, creds_mirror.BLIND), (0, False, 0), (10, True, 0)],
)
def test_the_verification_says_when_the_watch_should_have_told(
    site: Site, age: float, is_first: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it finds at once may be what the watch is just about to see; at the beginning there was no watch."""
    if not is_first:
        site.write(login("0001"))
        site.publish()
    site.write(login("0002"))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + age)
    assert site.publish(verify=True) == status
    assert site.publish(verify=True) == 0
