# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan a recreation or a restart: the operations in their order. Pure.

The rules are in ``docs/recreation.md``. Containers that use the namespaces of the one that is
recreated hold on to its id, so they are recreated with it, inside its own sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._engine.documents import ALWAYS, NO_RESTART, UNLESS_STOPPED
from .._engine.mounts import MountSpec
from .create_request import CreateRequest, Overrides, create_request
from .layer_changes import committed_image, dropped_files, is_carried, lost_files
from .link import link_holder, link_obstacle, links_to_make
from .observed import LinkState, Observed
from .operations import (
    CommitContainer,
    ConnectNetwork,
    CopyLayer,
    CreateContainer,
    DisconnectNetwork,
    MakeLink,
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RemoveOriginal,
    RenameContainer,
    RestartContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
    VerifyContainer,
)
from .options import Options
from .plan import AgentPlan, Expectation, Operation, Target
from .probe import probe
from .recreation_facts import RecreationFacts, recreated_with
from .verdict import Diagnosis, Remedy

_LONG = 30
"""Seconds that a stop may take without a word."""


def make_links(observed: Observed, container: Target, also: Sequence[str] = ()) -> list[MakeLink]:
    """Make the links of the placement that are not there.

    :param also: those that a replacement has not, whatever is in the container.
    """
    desired, seen = observed.desired, observed.container
    if desired is None or seen is None:
        return []
    return [
        MakeLink(
            observed.spec.name,
            _cause_of_link(path, observed),
            container,
            path,
            desired.link_target(observed.spec.cli),
            *seen.link_owner(path),
        )
        for path in dict.fromkeys((*links_to_make(observed), *also))
        if link_obstacle(observed, path) is None
    ]


def _cause_of_link(path: str, observed: Observed) -> str:
    desired, seen = observed.desired, observed.container
    if seen is not None and seen.link_states.get(path) is LinkState.FILE:
        return "a file of the container's own is there, which is kept beside it"
    return "for versions that look there" if desired and desired.variable else "the agent CLI looks there"


def restart(observed: Observed, diagnosis: Diagnosis, facts: RecreationFacts, options: Options) -> AgentPlan:
    """Restart the container, and after it those that use its namespaces: they join them again."""
    agent = observed.spec.name
    container = _original(facts)
    running = [one.facts for one in facts.dependents if one.is_broken and one.facts.container.is_running]
    steps: list[Operation] = [
        *(step for one in (facts, *running) for step in _probe_as_it_is(agent, one)),
        RestartContainer(agent, diagnosis.cause, container, facts.container.stop_timeout),
        _verify(observed, facts, options, container),
    ]
    steps += make_links(observed, container)
    steps += _paused_again(agent, facts)
    for one in running:
        cause = f"it uses {container.name}"
        steps.append(RestartContainer(agent, cause, _original(one), one.container.stop_timeout))
        steps += _paused_again(agent, one)
    return AgentPlan(
        observed,
        diagnosis,
        tuple(steps),
        dependents=tuple((one.container.name, one.container.status) for one in running),
    )


def recreate(
    observed: Observed,
    diagnosis: Diagnosis,
    facts: RecreationFacts,
    options: Options,
    companions: Sequence[tuple[Observed, Diagnosis]] = (),
) -> AgentPlan:
    """Recreate the container with its directory mount (or without it, with ``state: absent``), and its dependents.

    :param companions: the other agents of the same container, each with a directory of its own.
    """
    carries = is_carried(facts, options, not recreated_with(facts, options))
    everyone = [(observed, diagnosis), *companions]
    overrides = _overrides(everyone, options)
    others: list[Replacement] = []
    image = None
    if carries and facts.layer_obstacle:
        image = committed_image(facts.container)
    request = create_request(facts, _of_image(overrides, image))
    replacement = Replacement(
        agent=observed.spec.name,
        facts=facts,
        request=request,
        cause=diagnosis.cause,
        copies_layer=carries and image is None,
        links=tuple(link for one, _why in everyone for link in _links_of_replacement(one, facts, options)),
        # In the replacement's own layer the link can be made while the original runs. On a volume the original would
        # see it, and a carried layer would put the original's file over it.
        is_linked_early=not (carries and image is None)
        and not any(_is_link_on_a_volume(one) for one, _why in everyone),
        verifications=tuple(
            _verify(one, facts, options, _replacement(facts, facts.container.name)) for one, _why in everyone
        ),
    )
    if image:
        trial = create_request(facts, overrides)
        sequence = commit_sequence(replacement, trial, image)
    else:
        others = _dependent_replacements(observed, facts, options)
        sequence = live_sequence([replacement, *others])
    # Whatever can fail before a program runs is tried before anything is touched.
    probes = [*probe(observed.spec.name, facts, create_request(facts, overrides).body)]
    for dependent in recreated_with(facts, options):
        probes += _probe_as_it_is(observed.spec.name, dependent.facts)
    sequence = (*probes, *sequence)
    dependents = tuple((one.name, one.facts.container.status) for one in others)
    differences = request.differences
    if not carries:
        differences += _told(dropped_files(facts, options), "writable_layer_ignore")
        differences += _told(lost_files(facts, options), "writable_layer")
    return AgentPlan(observed, diagnosis, sequence, differences=differences, dependents=dependents, body=request.body)


