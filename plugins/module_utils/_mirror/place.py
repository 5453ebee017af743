# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the credentials directories lie: in the home, or where the user cannot redirect a mount.

An engine resolves a mount's path at each start of its container, as root. Who owns a directory above can put a link
there.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from functools import partial

from .._base.changes import Changes
from .._base.errors import HostError
from .._catalog import mirror_paths
from .._host import files, moving
from .._host.bounded import LOOK_SECONDS, within
from .._host.users import as_user, look_as, may_use_engine
from . import install
from .spec import MirrorSpec


def ensure(changes: Changes, specs: list[MirrorSpec], foreign_files: str, home_root: str) -> None:
    """As root: make the directories that only root can make, and have the user own what is his.

    :raises HostError: it needs root, or somebody else owns a directory above.
    """
    if specs[0].place == "system":
        _ensure_roots(changes, specs)
    _take_over(changes, specs, home_root)
    if specs[0].place == "system":
        _ensure_leaves(changes, specs, foreign_files)
    ensure_owner(changes, specs)


def ensure_owner(changes: Changes, specs: list[MirrorSpec]) -> None:
    """As root: have the user own what is his.

    :raises HostError: it is or holds somebody else's.
    """
    if os.geteuid() == 0:
        for spec in specs:
            for path in (spec.directory, spec.staging):
                files.chown_to(changes, spec.user, path, beneath=spec.root if spec.place == "system" else None)


def _ensure_roots(changes: Changes, specs: list[MirrorSpec]) -> None:
    if os.geteuid() == 0:
        for path in (os.path.dirname(specs[0].root), specs[0].root):
            files.ensure_roots_directory(changes, path)
    elif any(not os.path.isdir(path) for spec in specs for path in (spec.directory, spec.staging)):
        raise HostError("creds_mirror_place: system needs root; set become, or choose the place home.")


def _take_over(changes: Changes, specs: list[MirrorSpec], home_root: str) -> None:
    """Move what the same mirrors have in the other place: what has it mounted goes on seeing the login."""
    former = _former(specs, home_root)
    user = specs[0].user
    if os.geteuid() != 0 or not any(_is_there(one) for one in former):
        return
    if specs[0].place == "home":
        as_user(user, lambda own: files.ensure_directory(own, specs[0].root, 0o700, exactly=False), changes)
    for spec, old in zip(specs, former):
        if not moving.move(changes, user, old.directory, spec.directory, user.uid):
            _require_unneeded(spec, old)
        moving.move(changes, user, old.staging, spec.staging, user.uid, leave_link=False)


def _require_unneeded(spec: MirrorSpec, old: MirrorSpec) -> None:
    """Root's engine mounts nothing that root cannot reach; and what is another user's is no mirror's.

    :raises HostError: a directory that could not be moved would go on without anybody who publishes there.
    """
    status = _as_root_sees(old.directory) if _is_there(old) and not _is_there(spec) else None
    if status is not None and status.st_uid == spec.user.uid:
        raise HostError(
            f"{old.directory} cannot be moved to {spec.directory} (another file system, or a mount on it), and"
            f" what has it mounted would keep the last login for ever; remove the mirror of the place {old.place} first"
            f" (creds_mirror_state: absent), then run again: agents are without a login until agent_containers has run."
        )


def _as_root_sees(path: str) -> os.stat_result | None:
    with suppress(OSError):
        return within(LOOK_SECONDS, os.lstat, path)
    return None


def _is_there(spec: MirrorSpec) -> bool:
    """Whether a mirror's credentials directory is there, and not the link that a move has left."""

    return bool(look_as(spec.user, lambda: os.path.isdir(spec.directory) and not os.path.islink(spec.directory)))


def _ensure_leaves(changes: Changes, specs: list[MirrorSpec], foreign_files: str) -> None:
    user = specs[0].user
    if os.geteuid() != 0:
        return
    for spec in specs:
        leaves = [(spec.directory, spec.readers.directory_acl), (spec.staging, None)]
        if foreign_files == "move_aside" and install.foreign_names(spec):
            leaves.append((spec.aside, None))
        for path, access in leaves:
            if files.status_of(path) is None and path not in changes.made:
                files.ensure_directory(changes, path, 0o700, access=access)
                if not changes.check_mode:
                    os.chown(path, user.uid, user.gid, follow_symlinks=False)  # nobody else can have replaced it


