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
            f"{path}: it belongs to uid {status.st_uid}, and every directory above must be root's; move it away."
        )
    files.ensure_directory(changes, path, 0o755)


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
    _ensure_roots(changes, top)
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
