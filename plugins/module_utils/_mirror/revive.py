# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root's units that start a user's ended systemd again, and the watch in it that has ended or was never seen."""

from __future__ import annotations

import os

from .._base.changes import Changes
from .._base.errors import HostError
from .._host.files import status_of
from .._host.systemd import Manager
from .install import ensure_unit, ensure_watching, remove_units
from .spec import SYSTEM_UNITS, MirrorSpec
from .units import revive_units


def ensure(changes: Changes, specs: list[MirrorSpec]) -> None:
    """Have them where they are needed, and this process is root's; the host's own systemd keeps its units alive."""
    if os.geteuid() != 0:
        return
    for spec in specs:
        if spec.scope == "system":
            remove(changes, spec)
            continue
        manager = Manager(spec.user, is_users=False)
        texts = revive_units(spec)
        written = [ensure_unit(changes, SYSTEM_UNITS, name, text) for name, text in texts.items()]
        if any(written) and not changes.check_mode:
            manager.run("daemon-reload")
        timer = list(texts)[-1]
        ensure_watching(changes, manager, timer, manager.show((timer,))[timer], rewritten=any(written))


def remove(changes: Changes, spec: MirrorSpec) -> None:
    """Remove them, if they are there.

    :raises HostError: this process is not root's.
    """
    names = tuple(revive_units(spec))
    if all(status_of(f"{SYSTEM_UNITS}/{name}") is None for name in names):
        return
    if os.geteuid() != 0:
        raise HostError(f"{SYSTEM_UNITS}/{names[0]}: only root can remove it; set become.")
    remove_units(changes, Manager(spec.user, is_users=False), SYSTEM_UNITS, names[::-1])
