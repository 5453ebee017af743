# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mirror's directories on a real file system."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host import acl
from ansible_collections.agentops.credentials.plugins.module_utils._host.acl import Readers
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import install
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec

from .specs import SPEC, changes_of


@pytest.fixture
def spec(tmp_path: pathlib.Path) -> MirrorSpec:
    user = User("me", os.geteuid(), os.getegid(), str(tmp_path))
    return replace(SPEC, user=user, root=str(tmp_path / ".config" / "claude-hooks"))


def tree(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    return {str(entry): (entry.lstat().st_mode, entry.lstat().st_mtime_ns) for entry in sorted(path.rglob("*"))}


def break_mode(spec: MirrorSpec) -> None:
    os.chmod(spec.directory, 0o500)


def break_file(spec: MirrorSpec) -> None:
    pathlib.Path(spec.published).touch()
    os.chmod(spec.published, 0o644)


def break_staging(spec: MirrorSpec) -> None:
    os.rmdir(spec.staging)


def nothing(_spec: MirrorSpec) -> None:
    return


def everything(spec: MirrorSpec) -> None:
    os.rmdir(spec.staging)
    os.rmdir(spec.directory)
    os.rmdir(spec.root)


@pytest.mark.parametrize("drift", [break_mode, break_file, break_staging, nothing, everything])
@pytest.mark.parametrize("readers", [Readers(), Readers(uids=(12345, 7), gids=(8,))])
def test_check_mode_predicts_what_a_run_does_and_does_nothing(
    spec: MirrorSpec, drift: Callable[[MirrorSpec], None], readers: Readers, tmp_path: pathlib.Path
) -> None:
    spec = replace(spec, readers=readers)

    def directories(changes: Changes) -> None:
        install.ensure_directories(changes, spec, "refuse")

    changes_of(directories)
    drift(spec)
    before = tree(tmp_path)
    predicted = changes_of(directories, check_mode=True)
    assert tree(tmp_path) == before
    done = changes_of(directories)
    assert predicted == done
    assert bool(done) is (drift is not nothing)
    assert changes_of(directories) == changes_of(directories, check_mode=True) == []


def test_readers_get_exactly_their_rights(spec: MirrorSpec) -> None:
    spec = replace(spec, readers=Readers(uids=(12345,)))
    changes_of(lambda changes: install.ensure_directories(changes, spec, "refuse"))
    observed = os.getxattr(spec.directory, acl.ACL_ACCESS)
    assert observed == acl.encode(spec.readers, 7, acl.READ_ENTER)
    assert stat.S_IMODE(os.stat(spec.directory).st_mode) & 0o007 == 0
    changes_of(lambda changes: install.ensure_directories(changes, replace(spec, readers=Readers()), "refuse"))
    assert stat.S_IMODE(os.stat(spec.directory).st_mode) == 0o700
    assert not os.listxattr(spec.directory) and not os.listxattr(spec.staging)


def test_a_foreign_file_stops_the_run_or_is_moved_and_never_deleted(spec: MirrorSpec) -> None:
    def directories(foreign_files: str) -> Callable[[Changes], None]:
        return lambda changes: install.ensure_directories(changes, spec, foreign_files)

    changes_of(directories("refuse"))
    notes = pathlib.Path(spec.directory, "notes")
    notes.write_text("mine")
    with pytest.raises(HostError, match=r"foreign notes in it; move it elsewhere, or set"):
        changes_of(directories("refuse"))
    assert notes.read_text() == "mine"
    changes_of(directories("move_aside"))
    notes.write_text("mine too")
    changes_of(directories("move_aside"))
    aside = pathlib.Path(f"{spec.directory}.moved-aside")
    assert [path.read_text() for path in sorted(aside.iterdir())] == ["mine", "mine too"]


def test_a_link_in_the_place_of_the_credentials_directory_is_refused(spec: MirrorSpec, tmp_path: pathlib.Path) -> None:
    os.makedirs(spec.root)
    os.symlink(tmp_path, spec.directory)
    with pytest.raises(HostError, match="symbolic link is where the directory must be"):
        changes_of(lambda changes: install.ensure_directories(changes, spec, "refuse"))


def test_removing_leaves_foreign_files_and_the_source(spec: MirrorSpec) -> None:
    changes_of(lambda changes: install.ensure_directories(changes, spec, "refuse"))
    for path in (spec.published, f"{spec.staging}/status.json", f"{spec.directory}/notes"):
        pathlib.Path(path).write_text("x")
    changes = Changes(False)
    install.remove_directories(changes, spec)
    assert os.listdir(spec.directory) == ["notes"] and not os.path.exists(spec.staging)
    assert "holds the foreign notes" in changes.warnings[0]
    assert changes_of(lambda changes: install.remove_directories(changes, spec)) == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_directories_that_hold_nothing_more_go_and_the_others_stay(tmp_path: pathlib.Path, check_mode: bool) -> None:
    """Check mode predicts it: what it takes as gone is still there for it."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere/deep"
    units, wants = home / ".config/systemd/user", home / ".config/systemd/user/default.target.wants"
    wants.mkdir(parents=True)
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/other").touch()
    elsewhere.mkdir(parents=True)
    gone = {str(units / "x.service"), str(home / ".local/bin/creds-mirror")}
    if check_mode:
        (units / "x.service").touch()
        (wants / "x.service").touch()
        (home / ".local/bin/creds-mirror").touch()
    else:
        wants.rmdir()
    changes = Changes(check_mode)
    ours = (f"{units}/", str(home / ".local/bin/creds-mirror"), str(elsewhere / "x"))
    install.remove_empty_above(changes, str(home), *ours, gone=gone)
    assert changes.changes == [
        f"removed the directory {home / path}" for path in (".config/systemd/user", ".config/systemd", ".config")
    ]
    assert (home / ".local/bin/other").exists()
    assert elsewhere.exists()
    assert (home / ".config").exists() == check_mode
