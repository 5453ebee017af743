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
from dataclasses import replace

from .._base.changes import Changes
from .._base.errors import HostError
from .._catalog import mirror_paths
from .._host import files
from .._host.users import as_user, may_use_engine
from . import install
from .spec import MirrorSpec


def ensure(changes: Changes, specs: list[MirrorSpec], foreign_files: str) -> None:
    """As root: make the directories that only root can make, and have the user own what is his.

    :raises HostError: it needs root, or somebody else owns a directory above.
    """
    if specs[0].place == "system":
        _ensure_system(changes, specs, foreign_files)
    if os.geteuid() == 0:
        for spec in specs:
            for path in (spec.directory, spec.staging):
                files.chown_to(changes, spec.user, path, beneath=spec.root if spec.place == "system" else None)


def _ensure_system(changes: Changes, specs: list[MirrorSpec], foreign_files: str) -> None:
    user, root = specs[0].user, specs[0].root
    if os.geteuid() != 0:
        if any(not os.path.isdir(path) for spec in specs for path in (spec.directory, spec.staging)):
            raise HostError("creds_mirror_place: system needs root; set become, or choose the place home.")
        return
    for path in (os.path.dirname(root), root):
        _ensure_roots(changes, path)
    for spec in specs:
        leaves = [(spec.directory, spec.readers.directory_acl), (spec.staging, None)]
        if foreign_files == "move_aside" and install.foreign_names(spec):
            leaves.append((spec.aside, None))
        for path, access in leaves:
            if files.status_of(path) is None:
                files.ensure_directory(changes, path, 0o700, access=access)
                if not changes.check_mode:
                    os.chown(path, user.uid, user.gid, follow_symlinks=False)  # nobody else can have replaced it


def _ensure_roots(changes: Changes, path: str) -> None:
    status = files.status_of(path)
    if status is not None and (not stat.S_ISDIR(status.st_mode) or status.st_uid != 0):
        raise HostError(
            f"{path}: it belongs to uid {status.st_uid}, and every directory above the credentials must be root's;"
            f" move it away."
        )
    files.ensure_directory(changes, path, 0o755)


def remove(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Remove the directories of the mirrors, and those above them that hold nothing else."""
    root = specs[0].root

    def directories(own: Changes) -> None:
        for spec in specs:
            install.remove_directories(own, spec)
        ours = {os.path.basename(path) for spec in specs for path in (spec.directory, spec.staging)}
        if files.remove_directory(own, root, ours) and specs[0].place == "system":
            files.remove_directory(own, os.path.dirname(root), {os.path.basename(root)})

    if specs[0].place == "home":
        as_user(specs[0].user, directories, changes)
    elif files.status_of(root) is not None:
        if os.geteuid() != 0:
            raise HostError(f"{root}: only root can remove the place system; set become.")
        directories(changes)


def remove_former(changes: Changes, specs: list[MirrorSpec], home_root: str) -> None:
    """Remove what the same mirrors had in the other place: the last thing that a run removes."""
    user = specs[0].user
    other: mirror_paths.Place = "home" if specs[0].place == "system" else "system"
    root = mirror_paths.mirror_root(other, home_root, user.name, user.home)
    remove(changes, [replace(spec, place=other, root=root) for spec in specs])


def warn_of_redirection(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Warn where root's engine mounts from a home whose user may not use it."""
    spec = specs[0]
    if spec.place == "home" and os.geteuid() == 0 and may_use_engine(spec.user) is False:
        changes.warnings.append(
            f"{spec.user.name} may not use root's engine, but owns the directories above {spec.root}: by a link there"
            f" he can redirect a mount to any directory of the host at a container's next start; set"
            f" creds_mirror_place to system"
        )
