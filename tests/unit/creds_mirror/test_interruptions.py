# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mirror while others write, and killed at every step: no reader ever sees what was never acceptable."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import END, Site, creds_mirror, login


class Steps:
    """``os`` for the mirror program, with ``before`` called before each system call of it."""

    CALLS = frozenset(
        "open close read write fstat stat lstat fsync lseek utime rename unlink listdir readlink path".split()
    )
    CHANGING = frozenset("open write fsync utime rename unlink".split())

    def __init__(self, before: Callable[[str], None]) -> None:
        self.before = before

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name == "path" or name not in self.CALLS:
            return real

        def step(*arguments: Any, **options: Any) -> Any:
            self.before(name)
            return real(*arguments, **options)

        return step


# One writer's step: bytes that one system call leaves behind at the source.
Write = Callable[[Site, bytes], None]


def by_rename(site: Site, content: bytes) -> None:
    new = site.source.with_name("new")
    new.write_bytes(content)
    new.replace(site.source)


def truncate(site: Site, _content: bytes) -> None:
    if site.source.exists():
        os.truncate(site.source, 0)


def first_half(site: Site, content: bytes) -> None:
    site.source.write_bytes(content[: len(content) // 2])


def in_place(site: Site, content: bytes) -> None:
    site.source.write_bytes(content)


def delete(site: Site, _content: bytes) -> None:
    site.source.unlink(missing_ok=True)


def directory_made_again(site: Site, content: bytes) -> None:
    shutil.rmtree(site.source.parent)
    site.source.parent.mkdir()
    site.source.write_bytes(content)


def through_a_link(site: Site, content: bytes) -> None:
    real = site.source.with_name("real")
    real.write_bytes(content)
    site.source.unlink(missing_ok=True)
    site.source.symlink_to(real)


def blank(site: Site, _content: bytes) -> None:
    by_rename(site, login(accessToken=""))


WRITES: list[Write] = [by_rename, truncate, first_half, in_place, delete, directory_made_again, through_a_link, blank]


class Writer:
    """A script of writer's steps, played between the mirror's system calls; versions only become newer."""

    def __init__(self, site: Site, script: list[tuple[int, Write]]) -> None:
        self.site, self.script, self.version = site, script, 0
        self.acceptable: set[bytes | None] = {None}
        self.waiting = script[0][0] if script else 0

    def step(self, _call: str) -> None:
        self.watch()
        while self.script and self.waiting <= 0:
            self.play()
        self.waiting -= 1

    def play(self) -> None:
        _wait, write = self.script.pop(0)
        self.version += 1
        write(self.site, login(f"{self.version:04d}", expires=END + self.version))
        with contextlib.suppress(OSError, creds_mirror.Refusal):
            self.acceptable.add(self.site.reduced(self.site.source.read_bytes()))
        self.waiting = self.script[0][0] if self.script else 0

    def watch(self) -> None:
        """What a reader sees now."""
        assert self.site.published in self.acceptable
        assert set(os.listdir(self.site.directory)) <= {self.site.target.name}

    def finish(self) -> None:
        while self.script:
            self.play()


@given(script=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(WRITES)), max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("quick")
def test_no_interleaving_shows_or_leaves_a_wrong_version(
    script: list[tuple[int, Write]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as home, monkeypatch.context() as patch:
        site = Site(pathlib.Path(home))
        writer = Writer(site, script)
        patch.setattr(creds_mirror, "os", Steps(writer.step))
        site.publish()
        writer.finish()
        site.publish()  # what the verify service does when the watch stands again
        writer.watch()
        try:
            final = site.reduced(site.source.read_bytes())
        except (OSError, creds_mirror.Refusal):
            return
        assert site.published == final


def killed_runs(site: Site, run: Callable[[], int] | None = None) -> Iterator[int]:
    """Runs of the mirror, killed before its first, second, ... step that changes the file system; until one ends."""
    number = 0
    while True:
        number += 1
        child = os.fork()
        if child == 0:
            left = number

            def before(call: str) -> None:
                nonlocal left
                if call in Steps.CHANGING:
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            exchanging = creds_mirror.exchange

            def exchange(one: str, other: str, exchanging: Callable[[str, str], None] = exchanging) -> None:
                before("rename")
                exchanging(one, other)

            vars(creds_mirror).update(os=Steps(before), exchange=exchange)
            os._exit((run or site.publish)())
        _child, status = os.waitpid(child, 0)
        yield number
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return


def test_killed_at_any_step_it_leaves_the_old_or_the_new_version(site: Site) -> None:
    old, new = login("old-0"), login("new-0")
    site.write(old)
    assert site.publish() == 0
    site.write(new)
    runs = 0
    for number in killed_runs(site):
        runs = number
        assert site.published in (site.reduced(old), site.reduced(new))
        # A client that has the old login in its memory writes it back now.
        before = site.published
        site.write(old)
        site.publish()
        assert site.published == before
        site.write(new)
        assert site.publish() == 0, "the next run converges"
        assert site.published == site.reduced(new)
        assert sorted(os.listdir(site.staging)) == ["logins.json", "status.json"], "and leaves nothing over"
        old, new = login(f"old-{number}"), login(f"new-{number}")
        site.write(old)
        assert site.publish() == 0
        site.write(new)
    assert runs > 10
    assert site.publish() == 0
    assert site.published == site.reduced(new)


def test_killed_at_any_step_it_withdraws_or_keeps(tmp_path: pathlib.Path) -> None:
    site = Site(tmp_path, on_logout="withdraw", grace=0)
    site.write(login())
    assert site.publish() == 0
    whole = site.published
    site.source.unlink()
    for _number in killed_runs(site):
        assert site.published in (whole, None)
        site.write(login())
        assert site.publish() == 0
        site.source.unlink()
    assert site.publish() == 0
    assert site.published is None


def test_rotating_gives_a_new_inode_and_the_same_content(site: Site) -> None:
    site.write(login())
    site.source.chmod(0o600)
    before = site.source.stat()
    assert creds_mirror.rotate_one(str(site.source)) == site.source.stat().st_ino != before.st_ino
    assert site.source.read_bytes() == login()
    assert site.source.stat().st_mode == before.st_mode
    assert os.listdir(site.source.parent) == [site.source.name]


@given(script=st.lists(st.tuples(st.integers(0, 12), st.just(by_rename)), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rotating_never_loses_a_login_saved_meanwhile(
    script: list[tuple[int, Write]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as home, monkeypatch.context() as patch:
        site = Site(pathlib.Path(home))
        site.write(login("0000"))
        writer = Writer(site, script)
        newest = [login("0000")]

        def step(_call: str) -> None:
            while writer.script and writer.waiting <= 0:
                writer.play()
                newest[0] = site.source.read_bytes()
            writer.waiting -= 1

        real_exchange = creds_mirror.exchange

        def exchange(one: str, other: str) -> None:
            step("exchange")
            real_exchange(one, other)

        patch.setattr(creds_mirror, "os", Steps(step))
        patch.setattr(creds_mirror, "exchange", exchange)
        creds_mirror.rotate_one(str(site.source))
        assert site.source.read_bytes() == newest[0]
        assert os.listdir(site.source.parent) == [site.source.name]


def test_a_rotation_that_is_killed_at_any_step_leaves_the_login_and_the_next_one_sweeps(site: Site) -> None:
    site.write(login())
    runs = 0
    for number in killed_runs(site, lambda: int(creds_mirror.rotate_one(str(site.source)) == 0)):
        runs = number
        assert site.source.read_bytes() == login()
        creds_mirror.rotate_one(str(site.source))
        assert site.source.read_bytes() == login()
        assert os.listdir(site.source.parent) == [site.source.name]
    assert runs > 7


def test_a_login_that_a_killed_rotation_has_taken_out_goes_in_again(site: Site) -> None:
    """A client saved it just before the exchange; the rotation was killed before it could put it back."""
    site.write(login("0002"))
    left = site.source.with_name(f"{site.source.name}.rotate.4711")
    site.source.rename(left)
    site.write(login("0001"))
    os.utime(site.source, ns=(1, left.stat().st_mtime_ns - 1))
    creds_mirror.rotate_one(str(site.source))
    assert site.source.read_bytes() == login("0002")
    assert os.listdir(site.source.parent) == [site.source.name]


@pytest.mark.parametrize("source", [login("0002"), None])
def test_an_older_login_that_a_killed_rotation_has_left_is_removed(site: Site, source: bytes | None) -> None:
    left = site.source.with_name(f"{site.source.name}.rotate.4711")
    left.write_bytes(login("0001"))
    others = [site.source.with_name(f"{site.source.name}.rotate.mine"), site.source.with_name("x.rotate.1")]
    for other in others:
        other.write_bytes(b"not ours")
    if source is None:
        with pytest.raises(creds_mirror.Refusal, match="no login to rotate"):
            creds_mirror.rotate_one(str(site.source))
    else:
        site.write(source)
        creds_mirror.rotate_one(str(site.source))
        assert site.source.read_bytes() == source
    assert not left.exists() and all(other.exists() for other in others)


def test_only_one_rotation_at_a_time(site: Site) -> None:
    site.write(login())
    descriptor = creds_mirror.lock_directory(str(site.source.parent))
    with pytest.raises(creds_mirror.Refusal, match="another rotation is under way"):
        creds_mirror.rotate_one(str(site.source))
    os.close(descriptor)
    creds_mirror.rotate_one(str(site.source))