def _told(files: Sequence[str], option: str) -> tuple[str, ...]:
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    return (f"dropped, as {option} says: {', '.join(files[:5])}{more}",) if files else ()


@dataclass(frozen=True)
class Replacement:
    """The replacing of one container, in phases that several can share."""

    agent: str
    facts: RecreationFacts
    request: CreateRequest
    cause: str
    copies_layer: bool
    links: tuple[MakeLink, ...]
    is_linked_early: bool
    verifications: tuple[VerifyContainer, ...]

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
        return [*steps, *self.links] if self.is_linked_early else steps

    def keep_for_boot(self) -> list[Operation]:
        """Until its end a boot must start the original: of what was stopped by hand it starts only what is ``always``,
        and nothing that was never started (moby, ``Daemon.restore``), as its replacement."""
        if not self.is_running or self.request.restart_policy.get("Name") != UNLESS_STOPPED:
            return []
        return [SetRestartPolicy(self.agent, "a boot must start it, stopped or not", self.original(), ALWAYS)]

    def disarm(self) -> list[Operation]:
        """Its replacement has been started, and holds the policy since it was made."""
        if not self.is_running or self.request.restart_policy.get("Name") in ("", "no", None):
            return []
        return [SetRestartPolicy(self.agent, "two must not start", self.original(self.old_name), NO_RESTART)]

    def stop(self) -> list[Operation]:
        """End the original; only then its writable layer is complete."""
        timeout = self.facts.container.stop_timeout
        steps: list[Operation] = []
        if self.is_running:
            steps.append(StopContainer(self.agent, _time_to_end(timeout), self.original(), timeout))
        if self.copies_layer:
            steps.append(CopyLayer(self.agent, "", self.replacement(), self.original()))
        return steps

    def rename_original(self) -> list[Operation]:
        return [RenameContainer(self.agent, "", self.original(), self.old_name)]

    def rename_replacement(self) -> list[Operation]:
        late = [] if self.is_linked_early else self.links
        return [RenameContainer(self.agent, "", self.replacement(), self.name), *late]

    def start(self) -> list[Operation]:
        """Bring the replacement to the original's state."""
        new = self.replacement(self.name)
        steps: list[Operation] = [StartContainer(self.agent, "", new), *self.verifications] if self.is_running else []
        return [*steps, *_paused_again(self.agent, self.facts, new)]

    def remove_original(self) -> list[Operation]:
        return [RemoveOriginal(self.agent, "", self.original(self.old_name))]


def live_sequence(replacements: Sequence[Replacement]) -> tuple[Operation, ...]:
    """Replace a container and its dependents; everything that can fail early comes before the stop.

    1. create every replacement, and its link where the original cannot see it
    2. make sure that a boot starts the originals, also when they are stopped
    3. stop the dependents, then the container itself
    4. rename, start and verify the container, then its dependents
    5. take the restart policies from the originals, and remove them
    """
    backwards = list(reversed(replacements))
    return (
        *(step for one in replacements for step in one.create(one.cause)),  # 1
        *(step for one in replacements for step in one.keep_for_boot()),  # 2
        *(step for one in backwards for step in one.stop()),  # 3
        *(
            step for one in replacements for step in (*one.rename_original(), *one.rename_replacement(), *one.start())
        ),  # 4
        *(step for one in backwards for step in one.disarm()),  # 5
        *(step for one in backwards for step in one.remove_original()),
    )


def commit_sequence(one: Replacement, trial: CreateRequest, image: str) -> tuple[Operation, ...]:
    """Replace a container by one of an image of its writable layer, which can be made only after the stop.

    1. create a trial of the old image: the engine takes the request, and the trial marks that the original is under
       way until its new name does so. A container that does not run needs no such mark.
    2. make sure that a boot starts the original; stop it and commit its layer
    3. rename the original, and remove the trial
    4. create the replacement
    5. rename, start and verify the replacement
    6. take the restart policy from the original, and remove it
    """
    agent, facts = one.agent, one.facts
    left, original = facts.committed_before, one.original()
    steps: list[Operation] = [RemoveImage(agent, "left of an earlier recreation", left)] if left else []
    if one.is_running:
        steps.append(CreateContainer(agent, f"as a trial; {one.cause}", one.new_name, trial.body))  # 1
    why = f"its writable layer cannot be copied: {facts.layer_obstacle}"
    steps += [*one.keep_for_boot(), *one.stop(), CommitContainer(agent, why, original, image)]  # 2
    if one.is_running:
        steps += [*one.rename_original(), RemoveContainer(agent, "the trial", one.replacement())]  # 3
        steps += one.create("", image)  # 4
    else:
        steps += [*one.create(one.cause, image), *one.rename_original()]
    return (*steps, *one.rename_replacement(), *one.start(), *one.disarm(), *one.remove_original())  # 5, 6


