# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The place of the credentials directories: in the home, or where every parent directory is root's."""

from __future__ import annotations

import os
import pathlib
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import mirror_paths
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host import moving
from ansible_collections.agentops.credentials.plugins.module_utils._host.acl import Readers
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User, as_user
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import guard, place
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.guard import require_guardable
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.install import ensure_directories
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source

MAL = 60003
ROOT = "~/.config/claude-hooks"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the place")


def test_the_root_of_each_place() -> None:
    assert mirror_paths.mirror_root("home", "~/r", "dev", "/home/dev") == "/home/dev/r"
    assert mirror_paths.mirror_root("system", "~/r", "dev", "/home/dev") == "/var/lib/agentops-credentials/dev"
    rows = [CATALOG["claude"]]
    assert mirror_paths.mirrored_directories(rows, "~/r", {}, "/home/dev", place="system", user="dev") == {
        "/home/dev/.claude/.credentials.json": "/var/lib/agentops-credentials/dev/claude-credentials"
    }


@pytest.fixture
def tmp_path() -> Iterator[pathlib.Path]:
    """Open to other users: pytest closes its own directories to them, again at each start of another pytest."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)  # noqa: S103
        yield pathlib.Path(path)


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    umask = os.umask(0o022)
    home = tmp_path / "home" / "mal"
    home.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(home, MAL, MAL)
    yield home
    os.umask(umask)


@pytest.fixture
def spec(home: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> MirrorSpec:
    top = tmp_path / "lib" / "agentops-credentials"
    top.parent.mkdir()
    monkeypatch.setattr(mirror_paths, "SYSTEM_PLACE", str(top))
    login = f"{home}/.claude/.credentials.json"
    user = User("root", MAL, MAL, str(home))
    return MirrorSpec(CATALOG["claude"], user, "user", f"{top}/root", Source(login, login), place="system")


def make(spec: MirrorSpec, foreign_files: str = "refuse") -> list[str]:
    """As a run does it, which check mode must have predicted."""
    records = Changes(check_mode=True), Changes(check_mode=False)
    for changes in records:
        place.ensure(changes, [spec], foreign_files, ROOT)
        as_user(spec.user, lambda own: ensure_directories(own, spec, foreign_files), changes)
    assert records[0].changes == records[1].changes
    return records[1].changes


@as_root
@pytest.mark.parametrize("readers", [Readers(), Readers(uids=(12345,))])
def test_every_parent_is_roots_and_the_leaves_are_the_users(spec: MirrorSpec, readers: Readers) -> None:
    spec = replace(spec, readers=readers)
    before = os.umask(0o077)
    try:
        changes = make(spec)
    finally:
        os.umask(before)
    assert changes[:2] == [f"made the directory {os.path.dirname(spec.root)}", f"made the directory {spec.root}"]
    for path in (os.path.dirname(spec.root), spec.root):
        status = os.stat(path)
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)
    for path in (spec.directory, spec.staging):
        assert os.stat(path).st_uid == MAL and stat.S_IMODE(os.stat(path).st_mode) & 0o707 == 0o700
    assert make(spec) == []


@as_root
def test_the_user_cannot_redirect_it(spec: MirrorSpec) -> None:
    """On 0.2.0 a link at the directory's place showed the container the host's root at its next start (attacks.md, 4b)."""
    make(spec)

    def attack(_own: Changes) -> list[str]:
        refused = []
        for path in (spec.directory, spec.staging, spec.root, os.path.dirname(spec.root)):
            for call, arguments in ((os.rename, (path, f"{path}.real")), (os.rmdir, (path,))):
                try:
                    call(*arguments)
                except OSError as error:
                    refused.append(str(error.strerror))
        return refused

    assert as_user(spec.user, attack, Changes(False)) == ["Permission denied"] * 8


@as_root
@pytest.mark.parametrize("drift", ["owner of a parent", "mode of a parent", "owner of a leaf", "leaf gone"])
def test_its_drifts_are_repaired_or_refused(spec: MirrorSpec, drift: str) -> None:
    make(spec)
    if drift == "owner of a parent":
        os.chown(spec.root, MAL, MAL)
        with pytest.raises(HostError, match=f"it belongs to uid {MAL}, and every directory above"):
            make(spec)
        return
    if drift == "mode of a parent":
        os.chmod(spec.root, 0o757)  # noqa: S103
        assert make(spec) == [f"set the mode of {spec.root} to 0755"]
    elif drift == "owner of a leaf":
        os.chown(spec.directory, 0, 0)
        assert make(spec) == [f"set the owner of {spec.directory} to root"]
    else:
        os.rmdir(spec.directory)
        assert make(spec) == [f"made the directory {spec.directory}"]
    assert make(spec) == []


@as_root
def test_foreign_files_are_moved_aside_there_too(spec: MirrorSpec) -> None:
    make(spec)
    notes = pathlib.Path(spec.directory, "notes")
    notes.touch()
    os.chown(notes, MAL, MAL)
    with pytest.raises(HostError, match="foreign notes"):
        make(spec)
    assert make(spec, "move_aside")[-1].startswith(f"moved {notes} aside to ")
    assert make(spec, "move_aside") == []


def old_of(spec: MirrorSpec, home: pathlib.Path) -> MirrorSpec:
    """The same mirror in the home, with a login."""
    old = replace(spec, place="home", root=f"{home}/.config/claude-hooks")
    (home / ".config").mkdir()
    os.chown(home / ".config", MAL, MAL)
    make(old)
    for path in (old.published, f"{old.staging}/status.json"):
        pathlib.Path(path).write_text("a login")
        os.chmod(path, 0o600)
        os.chown(path, MAL, MAL)
    return old


@as_root
def test_what_has_the_former_place_mounted_goes_on_seeing_the_login(spec: MirrorSpec, home: pathlib.Path) -> None:
    """Before, the published file was removed at once: a container that was deferred, or stopped, had no login."""
    old = old_of(spec, home)
    mounted = os.open(old.directory, os.O_PATH)
    try:
        for one, other in ((spec, old), (old, spec)):
            changes = make(one)
            assert changes[-2:] == [
                f"moved {other.directory} to {one.directory}",
                f"moved {other.staging} to {one.staging}",
            ]
            assert os.path.samestat(os.stat(one.directory), os.fstat(mounted))
            # A container that starts again with the former path sees the same one; the link is the place's owner's.
            assert os.path.samestat(os.stat(other.directory), os.fstat(mounted))
            assert os.lstat(other.directory).st_uid == os.stat(other.root).st_uid
            assert os.listdir(one.staging) == ["status.json"]
            assert make(one) == []
            kept = Changes(check_mode=False)
            place.keep_former(kept, [one], ROOT)
            assert (kept.changes, kept.warnings) == ([], [])
    finally:
        os.close(mounted)


@as_root
@pytest.mark.parametrize("obstacle", ["another file system", "a mount"])
def test_what_cannot_be_moved_is_refused_for_its_login_would_grow_old(
    spec: MirrorSpec, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    """Before, it was kept and told of: what had it mounted and was not recreated had its last login for ever."""
    old = old_of(spec, home)
    if obstacle == "another file system":
        monkeypatch.setattr(moving, "_look", lambda _former, _directory: [True, 0])
    else:
        monkeypatch.setattr(moving, "_renamed", lambda *_arguments: False)
    with pytest.raises(HostError, match=r"cannot be moved to .*keep the last login.*creds_mirror_state: absent"):
        make(spec)
    assert os.listdir(old.directory) == [".credentials.json"] and os.listdir(old.staging) == ["status.json"]
    for changes in (Changes(check_mode=True), Changes(check_mode=False)):
        place.remove(changes, [spec])
        place.remove_former(changes, [spec], ROOT)
    make(spec)
    assert not os.path.exists(old.directory)


@as_root
def test_a_second_directory_in_the_former_place_is_kept_and_told(spec: MirrorSpec, home: pathlib.Path) -> None:
    make(spec)
    old = replace(spec, place="home", root=f"{home}/.config/claude-hooks")
    as_user(spec.user, lambda own: ensure_directories(own, old, "refuse"), Changes(check_mode=False))
    make(spec)
    kept = Changes(check_mode=False)
    place.keep_former(kept, [spec], ROOT)
    assert kept.changes == [f"removed the directory {old.staging}"]
    assert len(kept.warnings) == 1 and "was not moved" in kept.warnings[0]


@as_root
@pytest.mark.parametrize("trap", ["a link", "another user's", "another user's above"])
def test_root_moves_nothing_but_the_users_own(spec: MirrorSpec, home: pathlib.Path, trap: str) -> None:
    old = old_of(spec, home)
    treasure = home.parent / "treasure"
    treasure.mkdir()
    os.chown(treasure, MAL + 1, MAL + 1)
    if trap == "a link":
        os.rename(old.directory, f"{old.directory}.real")
        os.symlink(treasure, old.directory)
    elif trap == "another user's":
        os.chown(old.directory, MAL + 1, MAL + 1)
    else:
        os.chown(old.root, MAL + 1, MAL + 1)
    make(spec)
    assert os.listdir(spec.directory) == [] and treasure.is_dir()
    assert os.stat(spec.directory).st_uid == MAL


@as_root
@pytest.mark.parametrize("has_link", [False, True], ids=["the place is free", "a link is there"])
def test_root_moves_nothing_into_a_directory_of_roots_to_which_the_user_leads(
    spec: MirrorSpec, home: pathlib.Path, has_link: bool
) -> None:
    """Found at this collection's own move: the home's side was resolved as the user, and root's directories were taken:
    a link at ~/.config/claude-hooks had root put a directory of the user's into /etc/systemd/system."""
    make(spec)
    treasure = home.parent / "treasure"
    treasure.mkdir()
    old = replace(spec, place="home", root=f"{home}/.config/claude-hooks")
    if has_link:
        (treasure / os.path.basename(old.directory)).symlink_to(spec.directory)
    before = os.listdir(treasure)
    (home / ".config").mkdir()
    os.chown(home / ".config", MAL, MAL)
    os.symlink(treasure, old.root)
    with pytest.raises(HostError):
        make(old)
    assert os.listdir(treasure) == before and os.path.isdir(spec.directory)


