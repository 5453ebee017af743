"""A writable layer is copied as the storage driver keeps it, or the run learns why not."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import EngineError
from ansible_collections.agentops.credentials.plugins.module_utils._engine.layer import copy_layer

MODIFIED = 1_600_000_000


class Layers:
    """The directory of each container's layer."""

    def __init__(self, **directories: pathlib.Path | None) -> None:
        self.directories = directories

    def layer_directory(self, container: str) -> str | None:
        directory = self.directories[container]
        return None if directory is None else str(directory)

    def with_its_rights(self, seconds: float, work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)


@pytest.fixture
def old(tmp_path: pathlib.Path) -> pathlib.Path:
    """The upper directory of a container that wrote, deleted, linked, and set modes."""
    upper = tmp_path / "old"
    (upper / "home/agent").mkdir(parents=True)
    (upper / "home/agent").chmod(0o711)
    work = upper / "home/agent/work"
    work.write_text("work\n")
    work.chmod(0o4750)
    os.link(work, upper / "home/agent/same")
    (upper / "home/agent/login").symlink_to("/run/agent-auth/claude")
    (upper / ".hidden").write_text("hidden\n")
    os.mkfifo(upper / "home/agent/pipe", 0o600)
    os.mknod(upper / "home/agent/deleted", stat.S_IFCHR, os.makedev(0, 0))  # so overlay2 marks a deletion
    os.utime(work, (MODIFIED, MODIFIED))
    return upper


@pytest.fixture
def new(tmp_path: pathlib.Path) -> pathlib.Path:
    upper = tmp_path / "new"
    upper.mkdir()
    return upper


def test_a_layer_is_copied_exactly(old: pathlib.Path, new: pathlib.Path) -> None:
    copy_layer(Layers(old=old, new=new), "old", "new")
    home = new / "home/agent"
    work = (home / "work").stat()
    assert (new / ".hidden").read_text() == "hidden\n"
    assert (home / "work").read_text() == "work\n"
    assert (work.st_ino, work.st_nlink) == ((home / "same").stat().st_ino, 2)
    assert (stat.S_IMODE(work.st_mode), work.st_mtime) == (0o4750, MODIFIED)
    assert stat.S_IMODE(home.stat().st_mode) == 0o711
    assert os.readlink(home / "login") == "/run/agent-auth/claude"
    assert stat.S_ISFIFO((home / "pipe").stat().st_mode)
    deleted = (home / "deleted").stat()
    assert (stat.S_ISCHR(deleted.st_mode), deleted.st_rdev) == (True, os.makedev(0, 0))


def test_attributes_come_along(old: pathlib.Path, new: pathlib.Path) -> None:
    name = "trusted.overlay.opaque" if os.geteuid() == 0 else "user.overlay.opaque"
    try:
        os.setxattr(old / "home", name, b"y")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    copy_layer(Layers(old=old, new=new), "old", "new")
    assert os.getxattr(new / "home", name) == b"y"


@pytest.mark.parametrize("unreached", ["old", "new"])
def test_a_layer_that_cannot_be_reached_is_refused_with_the_fix(
    old: pathlib.Path, new: pathlib.Path, unreached: str
) -> None:
    directories: dict[str, pathlib.Path | None] = {"old": old, "new": new, unreached: None}
    with pytest.raises(EngineError) as caught:
        copy_layer(Layers(**directories), "old", "new")
    assert str(caught.value) == (
        "the writable layer can be copied only with the right to set owners on the engine's host, and with the "
        "storage driver overlay2; set writable_layer to discard, or copy the files out first"
    )
    assert list(new.iterdir()) == []


def test_a_copy_that_fails_is_an_error_with_the_words_of_cp(
    old: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    gone = tmp_path / "gone/new"
    with pytest.raises(EngineError, match=r"^the writable layer could not be copied: cp: .*gone/new.*No such file"):
        copy_layer(Layers(old=old, new=gone), "old", "new")


def test_a_copy_whose_owners_differ_is_an_error(
    old: pathlib.Path, new: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cp says nothing when it may not set them (a user who is not root)."""

    def copied(command: list[str], **_options: Any) -> Any:
        done = subprocess.CompletedProcess(command, 0, "", "")
        shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True, ignore=lambda *_: {"pipe", "deleted"})
        (new / "home/agent/work").chmod(0o600)
        return done

    monkeypatch.setattr(subprocess, "run", copied)
    with pytest.raises(EngineError, match=r"could not be copied: /home/agent/\w+ has another owner, mode or kind"):
        copy_layer(Layers(old=old, new=new), "old", "new")
