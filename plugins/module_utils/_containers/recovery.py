# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recover: put a recreation in order that failed or was interrupted. Pure.

The names ``NAME``, ``NAME.am-new`` and ``NAME.am-old`` show how far it came, so no journal is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Sequence

from .._base.errors import RefusedError
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from .._engine.documents import ALWAYS, NO_RESTART, RUNNING_STATES, UNLESS_STOPPED, Container, Document
from .layer_changes import is_committed_from, is_of_stopped, is_of_unless_stopped
from .operations import (
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RenameContainer,
    SetRestartPolicy,
    StartContainer,
    StopContainer,
)
from .plan import Operation, Target
from .relations import owners

_CAUSE = "an earlier recreation did not end"


@dataclass(frozen=True)
class Interrupted:
    """The containers under the three names of one recreation."""

    agent: str
    """What to call it in messages."""
    name: str
    current: Container | None
    new: Container | None
    old: Container | None
    committed: str | None = None
    """The image that it has made of the original's writable layer."""
    is_ours: bool = False
    """Whether this run has made the replacement, so that nothing needs to be compared."""

    @property
    def original(self) -> Container | None:
        return self.old or self.current

    @property
    def replacement(self) -> Container | None:
        return self.new or (self.current if self.old else None)

    @property
    def owners(self) -> frozenset[str]:
        """Ids of the containers whose namespaces these use."""
        return frozenset(owner for one in (self.current, self.new, self.old) if one for owner in owners(one))

    def name_of(self, container: Container) -> str:
        """What a container is called now."""
        if container is self.new:
            return self.name + SUFFIX_NEW
        return self.name + (SUFFIX_OLD if container is self.old else "")


def in_order_of_need(found: Iterable[Interrupted]) -> list[Interrupted]:
    """Who owns namespaces comes before who uses them: without the owner the user cannot start."""
    return sorted(found, key=lambda one: bool(one.owners))


def removed_by(operations: Iterable[Operation]) -> frozenset[str | None]:
    """Ids of the containers that are gone afterwards."""
    return frozenset(one.container.id for one in operations if isinstance(one, RemoveContainer))


def plan_recovery(
    found: Interrupted,
    was: str | None = None,
    containers: frozenset[str] = frozenset(),
    broken: frozenset[str] = frozenset(),
) -> tuple[Operation, ...]:
    """The operations that put one recreation in order.

    The original wins, unless the replacement runs under the real name in a later run, which looks at it anyway:

    1. only ``NAME``                    nothing to do
    2. ``NAME`` and ``NAME.am-new``     it ended before the renaming: drop the replacement
    3. ``NAME.am-old`` without ``NAME`` it ended between the renamings: rename back, drop the replacement
    4. ``NAME.am-old`` and ``NAME``     it ended after them: keep a replacement that runs, else back out
    5. ``NAME.am-new`` alone            it is the only copy: give it its name
    6. an original that cannot start    (its namespaces' owner was replaced) where the replacement can: complete it
    7. ``NAME.am-old`` and a stranger   (no copy of it) that does not run: the original runs under the name

    A recovery can be cut off as well, also by a power cut. So a boot finds at every moment a container that it
    starts; a replacement that was started (and may hold a port or an address) is stopped before the original
    starts; and every step leads from one of these cases to a smaller one, the replacement, which holds the
    original's restart policy and shows by its time whether the original is to run, goes last.

    :param was: in a rollback, the state that the original had; ``None`` in a later run, which reads from the
        times of the containers whether it ran.
    :param containers: ids of all containers of the engine; without the owner of its namespaces one cannot start.
    :param broken: ids of those that the engine could not start: without the original, the replacement runs under
        the real name, and the original is kept; where neither starts each gets its own name, and both are kept.
    :raises RefusedError: a leftover is no copy of the container that stands next to it.
    """
    current, new, old = found.current, found.new, found.old
    steps = _Steps(found, was, broken)
    if old is None and new is None:  # 1
        if was is None or current is None:
            return ()
        return (*steps.start(current, None), *steps.remove_image())
    if new is not None and current is None and old is None:  # 5
        return (steps.rename(new, found.name),)
    if new is not None and current is not None and old is not None:
        raise RefusedError(
            f"{found.agent}: {found.name}, {found.name}{SUFFIX_NEW} and {found.name}{SUFFIX_OLD} exist all three; "
            f"look at them and remove two."
        )
    original, replacement = found.original, found.replacement
    if original is None or replacement is None:  # 3, where the replacement is not there
        return steps.give_name(old) if old else ()
    if not found.is_ours and not is_copy(original, replacement):
        if old is not None and not (current is not None and current.has_process):
            return steps.put_before(old, current)
        leftover = SUFFIX_OLD if old is not None else SUFFIX_NEW
        raise RefusedError(
            f"{found.agent}: a container {found.name}{leftover} is left of an earlier recreation, but what stands next "
            f"to it is no copy of it; look at both and remove or rename one."
        )
    if original.id in broken and replacement.id not in broken:
        return steps.take_over(original, replacement)
    if not owners(original) <= containers and owners(replacement) <= containers:  # 6
        return steps.complete(original, replacement)
    can_stay = replacement is current and was is None and owners(replacement) <= containers
    if can_stay and steps.is_good(original, replacement):  # 4
        return steps.remove_gracefully(original)
    return steps.back_out(original, replacement)  # 2, 3, 4