@as_root
def test_a_link_of_the_users_to_a_directory_of_his_own_is_followed(spec: MirrorSpec, home: pathlib.Path) -> None:
    """As people have it whose dotfiles lie elsewhere."""
    old = old_of(spec, home)
    os.rename(old.root, home / "dotfiles")
    os.symlink(home / "dotfiles", old.root)
    assert f"moved {old.directory} to {spec.directory}" in make(spec)
    assert os.listdir(spec.directory) == [".credentials.json"]
    assert f"moved {spec.directory} to {old.directory}" in make(old)
    assert os.listdir(home / "dotfiles" / os.path.basename(old.directory)) == [".credentials.json"]


@as_root
def test_the_former_place_goes_with_all_that_is_the_mirrors(spec: MirrorSpec, home: pathlib.Path) -> None:
    old = old_of(spec, home)
    make(spec)
    pathlib.Path(old.root, "hooks.json").touch()
    records = Changes(check_mode=True), Changes(check_mode=False)
    for changes in records:
        place.remove(changes, [spec])
        place.remove_former(changes, [spec], ROOT)
    assert records[0].changes == records[1].changes
    assert records[1].changes[-1] == f"removed the link {old.directory}"
    assert os.listdir(old.root) == ["hooks.json"] and not os.path.exists(os.path.dirname(spec.root))