def ensure_metrics(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Make the user's directory for what Prometheus reads: in root's directory as root, else the user's own.

    :raises HostError: somebody else owns a directory above, and could lead root elsewhere.
    """
    user, path = specs[0].user, specs[0].metrics
    if not path:
        return
    if os.geteuid() != 0:
        files.ensure_directory(changes, path, 0o755)
        return
    above = top = os.path.dirname(path)
    while (above := os.path.dirname(above)) != "/":
        status = files.status_of(above)
        if status is not None and (not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022):
            raise HostError(
                f"creds_mirror_metrics_directory: others than root can replace {above}; name a directory below root's"
                f" own, such as /var/lib/creds-mirror-metrics."
            )
    files.ensure_roots_directory(changes, top)
    if files.status_of(path) is None:
        files.ensure_directory(changes, path, 0o755)
        if not changes.check_mode:
            os.chown(path, user.uid, user.gid, follow_symlinks=False)


def remove_metrics(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Remove what was told Prometheus, and the directory of the user if nothing else is in it."""
    path = specs[0].metrics
    if not path:
        return

    def remove_files(own: Changes) -> None:
        for spec in specs:
            files.remove_file(own, spec.metrics_file)

    as_user(specs[0].user, remove_files, changes)
    files.remove_directory(changes, path, {os.path.basename(spec.metrics_file) for spec in specs})


def remove(changes: Changes, specs: list[MirrorSpec], moved_to: list[MirrorSpec] | None = None) -> None:
    """Remove the directories of the mirrors, and those above them that hold nothing else.

    :param moved_to: the same mirrors in the other place; links to them are removed as well.
    """
    root = specs[0].root

    def directories(own: Changes) -> None:
        for spec in specs:
            install.remove_directories(own, spec)
        for old, spec in zip(specs, moved_to or ()):
            moving.remove_link(own, old.directory, spec.directory)
        ours = {os.path.basename(path) for spec in specs for path in (spec.directory, spec.staging)}
        if files.remove_directory(own, root, ours) and specs[0].place == "system":
            files.remove_directory(own, os.path.dirname(root), {os.path.basename(root)})

    if specs[0].place == "home":
        as_user(specs[0].user, directories, changes)
    elif files.status_of(root) is not None:
        if os.geteuid() == 0:
            directories(changes)
        elif any(_is_there(spec) for spec in specs):
            raise HostError(f"{root}: only root can remove the place system; set become.")


def _former(specs: list[MirrorSpec], home_root: str) -> list[MirrorSpec]:
    """The same mirrors in the other place."""
    user = specs[0].user
    other: mirror_paths.Place = "home" if specs[0].place == "system" else "system"
    root = mirror_paths.mirror_root(other, home_root, user.name, user.home)
    return [replace(spec, place=other, root=root) for spec in specs]


def remove_former(changes: Changes, specs: list[MirrorSpec], home_root: str) -> None:
    """Remove all that the same mirrors have in the other place."""
    remove(changes, _former(specs, home_root), specs)


def _remove_staging(spec: MirrorSpec, own: Changes) -> None:
    install.remove_staging(own, spec)


def keep_former(changes: Changes, specs: list[MirrorSpec], home_root: str) -> None:
    """Tell what was not moved: it stays, for containers may have it mounted, but nothing publishes there."""
    for spec, old in zip(specs, _former(specs, home_root)):
        if _is_there(old):
            if old.place == "system" and os.geteuid() != 0:
                raise HostError(f"{old.root}: only root can move what lies in the place system; set become.")
            if spec.directory in changes.moved:
                continue
            if old.place == "system":
                install.remove_staging(changes, old)
            else:
                as_user(old.user, partial(_remove_staging, old), changes)
            changes.warnings.append(
                f"{old.directory} was not moved to {spec.directory} (which was there already, or root cannot reach it),"
                f" and is kept as it is: containers that have it mounted keep the last login until they are recreated;"
                f" the role agent_containers removes it when none has"
            )


def warn_of_redirection(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Warn where root's engine mounts from a home whose user may not use it."""
    spec = specs[0]
    if spec.place == "home" and os.geteuid() == 0 and may_use_engine(spec.user) is False:
        changes.warnings.append(
            f"{spec.user.name} may not use root's engine, but owns the directories above {spec.root}: by a link there"
            f" he can redirect a mount to any directory of the host at a container's next start; set"
            f" creds_mirror_place to system"
        )
