# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a recreation or a restart: the operations in their order. Pure.

The rules are in ``docs/recreation.md``. Containers that use the namespaces of the one that is
recreated hold on to its id, so they are recreated with it, inside its own sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .._agents.passwd import ContainerUser
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._engine.documents import NO_RESTART
from .create_request import CreateRequest, Overrides, create_request
from .layer_changes import committed_image, lost_files
from .link import link_holder, link_obstacle
from .observed import LinkState, Observed, RecreationFacts
from .options import Options
from .plan import (
    AgentPlan,
    CommitContainer,
    ConnectNetwork,
    CopyLayer,
    CreateContainer,
    DisconnectNetwork,
    Expectation,
    MakeLink,
    Operation,
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RemoveOriginal,
    RenameContainer,
    RestartContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
    Target,
    VerifyContainer,
)
from .verdict import Diagnosis


def make_link(observed: Observed, container: Target) -> MakeLink:
    """Make the link of the placement."""
    desired = observed.desired
    if desired is None or desired.link is None:
        raise ValueError("this placement has no link")
    user = (observed.container and observed.container.user) or ContainerUser(0, 0, "/")
    return MakeLink(
        observed.spec.name,
        "for versions that look there" if desired.variable else "the agent CLI looks there",
        container,
        path=desired.link,
        link_target=desired.link_target(observed.spec.cli),
        uid=user.uid,
        gid=user.gid,
    )


def restart(observed: Observed, diagnosis: Diagnosis, facts: RecreationFacts, options: Options) -> AgentPlan:
    """Restart the container, and after it those that use its namespaces: they join them again."""
    agent = observed.spec.name
    container = _original(facts)
    steps: list[Operation] = [
        RestartContainer(agent, diagnosis.cause, container, facts.container.stop_timeout),
        _verify(observed, options, container),
    ]
    if observed.container and observed.container.link_state is LinkState.MISSING and link_obstacle(observed) is None:
        steps.append(make_link(observed, container))
    running = [dependent.facts for dependent in facts.dependents if dependent.facts.container.is_running]
    steps += [
        RestartContainer(agent, f"it uses {container.name}", _original(one), one.container.stop_timeout)
        for one in running
    ]
    return AgentPlan(observed, diagnosis, tuple(steps), dependents=tuple((one.container.name, True) for one in running))


def recreate(observed: Observed, diagnosis: Diagnosis, facts: RecreationFacts, options: Options) -> AgentPlan:
    """Recreate the container with its directory mount (or without it, with ``state: absent``), and its dependents."""
    link = observed.link
    carries = options.writable_layer == "carry" and bool(lost_files(facts, link, options))
    overrides = _overrides(observed, diagnosis, options)
    others: list[Replacement] = []
    image = None
    if carries and facts.layer_obstacle:
        image = committed_image(facts.container.name, facts.container.id, facts.container.is_running)
    request = create_request(facts, _of_image(overrides, image))
    replacement = Replacement(
        agent=observed.spec.name,
        facts=facts,
        request=request,
        cause=diagnosis.cause,
        copies_layer=carries and image is None,
        link=_link_of_replacement(observed, facts, options),
        # In the replacement's own layer the link can be made while the original runs. On a volume the original would
        # see it, and a carried layer would put the original's file over it.
        is_linked_early=not (carries and image is None) and not _is_link_on_a_volume(observed),
        verification=_verify(observed, options, _replacement(facts, facts.container.name)),
    )
    if image:
        trial = create_request(facts, overrides)
        sequence = commit_sequence(replacement, trial, image)
    else:
        others = [_dependent_replacement(observed, facts, one.facts, options) for one in facts.dependents]
        sequence = live_sequence([replacement, *others])
    dependents = tuple((one.name, one.is_running) for one in others)
    return AgentPlan(
        observed, diagnosis, sequence, differences=request.differences, dependents=dependents, body=request.body
    )