def test_without_root_the_place_is_needed_and_told(spec: MirrorSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: MAL)
    with pytest.raises(HostError, match="creds_mirror_place: system needs root"):
        place.ensure(Changes(check_mode=False), [spec], "refuse", ROOT)


@as_root
@pytest.mark.parametrize("may", [False, None])
def test_who_may_not_use_roots_engine_needs_the_place_system_for_the_guard(
    spec: MirrorSpec, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch, may: bool | None
) -> None:
    """He could redirect root's mount between the look at its way and the mount, at each boot."""
    monkeypatch.setattr(guard, "may_use_engine", lambda _user: may)
    make(spec)
    require_guardable(spec)
    old = replace(spec, place="home", root=f"{home}/.config/claude-hooks")
    make(old)
    with pytest.raises(
        HostError, match=rf"{spec.user.name} may not use root's engine.*set creds_mirror_place to system"
    ):
        require_guardable(old)


@as_root
def test_the_guard_needs_a_path_without_detours(
    spec: MirrorSpec, home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On 0.2.0 a link at ~/.config/claude-hooks made root mount another user's directory (attacks.md, 9b)."""
    monkeypatch.setattr(guard, "may_use_engine", lambda _user: True)
    make(spec)
    require_guardable(spec)
    old = replace(spec, place="home", root=f"{home}/.config/claude-hooks")
    require_guardable(old)  # not made yet
    make(old)
    require_guardable(old)
    os.rename(old.root, f"{old.root}.real")
    os.symlink(f"{old.root}.real", old.root)
    with pytest.raises(HostError, match=r"claude-hooks is a link.*creds_mirror_place to system"):
        require_guardable(old)
    os.unlink(old.root)
    os.mkdir(old.root)
    os.chown(old.root, MAL + 1, MAL + 1)
    with pytest.raises(HostError, match=rf"belongs to uid {MAL + 1}.*creds_mirror_place to system"):
        require_guardable(old)
