# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's documents, read through names instead of keys. Pure.

A view keeps the document: a create request must repeat also what this collection has no name for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Tuple

from .._base.paths import normalise
from .mounts import MountSpec, from_engine

Document = Mapping[str, Any]
ApiVersion = Tuple[int, int]

RUNNING_STATES = ("running", "paused", "restarting")
STOPPED_STATES = ("exited", "created")
NO_RESTART: Document = {"Name": "no", "MaximumRetryCount": 0}
ALWAYS: Document = {"Name": "always", "MaximumRetryCount": 0}
UNLESS_STOPPED = "unless-stopped"
NAMESPACE_FIELDS = ("NetworkMode", "PidMode", "IpcMode")
"""Fields of ``HostConfig`` that can name another container, by its id."""


@dataclass(frozen=True)
class ContainerRow:
    """A row of ``GET /containers/json``."""

    document: Document = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.document["Id"])

    @property
    def names(self) -> tuple[str, ...]:
        """The container's names. One with a second slash is a link's and left out."""
        names = (name[1:] for name in self.document.get("Names") or () if name.startswith("/"))
        return tuple(name for name in names if "/" not in name)

    @property
    def sources(self) -> tuple[str, ...]:
        """Paths of the host that are mounted."""
        return tuple(str(row["Source"]) for row in self.document.get("Mounts") or () if row.get("Source"))

    @property
    def writable_sources(self) -> tuple[str, ...]:
        """Paths of the host that the container can write."""
        rows = self.document.get("Mounts") or ()
        return tuple(str(row["Source"]) for row in rows if row.get("RW", True) and row.get("Source"))


@dataclass(frozen=True)
class Image:
    """The document of ``GET /images/NAME/json``."""

    document: Document = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.document["Id"])

    @property
    def _config(self) -> Document:
        return self.document.get("Config") or {}

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self._config.get("Env"))

    @property
    def has_entrypoint(self) -> bool:
        return bool(self._config.get("Entrypoint"))

    @property
    def labels(self) -> Mapping[str, str]:
        return self._config.get("Labels") or {}


