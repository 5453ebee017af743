# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diagnose: the verdict on an agent's mounts, and the remedy. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .._agents.passwd import PASSWD
from .._agents.placement import earlier_targets, earlier_variables, is_file_mount
from .._base.paths import is_below
from .link import links_to_make
from .observed import Observed
from .options import Options


class Verdict(enum.Enum):
    """What a container's mounts are now."""

    OK = "ok"
    FILE_MOUNT = "file_mount"
    WRONG_SOURCE = "wrong_source"
    WRITABLE = "writable"
    MISSING = "missing"
    STALE = "stale"
    ABSENT = "absent"


class Remedy(enum.Enum):
    """What makes the verdict ``ok``."""

    RECREATE = "recreate"
    RESTART = "restart"
    LINK = "link"


@dataclass(frozen=True)
class Diagnosis:
    """The verdict, why, and what makes it ``ok``."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    remedy: Remedy | None = None
    unmounted: tuple[str, ...] = ()
    """Targets of the mounts that a recreation leaves out."""
    unset: tuple[str, ...] = ()
    """Variables that a recreation removes."""

    @property
    def cause(self) -> str:
        return "; ".join((self.verdict.value, *self.reasons))


def diagnose(observed: Observed, options: Options) -> Diagnosis:
    """The verdict on one agent's mounts."""
    spec, desired, container = observed.spec, observed.desired, observed.container
    if container is None:
        return Diagnosis(Verdict.ABSENT, (f"there is no container named {spec.container}",))
    if desired is None:
        return Diagnosis(Verdict.MISSING, ("the place for the directory is not known",))
    target = desired.mount.target
    at_target = next((mount for mount in container.mounts if mount.target == target), None)
    is_ours = at_target is not None and at_target.type == "bind" and container.mount_source == observed.directory.path
    if not options.is_present:
        return _diagnose_absent(observed, target) if is_ours else Diagnosis(Verdict.MISSING)

    environment = container.inspected.environment
    files = tuple(mount.target for mount in container.mounts if is_file_mount(mount, spec, desired))
    earlier = earlier_targets(spec.cli, desired, container.mounts)
    unset = earlier_variables(spec.cli, desired, environment)
    unmounted = tuple(dict.fromkeys((*files, *earlier, *((target,) if at_target else ()))))

    def recreate(verdict: Verdict, *reasons: str) -> Diagnosis:
        return Diagnosis(verdict, reasons, Remedy.RECREATE, unmounted, unset)

    if files:
        return recreate(Verdict.FILE_MOUNT, *(f"{path} is a file mount, which stays at one inode" for path in files))
    if at_target is None:
        return recreate(Verdict.MISSING, f"nothing is mounted at {target}")
    if not is_ours:
        return recreate(Verdict.WRONG_SOURCE, f"{at_target.source} is mounted at {target}")
    if not at_target.read_only and desired.mount.read_only:
        return recreate(Verdict.WRITABLE, f"the mount at {target} is writable")
    if at_target.read_only and not desired.mount.read_only:
        return recreate(Verdict.MISSING, f"the mount at {target} is read-only, and a shared login is written there")
    lacking = [f"{name} is not set to {value}" for name, value in desired.variables if environment.get(name) != value]
    if lacking:
        return recreate(Verdict.MISSING, *lacking)
    if desired.passwd is not None:
        return recreate(Verdict.MISSING, f"the container's uid has no entry in {PASSWD}")
    if earlier or unset:
        return recreate(
            Verdict.WRONG_SOURCE, *(f"{what} is left of another mode or placement" for what in (*earlier, *unset))
        )
    if container.seen_directory not in (None, observed.directory.identity):
        return Diagnosis(
            Verdict.STALE, (f"{target} is another directory than {observed.directory.path} now",), Remedy.RESTART
        )
    links = links_to_make(observed)
    if links:
        return Diagnosis(
            Verdict.MISSING, tuple(f"{link} is not a link to the directory" for link in links), Remedy.LINK
        )
    return Diagnosis(Verdict.OK)


def _diagnose_absent(observed: Observed, target: str) -> Diagnosis:
    passwd_root = observed.spec.passwd_root
    generated = [
        mount.target
        for mount in observed.mounts
        if mount.target == PASSWD and passwd_root and is_below(mount.source, passwd_root)
    ]
    return Diagnosis(Verdict.OK, ("the directory mount is to be taken away",), Remedy.RECREATE, (target, *generated))