def is_copy(original: Container, replacement: Container) -> bool:
    """Whether one container is the other's replacement: the mark by which leftovers are known."""
    keys = ("Cmd", "Entrypoint", "Labels", "User", "WorkingDir")
    is_alike = all(original.config.get(key) == replacement.config.get(key) for key in keys)
    return is_alike and (
        original.image_id == replacement.image_id or is_committed_from(replacement.image_name, original.id)
    )


@dataclass(frozen=True)
class _Steps:
    found: Interrupted
    was: str | None
    broken: frozenset[str]

    def _target(self, container: Container, name: str | None = None) -> Target:
        return Target(name or self.found.name_of(container), container.id)

    def remove(self, container: Container, name: str | None = None) -> Operation:
        return RemoveContainer(self.found.agent, _CAUSE, self._target(container, name), force=True)

    def remove_gracefully(self, container: Container) -> tuple[Operation, ...]:
        """A boot may have started it as well, and it may be at work."""
        return (*self.stop(container, container.stop_timeout), self.remove(container))

    def remove_image(self) -> Sequence[Operation]:
        """Remove the image of the original's layer after the original is back (last: nothing depends on it)."""
        image = self.found.committed
        return [RemoveImage(self.found.agent, _CAUSE, image)] if image else []

    def rename(self, container: Container, name: str) -> Operation:
        return RenameContainer(self.found.agent, _CAUSE, self._target(container), name)

    def stop(self, container: Container, timeout: int = 0) -> Sequence[Operation]:
        if not container.has_process:
            return []
        return [StopContainer(self.found.agent, _CAUSE, self._target(container), timeout)]

    def start(self, container: Container, made_after: Container | None, name: str | None = None) -> Sequence[Operation]:
        """Start what the interrupted run has stopped, not what was stopped before it."""
        return self._start(container, name) if self._is_to_run(container, made_after) else []

    def _start(self, container: Container, name: str | None = None) -> Sequence[Operation]:
        if container.id in self.broken:
            return []
        target = self._target(container, name)
        started: list[Operation] = [StartContainer(self.found.agent, _CAUSE, target)]
        return [*started, PauseContainer(self.found.agent, "as it was", target)] if self.was == "paused" else started

    def _is_to_run(self, container: Container, made_after: Container | None) -> bool:
        if container.has_process:
            return False
        if self.was is not None:
            return self.was in RUNNING_STATES
        if made_after is None:
            return True
        if is_committed_from(made_after.image_name, container.id):
            # It was made after the stop, so its time shows nothing.
            return not is_of_stopped(made_after.image_name, container.id)
        return container.finished_at >= made_after.created_at

    def is_good(self, original: Container, replacement: Container) -> bool:
        """Whether the replacement runs. One in a crash loop does only if it was verified, so that the original has
        lost its policy: then the original was in one as well."""
        is_verified = replacement.restores_itself and not original.restores_itself
        return replacement.has_process and (is_verified or not replacement.is_restarting)

    def _set_policy(
        self, container: Container, policy: Document, now: Document, name: str | None = None
    ) -> Sequence[Operation]:
        if policy.get("Name") == now.get("Name"):
            return []
        return [SetRestartPolicy(self.found.agent, _CAUSE, self._target(container, name), policy)]

    def _policy(self, original: Container, replacement: Container | None) -> Document:
        """The restart policy that the original had."""
        if replacement is not None and replacement.restores_itself:
            return replacement.restart_policy
        if is_of_unless_stopped(self.found.committed or "", original.id):
            return {**NO_RESTART, "Name": UNLESS_STOPPED}
        return original.restart_policy

    def give_name(self, old: Container) -> tuple[Operation, ...]:
        """Give the original its name where nothing else is left. Alone, it does not show that it is to run."""
        name = self.found.name
        named = [self.rename(old, name)]
        if old.is_restarting:  # between two attempts the engine cannot rename it (its sandbox is gone)
            steps = [*self.stop(old), *named, *self._start(old, name)]
        else:
            steps = [*self.start(old, None), *named]
        policy = self._set_policy(old, self._policy(old, None), old.restart_policy, name)
        return (*steps, *policy, *self.remove_image())

    def put_before(self, old: Container, stranger: Container | None) -> tuple[Operation, ...]:
        """Let the original run under its name, which nothing that runs has. What is beside it is kept, for nobody knows
        whose it is: the next run asks for a look at it."""
        aside = [self.rename(stranger, self.found.name + SUFFIX_NEW)] if stranger is not None else []
        return (*aside, *self.give_name(old))

    def back_out(self, original: Container, replacement: Container) -> tuple[Operation, ...]:
        name, new_name = self.found.name, self.found.name + SUFFIX_NEW
        is_to_run = self._is_to_run(original, replacement)
        policy = self._policy(original, replacement)
        # While it is stopped, a boot starts it only if its policy is `always`.
        until_started = ALWAYS if is_to_run and policy.get("Name") == UNLESS_STOPPED else policy
        armed = original.restart_policy if original.restores_itself else until_started
        steps = [*self._set_policy(original, armed, original.restart_policy), *self.stop(replacement)]
        if replacement is self.found.current:
            steps.append(self.rename(replacement, new_name))
        if original is self.found.old:
            if original.is_restarting:  # between two attempts the engine cannot rename it (its sandbox is gone)
                steps += self.stop(original)
                is_to_run = True
            steps.append(self.rename(original, name))
        if is_to_run:
            steps += self._start(original, name)
        if original.id in self.broken:
            return tuple(steps)
        steps += self._set_policy(original, policy, armed, name)
        return (*steps, self.remove(replacement, new_name), *self.remove_image())

    def take_over(self, original: Container, replacement: Container) -> tuple[Operation, ...]:
        """Let the replacement run under the real name."""
        name = self.found.name
        policy = self._policy(original, replacement)
        steps = [
            *self._set_policy(replacement, policy, replacement.restart_policy),
            *self.stop(original, original.stop_timeout),
        ]
        if original is self.found.current:
            steps.append(self.rename(original, name + SUFFIX_OLD))
        if replacement is self.found.new:
            steps.append(self.rename(replacement, name))
        is_to_run = original.has_process or self._is_to_run(original, replacement)
        if is_to_run and not replacement.has_process:
            steps += self._start(replacement, name)
        return tuple(steps)

    def complete(self, original: Container, replacement: Container) -> tuple[Operation, ...]:
        old_name = self.found.name + SUFFIX_OLD
        disarmed = self._set_policy(original, NO_RESTART, original.restart_policy, old_name)
        return (*self.take_over(original, replacement), *disarmed, self.remove(original, old_name))