@dataclass(frozen=True)
class Container:
    """The document of ``GET /containers/ID/json``. Times are RFC 3339, as the engine reports them."""

    document: Document = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.document["Id"])

    @property
    def name(self) -> str:
        return str(self.document.get("Name") or "").lstrip("/")

    @property
    def config(self) -> Document:
        return self.document.get("Config") or {}

    @property
    def host_config(self) -> Document:
        return self.document.get("HostConfig") or {}

    @property
    def _state(self) -> Document:
        return self.document.get("State") or {}

    # state

    @property
    def status(self) -> str:
        return str(self._state.get("Status") or "")

    @property
    def is_running(self) -> bool:
        """Whether a process runs; a paused one and one that is about to be restarted count."""
        return self.status in RUNNING_STATES

    @property
    def is_stopped(self) -> bool:
        return self.status in STOPPED_STATES

    @property
    def has_process(self) -> bool:
        """What the engine calls ``Running``."""
        return bool(self._state.get("Running"))

    @property
    def is_restarting(self) -> bool:
        return bool(self._state.get("Restarting"))

    @property
    def pid(self) -> int:
        return int(self._state.get("Pid") or 0)

    @property
    def exit_status(self) -> Any:
        return self._state.get("ExitCode")

    @property
    def error(self) -> str:
        return str(self._state.get("Error") or "")

    @property
    def health(self) -> str:
        """``starting``, ``healthy``, ``unhealthy``; empty without a health check."""
        return str((self._state.get("Health") or {}).get("Status") or "")

    @property
    def created_at(self) -> str:
        return str(self.document.get("Created") or "")

    @property
    def started_at(self) -> str | None:
        return self._state.get("StartedAt")

    @property
    def restart_count(self) -> int:
        """How often the engine has started it again by itself since somebody started it."""
        return int(self.document.get("RestartCount") or 0)

    @property
    def finished_at(self) -> str:
        return str(self._state.get("FinishedAt") or "")

    # what it was made of

    @property
    def image_id(self) -> str:
        return str(self.document.get("Image") or "")

    @property
    def image_name(self) -> str:
        return str(self.config.get("Image") or "")

    @property
    def user(self) -> str:
        """``Config.User``: empty, a name or an id, each with an optional ``:group``."""
        return str(self.config.get("User") or "")

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.config.get("Env"))

    @property
    def labels(self) -> Mapping[str, str]:
        return self.config.get("Labels") or {}

    @property
    def working_directory(self) -> str:
        return normalise(self.config.get("WorkingDir") or "/")

    @property
    def stop_timeout(self) -> int:
        """Seconds that it has to end by itself after its stop signal."""
        grace = self.config.get("StopTimeout")
        return 10 if grace is None else int(grace)

    # what it has of the host

    @property
    def mounts(self) -> tuple[MountSpec, ...]:
        return from_engine(self.document.get("Mounts"))

    @property
    def mount_rows(self) -> tuple[Document, ...]:
        """The rows of ``.Mounts``."""
        return tuple(self.document.get("Mounts") or ())

    @property
    def memory_mounts(self) -> tuple[MountSpec, ...]:
        """The targets of ``--tmpfs``, of which ``.Mounts`` has none."""
        return tuple(MountSpec("tmpfs", "", normalise(path), False) for path in self.host_config.get("Tmpfs") or ())

    @property
    def is_read_only(self) -> bool:
        return bool(self.host_config.get("ReadonlyRootfs"))

    @property
    def is_removed_when_stopped(self) -> bool:
        return bool(self.host_config.get("AutoRemove"))

    @property
    def storage_driver(self) -> str | None:
        """From API 1.52 containerd's image store tells it as a snapshotter."""
        snapshot = ((self.document.get("Storage") or {}).get("RootFS") or {}).get("Snapshot") or {}
        return (self.document.get("GraphDriver") or {}).get("Name") or snapshot.get("Name")

    @property
    def upper_directory(self) -> str | None:
        """The directory of overlay2 that holds the writable layer, by the engine's own view of the host."""
        driver = self.document.get("GraphDriver") or {}
        return (driver.get("Data") or {}).get("UpperDir") if driver.get("Name") == "overlay2" else None

    @property
    def restart_policy(self) -> Document:
        return self.host_config.get("RestartPolicy") or NO_RESTART

    @property
    def restores_itself(self) -> bool:
        """Whether the engine starts it again by itself."""
        return self.restart_policy.get("Name") not in ("", "no", None)

    # whom it needs

    @property
    def network_mode(self) -> str:
        return str(self.host_config.get("NetworkMode") or "default")

    @property
    def endpoints(self) -> dict[str, Document]:
        """Network name → endpoint."""
        return dict((self.document.get("NetworkSettings") or {}).get("Networks") or {})

    @property
    def namespaces(self) -> dict[str, str]:
        """Field of ``HostConfig`` → id or name of the container whose namespace is used."""
        modes = {name: str(self.host_config.get(name) or "") for name in NAMESPACE_FIELDS}
        return {name: mode.split(":", 1)[1] for name, mode in modes.items() if mode.startswith("container:")}

    @property
    def linked_names(self) -> tuple[str, ...]:
        """Names of the containers that legacy links lead to."""
        return tuple(link.split(":", 1)[0].lstrip("/") for link in self.host_config.get("Links") or ())

    @property
    def volumes_from(self) -> frozenset[str]:
        """Ids or names of the containers whose volumes it has."""
        return frozenset(str(entry).split(":", 1)[0] for entry in self.host_config.get("VolumesFrom") or ())


def environment_of(entries: Iterable[str] | None) -> dict[str, str]:
    """``Config.Env`` as a mapping. ``NAME`` without ``=`` unsets a variable of the image and is left out."""
    return dict(entry.split("=", 1) for entry in entries or () if "=" in entry)


def with_variable(entries: Iterable[str] | None, name: str, value: str | None) -> list[str]:
    """``Config.Env`` with ``name`` set to ``value``, in its old place; removed where ``value`` is ``None``."""
    result = []
    is_set = value is None
    for entry in entries or ():
        if entry.split("=", 1)[0] != name:
            result.append(entry)
        elif not is_set:
            result.append(f"{name}={value}")
            is_set = True
    return result if is_set else [*result, f"{name}={value}"]
