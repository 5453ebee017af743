# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bind mounts as values: parse what the engine tells, normalise, compare.

A mount is compared as a value, never as text: the engine reports cleaned paths in
``.Mounts`` and raw ones in ``HostConfig``, so trailing slashes, ``..`` and ``//`` must not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from .._base.paths import normalise


@dataclass(frozen=True)
class MountSpec:
    """One mount of a container. ``source`` is a host path (bind) or a volume's name (volume)."""

    type: str
    source: str
    target: str
    read_only: bool

    def __str__(self) -> str:
        return f"{self.type} {self.source} -> {self.target} ({'ro' if self.read_only else 'rw'})"

    @property
    def as_result(self) -> dict[str, Any]:
        """As modules return it."""
        return {"type": self.type, "source": self.source, "target": self.target, "read_only": self.read_only}


def from_engine(rows: Iterable[Mapping[str, Any]] | None) -> tuple[MountSpec, ...]:
    """The ``.Mounts`` array of a list row or an inspect document, ordered by target."""
    specs = []
    for row in rows or ():
        source = row.get("Name") if row.get("Type") == "volume" else row.get("Source")
        source = source or ""
        specs.append(
            MountSpec(
                type=str(row.get("Type", "")),
                source=normalise(source) if source.startswith("/") else source,
                target=normalise(str(row["Destination"])),
                read_only=not row.get("RW", True),
            )
        )
    return tuple(sorted(specs, key=lambda spec: spec.target))


def bind_fields(bind: str) -> tuple[str, str, str]:
    """Split an entry of ``HostConfig.Binds`` into source, target and options; either may be empty.

    ``/target`` alone is an anonymous volume.
    """
    fields = bind.split(":")
    if len(fields) == 1:
        return "", fields[0], ""
    return fields[0], fields[1], ":".join(fields[2:])


def without_targets(host_config: Mapping[str, Any], targets: Iterable[str]) -> dict[str, Any]:
    """A copy of ``HostConfig`` whose ``Binds`` and ``Mounts`` lack every entry with one of ``targets``."""
    unwanted = frozenset(targets)
    result = dict(host_config)
    if result.get("Binds"):
        result["Binds"] = [bind for bind in result["Binds"] if normalise(bind_fields(bind)[1]) not in unwanted]
    if result.get("Mounts"):
        result["Mounts"] = [mount for mount in result["Mounts"] if normalise(mount["Target"]) not in unwanted]
    return result


_READ_MODES = {"ro": True, "rw": False}
_PROPAGATIONS = tuple(prefix + kind for prefix in ("", "r") for kind in ("private", "shared", "slave"))
_CONSISTENCIES = ("consistent", "cached", "delegated")


def binds_as_mounts(host_config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``HostConfig`` in which every bind of a path that ``Mounts`` can state is stated there.

    For an entry of ``Binds`` the engine makes a missing source, at the start too; for one of ``Mounts`` it refuses
    (moby#35821). SELinux labels (``z``, ``Z``) can be stated in ``Binds`` alone.
    """
    mounts, binds = list(host_config.get("Mounts") or ()), []
    for bind in host_config.get("Binds") or ():
        mount = _bind_as_mount(bind)
        if mount is None:
            binds.append(bind)
        else:
            mounts.append(mount)
    if not path_binds(host_config):
        return dict(host_config)
    return {**host_config, "Binds": binds or None, "Mounts": mounts}


def _bind_as_mount(bind: str) -> dict[str, Any] | None:
    source, target, options = bind_fields(bind)
    entry: dict[str, Any] = {"Type": "bind", "Source": source, "Target": target, "ReadOnly": False}
    if not source.startswith("/"):
        return None
    for option in filter(None, options.split(",")):
        if option in _READ_MODES:
            entry["ReadOnly"] = _READ_MODES[option]
        elif option in _PROPAGATIONS:
            entry["BindOptions"] = {"Propagation": option}
        elif option in _CONSISTENCIES:
            entry["Consistency"] = option
        else:
            return None
    return entry


def path_binds(host_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the host for which the engine would make a directory, were they missing."""
    sources = (bind_fields(bind)[0] for bind in host_config.get("Binds") or ())
    return tuple(source for source in sources if source.startswith("/"))


def with_bind(host_config: Mapping[str, Any], mount: MountSpec) -> dict[str, Any]:
    """A copy of ``HostConfig`` with ``mount`` added.

    It goes to ``Mounts``: an entry of ``Binds`` with a missing source would make the engine create
    a root-owned directory in its place (moby#35821).
    """
    entry = {"Type": mount.type, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
    return {**host_config, "Mounts": [*(host_config.get("Mounts") or ()), entry]}
