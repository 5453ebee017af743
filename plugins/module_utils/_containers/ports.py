# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an engine and a host is needed; tests answer in their place. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Mapping, Protocol, Sequence

from .._agents.host_needs import FormerPlace, HostNeeds
from .._base.names import SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE
from .._base.paths import is_below
from .._engine.documents import ApiVersion, Container, ContainerRow, Document, Image
from .._host.filesystem import DirectoryFacts
from .._host.mountinfo import Mount
from .._host.node import Node
from .._host.process_root import ContainerRoot
from .._host.reader import Process, Processes

NOT_HERE = "the engine is not on this host, or nothing of it but its socket is"


class ReadingEngine(Protocol):
    """The engine's calls that change nothing."""

    api_version: ApiVersion

    @property
    def is_local(self) -> bool:
        """Whether its files are on this host."""

    def identity(self) -> str: ...
    def maps_ids(self) -> bool: ...
    def containers(self) -> list[ContainerRow]: ...
    def inspect(self, container: str) -> Container: ...
    def inspect_image(self, image: str) -> Image | None: ...
    def changed_paths(self, container: str) -> tuple[str, ...]: ...
    def kind(self, container: str, path: str) -> str: ...
    def link_target(self, container: str, path: str) -> str | None: ...
    def read_file(self, container: str, path: str) -> bytes | None: ...
    def execute(self, container: str, command: Sequence[str]) -> int: ...
    def output(self, container: str, command: Sequence[str]) -> str | None: ...
    def layer_directory(self, container: str) -> str | None: ...
    def inspect_volume(self, volume: str) -> Document | None: ...


class WritingEngine(Protocol):
    """The engine's calls that change something. Containers are named by their ids."""

    def create(self, name: str, body: Document) -> str: ...
    def connect(self, container: str, network: str, endpoint: Document) -> None: ...
    def disconnect(self, container: str, network: str) -> None: ...
    def set_restart_policy(self, container: str, policy: Document) -> None: ...
    def stop(self, container: str, timeout: int) -> None: ...
    def restart(self, container: str, timeout: int) -> None: ...
    def rename(self, container: str, new_name: str) -> None: ...
    def start(self, container: str) -> None: ...
    def pause(self, container: str) -> None: ...
    def remove(self, container: str, force: bool) -> None: ...
    def make_link(self, container: str, path: str, target: str, uid: int, gid: int) -> None: ...
    def commit(self, container: str, image: str) -> None: ...
    def remove_image(self, image: str) -> None: ...
    def copy_layer(self, source: str, target: str) -> None: ...


class Engine(ReadingEngine, WritingEngine, Protocol):
    """Both."""


class Host(Protocol):
    """What of the managed host is looked at."""

    def directory(self, path: str) -> DirectoryFacts: ...
    def realpath(self, path: str) -> str: ...
    def identity(self, path: str) -> tuple[int, int] | None: ...
    def read(self, path: str) -> bytes | None: ...
    def inode(self, path: str) -> int | None: ...
    def mounts(self) -> Sequence[Mount]: ...
    def processes(self, main: int, names: Collection[str]) -> Processes | None: ...
    def obstacle(self, process: Process, path: str) -> str | None: ...
    def whose_id(self, uid: int) -> str | None: ...
    def node(self, path: str) -> Node: ...

    def root(self, pid: int, container_id: str) -> ContainerRoot:
        raise NotImplementedError  # from a bare `...` pylint infers that None is entered by `with`


class Provider(Protocol):
    """Makes on the host what containers mount, before the engine could make it as root."""

    def missing(self, needs: HostNeeds) -> tuple[str, ...]: ...
    def provide(self, needs: HostNeeds) -> None: ...
    def leftovers(self, former: FormerPlace) -> tuple[str, ...]: ...
    def retire(self, former: FormerPlace) -> None: ...


@dataclass(frozen=True)
class Session:
    """What a run works with: the one place where it is put together is the module's."""

    engine: Engine
    host: Host
    provider: Provider


@dataclass(frozen=True)
class ContainerList:
    """The engine's containers by their names, from one list call."""

    rows: Mapping[str, ContainerRow]

    @classmethod
    def of(cls, engine: ReadingEngine) -> ContainerList:
        # The engine's own name filter would match substrings.
        return cls({name: row for row in engine.containers() for name in row.names})

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(row.id for row in self.rows.values())

    def users_of(self, path: str) -> set[str]:
        """Names of the containers that have a path, or something below it, mounted."""
        sources = {name: row.sources for name, row in self.rows.items()}
        return {name for name, used in sources.items() if any(one == path or is_below(one, path) for one in used)}

    def interrupted(self) -> list[str]:
        """Names of the containers whose recreation did not end, on the whole host."""
        return self._named(SUFFIX_NEW, SUFFIX_OLD)

    def probed(self) -> list[str]:
        """Names of the containers of which a probe is left, on the whole host."""
        return self._named(SUFFIX_PROBE)

    def _named(self, *suffixes: str) -> list[str]:
        return sorted({name[: -len(suffix)] for name in self.rows for suffix in suffixes if name.endswith(suffix)})
