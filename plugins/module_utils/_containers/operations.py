# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on containers, which a plan consists of. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from .._engine.documents import Document
from .plan import Effects, Expectation, Operation, Target


@dataclass(frozen=True)
class CreateContainer(Operation):
    name: str
    body: Document = field(repr=False)
    image: str | None = None
    """The image to name in the sentence, where it is not the original's."""

    @property
    def sentence(self) -> str:
        return f"create {self.name}" + (f" of the image {self.image}" if self.image else "")

    def perform(self, effects: Effects) -> None:
        effects.create(self.name, self.body)


@dataclass(frozen=True)
class ContainerOperation(Operation):
    """An operation on a container that is there, or that the plan has created."""

    container: Target


@dataclass(frozen=True)
class ConnectNetwork(ContainerOperation):
    network: str
    endpoint: Document = field(repr=False)

    @property
    def sentence(self) -> str:
        return f"connect {self.container.name} to network {self.network}"

    def perform(self, effects: Effects) -> None:
        effects.engine.connect(effects.id_of(self.container), self.network, self.endpoint)


@dataclass(frozen=True)
class DisconnectNetwork(ContainerOperation):
    network: str

    @property
    def sentence(self) -> str:
        return f"disconnect {self.container.name} from network {self.network}"

    def perform(self, effects: Effects) -> None:
        effects.engine.disconnect(effects.id_of(self.container), self.network)


@dataclass(frozen=True)
class SetRestartPolicy(ContainerOperation):
    policy: Document

    @property
    def sentence(self) -> str:
        return f"set restart policy of {self.container.name} to {self.policy['Name']}"

    def perform(self, effects: Effects) -> None:
        effects.engine.set_restart_policy(effects.id_of(self.container), self.policy)


@dataclass(frozen=True)
class StopContainer(ContainerOperation):
    timeout: int

    @property
    def sentence(self) -> str:
        return f"stop {self.container.name}"

    def perform(self, effects: Effects) -> None:
        effects.engine.stop(effects.id_of(self.container), self.timeout)


@dataclass(frozen=True)
class RestartContainer(ContainerOperation):
    timeout: int

    @property
    def sentence(self) -> str:
        return f"restart {self.container.name}"

    def perform(self, effects: Effects) -> None:
        effects.require_sources(effects.id_of(self.container))
        effects.engine.restart(effects.id_of(self.container), self.timeout)


@dataclass(frozen=True)
class RenameContainer(ContainerOperation):
    new_name: str

    @property
    def sentence(self) -> str:
        return f"rename {self.container.name} -> {self.new_name}"

    def perform(self, effects: Effects) -> None:
        effects.engine.rename(effects.id_of(self.container), self.new_name)


@dataclass(frozen=True)
class StartContainer(ContainerOperation):
    @property
    def sentence(self) -> str:
        return f"start {self.container.name}"

    def perform(self, effects: Effects) -> None:
        effects.require_sources(effects.id_of(self.container))
        effects.engine.start(effects.id_of(self.container))


@dataclass(frozen=True)
class PauseContainer(ContainerOperation):
    @property
    def sentence(self) -> str:
        return f"pause {self.container.name}"

    def perform(self, effects: Effects) -> None:
        effects.engine.pause(effects.id_of(self.container))


@dataclass(frozen=True)
class VerifyContainer(ContainerOperation):
    expectation: Expectation

    @property
    def sentence(self) -> str:
        wanted = self.expectation
        if not wanted.is_lasting:
            return f"verify {self.container.name}: started (it was in a crash loop)"
        what = "healthy" if wanted.healthy else "running"
        mode = "read-only" if wanted.read_only else "writable"
        sees = f", sees {wanted.directory} {mode}" if wanted.target and wanted.is_provable else ""
        return f"verify {self.container.name}: {what}{sees}"

    def perform(self, effects: Effects) -> None:
        effects.verify(effects.id_of(self.container), self.expectation)


@dataclass(frozen=True)
class MakeLink(ContainerOperation):
    path: str
    link_target: str
    uid: int
    gid: int

    @property
    def sentence(self) -> str:
        return f"link {self.path} -> {self.link_target}"

    def perform(self, effects: Effects) -> None:
        effects.require_sources(effects.id_of(self.container))
        effects.engine.make_link(effects.id_of(self.container), self.path, self.link_target, self.uid, self.gid)


@dataclass(frozen=True)
class CopyLayer(ContainerOperation):
    source: Target

    @property
    def sentence(self) -> str:
        return f"copy the writable layer of {self.source.name} to {self.container.name}"

    def perform(self, effects: Effects) -> None:
        effects.engine.copy_layer(effects.id_of(self.source), effects.id_of(self.container))


@dataclass(frozen=True)
class CommitContainer(ContainerOperation):
    image: str

    @property
    def sentence(self) -> str:
        return f"commit {self.container.name} to the image {self.image}"

    def perform(self, effects: Effects) -> None:
        effects.engine.commit(effects.id_of(self.container), self.image)


@dataclass(frozen=True)
class RemoveContainer(ContainerOperation):
    force: bool = False

    @property
    def sentence(self) -> str:
        return f"remove {self.container.name} (volumes kept)"

    def perform(self, effects: Effects) -> None:
        effects.engine.remove(effects.id_of(self.container), self.force)


@dataclass(frozen=True)
class RemoveOriginal(RemoveContainer):
    """The last step of a recreation: the replacement runs."""

    reversible: ClassVar[bool] = False


@dataclass(frozen=True)
class RemoveImage(Operation):
    image: str

    @property
    def sentence(self) -> str:
        return f"remove the image {self.image}"

    def perform(self, effects: Effects) -> None:
        effects.engine.remove_image(self.image)