@dataclass(frozen=True)
class Replacement:
    """The replacing of one container, in phases that several can share."""

    agent: str
    facts: RecreationFacts
    request: CreateRequest
    cause: str
    copies_layer: bool
    link: MakeLink | None
    is_linked_early: bool
    verification: VerifyContainer

    @property
    def name(self) -> str:
        return self.facts.container.name

    @property
    def new_name(self) -> str:
        return self.name + SUFFIX_NEW

    @property
    def old_name(self) -> str:
        return self.name + SUFFIX_OLD

    @property
    def is_running(self) -> bool:
        return self.facts.container.is_running

    def original(self, name: str | None = None) -> Target:
        return Target(name or self.name, self.facts.container.id)

    def replacement(self, name: str | None = None) -> Target:
        return _replacement(self.facts, name or self.new_name)

    # the phases

    def create(self, cause: str, image: str | None = None) -> list[Operation]:
        """Make the replacement: its being there marks that the original is under way, see ``recovery``."""
        new = self.replacement()
        steps: list[Operation] = [CreateContainer(self.agent, cause, self.new_name, self.request.body, image)]
        steps += [ConnectNetwork(self.agent, "", new, *connection) for connection in self.request.connections]
        steps += [DisconnectNetwork(self.agent, "", new, network) for network in self.request.disconnections]
        return [*steps, self.link] if self.link and self.is_linked_early else steps

    def hand_over_restart(self, original_name: str) -> list[Operation]:
        """First the new one, then the old: at no moment does neither hold the policy."""
        policy = self.request.restart_policy
        if policy.get("Name") in ("", "no", None):
            return []
        return [
            SetRestartPolicy(self.agent, "", self.replacement(), policy),
            SetRestartPolicy(self.agent, "two must not start", self.original(original_name), NO_RESTART),
        ]

    def stop(self) -> list[Operation]:
        """End the original; only then its writable layer is complete."""
        timeout = self.facts.container.stop_timeout
        steps: list[Operation] = [StopContainer(self.agent, "", self.original(), timeout)] if self.is_running else []
        if self.copies_layer:
            steps.append(CopyLayer(self.agent, "", self.replacement(), self.original()))
        return steps

    def rename_original(self) -> list[Operation]:
        return [RenameContainer(self.agent, "", self.original(), self.old_name)]

    def rename_replacement(self) -> list[Operation]:
        late = [self.link] if self.link and not self.is_linked_early else []
        return [RenameContainer(self.agent, "", self.replacement(), self.name), *late]

    def start(self) -> list[Operation]:
        """Bring the replacement to the original's state."""
        new = self.replacement(self.name)
        steps: list[Operation] = [StartContainer(self.agent, "", new), self.verification] if self.is_running else []
        if self.facts.container.status == "paused":
            steps.append(PauseContainer(self.agent, "as it was", new))
        return steps

    def remove_original(self) -> list[Operation]:
        return [RemoveOriginal(self.agent, "", self.original(self.old_name))]


def live_sequence(replacements: Sequence[Replacement]) -> tuple[Operation, ...]:
    """Replace a container and its dependents; everything that can fail early comes before the stop.

    1. create every replacement, and its link where the original cannot see it
    2. give every replacement its original's restart policy, then take it from the original
    3. stop the dependents, then the container itself
    4. rename, start and verify the container, then its dependents
    5. remove the originals
    """
    backwards = list(reversed(replacements))
    return (
        *(step for one in replacements for step in one.create(one.cause)),  # 1
        *(step for one in replacements for step in one.hand_over_restart(one.name)),  # 2
        *(step for one in backwards for step in one.stop()),  # 3
        *(
            step for one in replacements for step in (*one.rename_original(), *one.rename_replacement(), *one.start())
        ),  # 4
        *(step for one in backwards for step in one.remove_original()),  # 5
    )