def _paused_again(agent: str, facts: RecreationFacts, container: Target | None = None) -> list[Operation]:
    if facts.container.status != "paused":
        return []
    return [PauseContainer(agent, "as it was", container or _original(facts))]


def _time_to_end(seconds: int) -> str:
    """What is said of a stop that can take long."""
    if seconds < 0:
        return "it waits for its program, which is never killed, for its --stop-timeout is -1"
    return f"its program has {seconds} s to end" if seconds > _LONG else ""


def _original(facts: RecreationFacts) -> Target:
    return Target(facts.container.name, facts.container.id)


def _replacement(facts: RecreationFacts, name: str) -> Target:
    return Target(name, created_as=facts.container.name + SUFFIX_NEW)


def _overrides(everyone: Sequence[tuple[Observed, Diagnosis]], options: Options) -> Overrides:
    """What the agents of one container ask for. What one of them has already is kept like all else."""
    mounts: list[MountSpec] = []
    unmounted: list[str] = []
    variables: list[tuple[str, str | None]] = []
    for observed, diagnosis in everyone:
        desired = observed.desired
        if desired is None:
            raise ValueError("a container whose desired state is not known is refused before")
        if diagnosis.remedy is not Remedy.RECREATE:
            continue
        variables += [(name, None) for name in diagnosis.unset]
        unmounted += diagnosis.unmounted
        if options.is_present:
            variables += desired.variables
            mounts += desired.mounts
        elif desired.variable:
            variables.append((desired.variable, None))
    return Overrides(tuple(dict.fromkeys(mounts)), tuple(dict.fromkeys(unmounted)), tuple(dict.fromkeys(variables)))


def _of_image(overrides: Overrides, image: str | None) -> Overrides:
    return Overrides(overrides.mounts, overrides.unmounted, overrides.variables, image=image)


def _links_of_replacement(observed: Observed, facts: RecreationFacts, options: Options) -> list[MakeLink]:
    desired = observed.desired
    if not options.is_present or desired is None:
        return []
    target = desired.link_target(observed.spec.cli)
    also = [path for path, leads_to in facts.own_links.items() if leads_to == target]
    replacement = _replacement(facts, facts.container.name + SUFFIX_NEW)
    return make_links(observed, replacement, (*desired.links, *also))


def _is_link_on_a_volume(observed: Observed) -> bool:
    container, desired, spec = observed.container, observed.desired, observed.spec
    if container is None or desired is None:
        return False
    return any(link_holder(container.inspected, spec, desired, link) is not None for link in desired.links)


def _verify(observed: Observed, facts: RecreationFacts, options: Options, container: Target) -> VerifyContainer:
    """Prove that a container which was just started does its work."""
    desired = observed.desired
    obstacle = observed.container.proof_obstacle if observed.container else None
    expectation = Expectation(
        directory=observed.directory.path,
        target=desired.mount.target if desired and options.is_present else None,
        read_only=not observed.spec.is_shared,
        healthy=options.wait_for == "healthy",
        timeout=options.wait_timeout,
        is_lasting=not facts.container.is_restarting,
        is_provable=obstacle is None,
    )
    cause = f"not proven what it sees: {obstacle}" if options.is_present and obstacle else ""
    return VerifyContainer(observed.spec.name, cause, container, expectation)


def _probe_as_it_is(agent: str, facts: RecreationFacts) -> tuple[Operation, ...]:
    """Try a container without a change; one that uses the namespaces of another has those of the original."""
    return probe(agent, facts, create_request(facts, Overrides()).body) if facts.image else ()


def _dependent_replacements(observed: Observed, owner: RecreationFacts, options: Options) -> list[Replacement]:
    """The replacing of the containers that hold on to the owner: they hold on to the replacements."""
    dependents = [one.facts for one in recreated_with(owner, options)]
    replaced = {one.container.id: one.container.name + SUFFIX_NEW for one in (owner, *dependents)}
    return [_dependent_replacement(observed, owner, facts, replaced, options) for facts in dependents]


def _dependent_replacement(
    observed: Observed, owner: RecreationFacts, facts: RecreationFacts, replaced: Mapping[str, str], options: Options
) -> Replacement:
    agent = observed.spec.name
    is_lasting = not facts.container.is_restarting
    expectation = Expectation(observed.directory.path, None, True, False, options.wait_timeout, is_lasting)
    container = _replacement(facts, facts.container.name)
    return Replacement(
        agent=agent,
        facts=facts,
        request=create_request(facts, Overrides(replaced=replaced)),
        cause=f"it uses {owner.container.name}",
        copies_layer=is_carried(facts, options, is_alone=False),
        links=(),
        is_linked_early=False,
        verifications=(VerifyContainer(agent, "", container, expectation),),
    )
