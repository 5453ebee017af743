# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that is full, in part or wholly, loses no login: every writer writes all, or nothing."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Clock, Site, creds_mirror, login

OLD, NEW = login("0001"), login("0002", more="x" * 3000)


class Disk:
    """``os`` for the mirror program, whose disk fails at one call, or takes only part of what is written."""

    FAILING = ("open", "write", "fsync", "utime", "rename", "lseek", "read")

    def __init__(self, fails_at: int, number: int = errno.ENOSPC, piece: int | None = None) -> None:
        self.left, self.number, self.piece, self.writing = fails_at, number, piece, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in self.FAILING:
            return real

        def step(*arguments: Any, **options: Any) -> Any:
            if name == "open":
                self.writing = bool(arguments[1] & os.O_CREAT)
            if self.writing:
                self.left -= 1
                if self.left == 0:
                    raise OSError(self.number, os.strerror(self.number))
                if name == "write" and self.piece:
                    arguments = (arguments[0], arguments[1][: self.piece])
            return real(*arguments, **options)

        return step


def left_in(*directories: pathlib.Path) -> list[str]:
    return sorted(name for directory in directories for name in os.listdir(directory))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_fails_at_any_call_keeps_the_old_version(
    site: Site, number: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    old, new = OLD, NEW
    site.write(old)
    assert site.publish() == 0
    before = left_in(site.directory, site.staging)
    site.write(new)
    for fails_at in range(1, 100):
        disk = Disk(fails_at, number)
        with monkeypatch.context() as patch:
            patch.setattr(creds_mirror, "os", disk)
            status = site.publish()
        assert left_in(site.directory, site.staging) == before
        if disk.left > 0:
            break
        assert status == 74
        assert os.strerror(number) in capfd.readouterr().err
        assert site.published in (site.reduced(old), site.reduced(new))
        old, new = login(f"old-{fails_at}"), login(f"new-{fails_at}", more="x" * 3000)
        site.write(old)
        assert site.publish() == 0
        site.write(new)
    assert (status, site.published) == (0, site.reduced(new))
    assert fails_at > 8


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_disk_that_takes_pieces_gets_the_whole(site: Site, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(NEW)
    monkeypatch.setattr(creds_mirror, "os", Disk(0, piece=piece))
    assert site.publish() == 0
    creds_mirror.rotate_one(str(site.source))
    monkeypatch.undo()
    assert site.published == site.reduced(NEW)
    assert site.source.read_bytes() == NEW
    assert site.state["published"]


def test_what_is_not_read_as_it_was_written_is_not_published(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(OLD)
    assert site.publish() == 0
    site.write(NEW)
    real = os.write
    with monkeypatch.context() as patch:
        # A disk that lies: it claims that all was written.
        patch.setattr(creds_mirror.os, "write", lambda descriptor, view: real(descriptor, view[:10]) and len(view))
        assert site.publish() == 74
        with pytest.raises(OSError, match="what was written is not what is read"):
            creds_mirror.rotate_one(str(site.source))
    assert site.published == site.reduced(OLD)
    assert site.source.read_bytes() == NEW
    assert left_in(site.source.parent) == [site.source.name]


def test_a_rotation_on_a_disk_that_fails_leaves_the_login(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write(NEW)
    inode = site.source.stat().st_ino
    for fails_at in range(1, 100):
        disk = Disk(fails_at)
        with monkeypatch.context() as patch:
            patch.setattr(creds_mirror, "os", disk)
            with contextlib.suppress(OSError):
                creds_mirror.rotate_one(str(site.source))
        assert site.source.read_bytes() == NEW
        assert left_in(site.source.parent) == [site.source.name]
        if disk.left > 0:
            break
        assert site.source.stat().st_ino == inode
    assert fails_at > 5


@pytest.fixture
def mounted(tmp_path: pathlib.Path) -> Iterator[Callable[[str], pathlib.Path]]:
    """Mounts a real tmpfs with these options."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a tmpfs")
    places: list[pathlib.Path] = []

    def mount(options: str) -> pathlib.Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        ended = subprocess.run(command, capture_output=True, check=False)
        if ended.returncode:
            pytest.skip("this machine does not let root mount a tmpfs")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: pathlib.Path, free: int) -> None:
    """Leave so many blocks of 4 KiB free."""
    status = os.statvfs(place)
    (place / "fill").write_bytes(b"x" * ((status.f_bavail - free) * status.f_frsize))
    assert os.statvfs(place).f_bavail == free


# Longer than one block: the disk takes the first block of it and says so.
LONG = (
    login("0003")[:-1]
    + b","
    + json.dumps({f"secret{number}": "fake-token-" + "y" * 100 for number in range(40)}).encode()[1:]
)


@pytest.mark.parametrize("free", [0, 1])
def test_a_rotation_on_a_full_tmpfs_fails_and_the_source_is_untouched(
    mounted: Callable[[str], pathlib.Path], tmp_path: pathlib.Path, free: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """On version 0.2.0 it ended well and had cut the login off after 4096 bytes."""
    place = mounted("size=64k,mode=777")
    site = Site(tmp_path)
    source = place / "cred.json"
    source.write_bytes(LONG)
    assert len(LONG) > 4096
    config = tmp_path / "claude.json"
    config.write_text(json.dumps({**site.config, "source": str(source)}))
    fill(place, free)
    before = source.stat()

    def is_untouched() -> bool:
        now = source.stat()
        return (now.st_ino, now.st_mtime_ns, now.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)

    assert creds_mirror.main(["rotate", str(config)]) == 74
    assert "No space left on device" in capfd.readouterr().err
    assert source.read_bytes() == LONG and is_untouched()
    assert left_in(place) == ["cred.json", "fill"]
    (place / "fill").unlink()
    assert creds_mirror.main(["rotate", str(config)]) == 0
    assert source.read_bytes() == LONG and source.stat().st_ino != before.st_ino


@pytest.mark.parametrize("lacks", ["room", "the right to write", "nothing"])
def test_a_login_that_could_not_be_saved_is_not_renewed(
    mounted: Callable[[str], pathlib.Path], tmp_path: pathlib.Path, moment: Clock, lacks: str
) -> None:
    """Claude 2.1.332 and Codex 0.169.0 spend the refresh token there, and lose what they get for it."""
    place = mounted("size=1m,mode=777" if lacks == "room" else "size=64m,mode=777")
    client, source = tmp_path / "claude", place / "cred.json"
    client.write_text(f"#!/bin/sh\necho 2.1.331; [ $1 = --version ] || echo >>{tmp_path}/calls")
    client.chmod(0o755)
    site = Site(tmp_path, source=str(source), keep_warm=[str(client), "renew"])
    source.write_bytes(login(expires=int((moment.time + 60) * 1000)))
    assert site.publish() == 0
    if lacks == "the right to write":
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    assert creds_mirror.keep_warm(site.config) == 75
    assert (tmp_path / "calls").exists() == (lacks == "nothing")
    words = {"room": "No space left on device", "the right to write": "Read-only file system", "nothing": "ended well"}
    assert words[lacks] in site.state["life"]["sentence"]


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL])
@pytest.mark.parametrize(("room", "problem"), [(1, None), (1 << 60, "No space left on device")])
def test_where_files_have_a_name_the_free_blocks_are_asked(
    tmp_path: pathlib.Path, number: int, room: int, problem: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On NFS, for instance."""
    monkeypatch.setattr(creds_mirror, "ROOM_BYTES", room)

    def refuse(*_arguments: Any, **_options: Any) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(creds_mirror.os, "open", refuse)
        assert creds_mirror.no_room(str(tmp_path)) == problem


def full(place: pathlib.Path) -> None:
    fill(place, 0)


def without_inodes(place: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        for number in range(1000):
            (place / f"inode{number}").touch()


def read_only(place: pathlib.Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


@pytest.mark.parametrize("spoil", [full, without_inodes, read_only])
def test_a_mirror_on_a_disk_that_takes_nothing_keeps_the_old_version(
    mounted: Callable[[str], pathlib.Path], spoil: Callable[[pathlib.Path], None], tmp_path: pathlib.Path
) -> None:
    place = mounted("size=64k,nr_inodes=40,mode=777")
    site = Site(place)
    site.config["source"] = str(tmp_path / "login.json")
    site.source = tmp_path / "login.json"
    site.write(OLD)
    assert site.publish() == 0
    site.write(NEW)
    spoil(place)
    before = left_in(site.directory, site.staging)
    assert site.publish() == site.publish(verify=True) == 74
    assert site.published == site.reduced(OLD)
    assert left_in(site.directory, site.staging) == before
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    for path in place.glob("fill*"), place.glob("inode*"):
        for one in path:
            one.unlink()
    assert site.publish() == 0
    assert site.published == site.reduced(NEW)