def commit_sequence(one: Replacement, trial: CreateRequest, image: str) -> tuple[Operation, ...]:
    """Replace a container by one of an image of its writable layer, which can be made only after the stop.

    1. create a trial of the old image: the engine takes the request, and the trial marks that the original is under
       way until its new name does so. A container that does not run needs no such mark.
    2. stop the original and commit its layer
    3. rename the original, and remove the trial
    4. create the replacement, and hand the restart policy over: the trial must never start
    5. rename, start and verify the replacement
    6. remove the original
    """
    agent, facts = one.agent, one.facts
    left, original = facts.committed_before, one.original()
    steps: list[Operation] = [RemoveImage(agent, "left of an earlier recreation", left)] if left else []
    if one.is_running:
        steps.append(CreateContainer(agent, f"as a trial; {one.cause}", one.new_name, trial.body))  # 1
    why = f"its writable layer cannot be copied: {facts.layer_obstacle}"
    steps += [*one.stop(), CommitContainer(agent, why, original, image)]  # 2
    if one.is_running:
        steps += [*one.rename_original(), RemoveContainer(agent, "the trial", one.replacement())]  # 3
        steps += [*one.create("", image), *one.hand_over_restart(one.old_name)]  # 4
    else:
        steps += [*one.create(one.cause, image), *one.hand_over_restart(one.name), *one.rename_original()]
    return (*steps, *one.rename_replacement(), *one.start(), *one.remove_original())  # 5, 6


def _original(facts: RecreationFacts) -> Target:
    return Target(facts.container.name, facts.container.id)


def _replacement(facts: RecreationFacts, name: str) -> Target:
    return Target(name, created_as=facts.container.name + SUFFIX_NEW)


def _overrides(observed: Observed, diagnosis: Diagnosis, options: Options) -> Overrides:
    desired = observed.desired
    if desired is None:
        raise ValueError("a container whose desired state is not known is refused before")
    variables: tuple[tuple[str, str | None], ...] = tuple((name, None) for name in diagnosis.unset)
    if options.is_present:
        variables += desired.variables
    elif desired.variable:
        variables += ((desired.variable, None),)
    return Overrides(desired.mounts if options.is_present else (), diagnosis.unmounted, variables)


def _of_image(overrides: Overrides, image: str | None) -> Overrides:
    return Overrides(overrides.mounts, overrides.unmounted, overrides.variables, image=image)


def _link_of_replacement(observed: Observed, facts: RecreationFacts, options: Options) -> MakeLink | None:
    desired = observed.desired
    if not options.is_present or desired is None or desired.link is None or link_obstacle(observed) is not None:
        return None
    return make_link(observed, _replacement(facts, facts.container.name + SUFFIX_NEW))


def _is_link_on_a_volume(observed: Observed) -> bool:
    if observed.container is None or observed.desired is None:
        return False
    return link_holder(observed.container.inspected, observed.spec, observed.desired) is not None


def _verify(observed: Observed, options: Options, container: Target) -> VerifyContainer:
    """Prove that a container which was just started does its work."""
    desired = observed.desired
    obstacle = observed.container.proof_obstacle if observed.container else None
    expectation = Expectation(
        directory=observed.directory.path,
        target=desired.mount.target if desired and options.is_present else None,
        read_only=not observed.spec.is_shared,
        healthy=options.wait_for == "healthy",
        timeout=options.wait_timeout,
    )
    cause = f"not proven what it sees: {obstacle}" if options.is_present and obstacle else ""
    return VerifyContainer(observed.spec.name, cause, container, expectation, is_provable=obstacle is None)


def _dependent_replacement(
    observed: Observed, owner: RecreationFacts, facts: RecreationFacts, options: Options
) -> Replacement:
    """The replacing of a container that uses the owner's namespaces: it uses those of the owner's replacement."""
    agent, owner_name = observed.spec.name, owner.container.name
    namespaces = dict.fromkeys((owner.container.id, owner_name), owner_name + SUFFIX_NEW)
    expectation = Expectation(observed.directory.path, None, True, False, options.wait_timeout)
    container = _replacement(facts, facts.container.name)
    return Replacement(
        agent=agent,
        facts=facts,
        request=create_request(facts, Overrides(namespaces=namespaces)),
        cause=f"it uses {owner_name}",
        copies_layer=options.writable_layer == "carry" and bool(lost_files(facts, None, options)),
        link=None,
        is_linked_early=False,
        verification=VerifyContainer(agent, "", container, expectation, is_provable=True),
    )
