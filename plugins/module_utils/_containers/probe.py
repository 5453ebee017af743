# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe: before a container is stopped, one like it that has no program shows whether it could start again. Pure.

Log drivers, plugins, runtimes, devices, security profiles and mounts cannot be looked up, only tried. The engine does
all of that before it looks for the program, so its words about a program that does not exist say that all else works.
Nothing of the image runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable

from .._base.errors import EngineError, LateError
from .._base.names import SUFFIX_PROBE
from .._engine.documents import NO_RESTART, Container, Document
from .operations import ContainerOperation, CreateContainer, RemoveContainer
from .plan import AgentPlan, Effects, Operation, Target
from .recreation_facts import RecreationFacts

PROGRAM = "/.agent-mounts-probe"
"""No image has it. It is the mark of a probe, too."""

_HELD = {"PortBindings": None, "PublishAllPorts": False, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0}
"""What only one container can have, and the original does."""
_HELD_AT_ENDPOINT = ("IPAMConfig", "MacAddress", "Aliases")
"""The same of a network; by an alias others would reach the probe."""

_TAKEN = ("no available", "busy", "already in use", "already allocated")
"""The engine's words for what one alone can have of a network: an address of a small pool, a device passed through."""


def _refusal(words: str, original: str) -> EngineError:
    return EngineError(
        f"{words.rstrip('.')}; as things are the engine could not start {original} again, so it is not stopped: put "
        f"that right, then run again"
    )


@dataclass(frozen=True)
class CreateProbe(CreateContainer):
    """Create the probe: the engine looks for the sources of mounts, for networks, and at the request itself."""

    original: str = ""
    """The name of the container that it stands for."""

    def perform(self, effects: Effects) -> None:
        try:
            super().perform(effects)
        except LateError:
            raise
        except EngineError as error:
            raise _refusal(str(error), self.original) from error


@dataclass(frozen=True)
class TryStart(ContainerOperation):
    """Start the probe, which must fail for want of its program."""

    original: str
    """The name of the container that it stands for."""
    offline: Document = field(repr=False)
    """The body of one without networks, for a network that has no place for two: the original has it."""

    @property
    def sentence(self) -> str:
        return f"start {self.container.name}, which has no program"

    def perform(self, effects: Effects) -> None:
        words = self._start(effects)
        if any(part in words for part in _TAKEN):
            effects.engine.remove(effects.id_of(self.container), True)
            effects.create(self.container.created_as, self.offline)
            words = self._start(effects)
        if words and PROGRAM not in words:
            raise _refusal(words, self.original)

    def _start(self, effects: Effects) -> str:
        """The engine's words. With docker-init as its first process it starts, and ends at once."""
        try:
            effects.require_sources(effects.id_of(self.container))
            effects.engine.start(effects.id_of(self.container))
        except EngineError as error:
            return str(error)
        return ""


def probe(agent: str, facts: RecreationFacts, body: Document) -> tuple[Operation, ...]:
    """Try whether the engine could start a container again, which must run as it does now for that.

    :param body: the create request of its replacement.
    """
    if not facts.container.is_running:
        return ()
    original = facts.container.name
    name = original + SUFFIX_PROBE
    container = Target(name, created_as=name)
    tried = probe_body(body)
    return (
        CreateProbe(agent, f"to see that {original} can start again", name, tried, original=original),
        TryStart(agent, "", container, original, _offline(tried)),
        RemoveContainer(agent, "", container, force=True),
    )


def probe_body(body: Document) -> dict[str, Any]:
    """The create request of a container → that of its probe."""
    endpoints = body["NetworkingConfig"]["EndpointsConfig"]
    free = {
        network: {key: value for key, value in endpoint.items() if key not in _HELD_AT_ENDPOINT}
        for network, endpoint in endpoints.items()
    }
    held = {name: value for name, value in _HELD.items() if name in body["HostConfig"]}
    result = {
        **body,
        "Entrypoint": [PROGRAM],
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {**body["HostConfig"], **held, "AutoRemove": False, "RestartPolicy": dict(NO_RESTART)},
        "NetworkingConfig": {"EndpointsConfig": free},
    }
    result.pop("MacAddress", None)
    return result


def _offline(body: Document) -> dict[str, Any]:
    host_config = {**body["HostConfig"], "NetworkMode": "none", "Links": None}
    return {**body, "HostConfig": host_config, "NetworkingConfig": {"EndpointsConfig": {}}}


def is_probe(container: Container) -> bool:
    """Whether a container was made by :func:`probe`, so that nobody misses it."""
    return container.name.endswith(SUFFIX_PROBE) and container.config.get("Entrypoint") == [PROGRAM]


def untried(plans: Iterable[AgentPlan]) -> tuple[str, ...]:
    """What check mode has not done: it makes no container."""
    tries = (step.original for plan in plans for step in plan.operations if isinstance(step, TryStart))
    names = ", ".join(dict.fromkeys(tries))
    sentence = (
        f"check mode has not tried whether the engine can start {names} again; a run tries it before it stops anything "
        f"(the operations with {SUFFIX_PROBE})."
    )
    return (sentence,) if names else ()


def sweep(agent: str, container: Container) -> RemoveContainer:
    """Remove a probe that a run has left."""
    return RemoveContainer(agent, "a probe is left", Target(container.name, container.id), force=True)
