# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a mirror's specification, before anything is touched. Pure."""

from __future__ import annotations

import os
import re

from .._base.errors import ConfigError
from .._base.paths import is_below
from .._base.printable import printable
from .spec import MirrorSpec
from .units import guard_units, revive_units, units

_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOGIN_IN_URL = re.compile(r"//[^/@]*:[^/@]*@")


def check(spec: MirrorSpec) -> list[str]:
    """What is wrong with a spec, one sentence each. It is checked again when links have been resolved."""
    faults = []
    name, user = spec.cli.name, spec.user.name
    if not user or user in (".", "..") or "/" in user:
        faults.append(f"'{printable(user)}': a user of this name cannot have a directory; name another user.")
    for path, option in ((spec.root, "creds_mirror_root"), (spec.source.path, f"creds_mirror_sources.{name}")):
        if not os.path.isabs(path):
            faults.append(f"{name}: {option} is the relative path {printable(path)}; write it from / or ~/.")
    if spec.metrics and not os.path.isabs(spec.metrics):
        path = printable(spec.metrics)
        faults.append(f"{name}: creds_mirror_metrics_directory leads to the relative path {path}; write it from /.")
    for variable, value in spec.keep_warm_environment:
        if not _ENVIRONMENT.fullmatch(variable):
            faults.append(f"creds_mirror_keep_warm_environment: {printable(variable)} is no name of a variable.")
        if _LOGIN_IN_URL.search(value):
            faults.append(
                f"creds_mirror_keep_warm_environment: {variable} holds a password, and it becomes part of a file; set"
                f" it in {spec.user.name}'s ~/.config/environment.d instead."
            )
    if spec.scope == "system":
        faults += _check_system_scope(spec)
    if not faults:
        try:
            units(spec)
            guard_units(spec)
            revive_units(spec)
        except ConfigError as error:
            faults += [f"{name}: {fault}" for fault in error.faults]
    return faults


def _check_system_scope(spec: MirrorSpec) -> list[str]:
    """The units are root's: the user's own link may not decide what they name."""
    faults = []
    if spec.user.uid == 0:
        faults.append("root: creds_mirror_scope system runs no service as root; use the scope user, or another user.")
    if spec.source.real != spec.source.path and not is_below(spec.source.real, spec.user.home):
        faults.append(
            f"{spec.cli.name}: {spec.source.path} is a link that leads out of {spec.user.home} to"
            f" {printable(spec.source.real)}, and such a link decides nothing in root's units; set"
            f" creds_mirror_sources.{spec.cli.name} to that file, or creds_mirror_scope to user."
        )
    return faults


def require(specs: list[MirrorSpec]) -> None:
    """:raises ConfigError: with every fault of every spec."""
    faults = [fault for spec in specs for fault in check(spec)]
    if faults:
        raise ConfigError(*faults)
