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
from .._engine.documents import NO_RESTART, Container
from .layer_changes import is_committed_from, is_of_stopped
from .plan import Operation, RemoveContainer, RemoveImage, RenameContainer, SetRestartPolicy, StartContainer, Target
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


def plan_recoveries(
    found: Iterable[Interrupted], containers: frozenset[str], was_running: dict[str, bool] | None = None
) -> tuple[Operation, ...]:
    """The operations that put several recreations in order.

    :param containers: ids of all containers of the engine.
    :param was_running: in a rollback, container → whether it is to run.
    """
    operations: list[Operation] = []
    # Who owns namespaces comes before who uses them: without the owner the user cannot start.
    for one in sorted(found, key=lambda it: bool(it.owners)):
        steps = plan_recovery(one, None if was_running is None else was_running[one.name], containers)
        operations += steps
        containers -= {step.container.id for step in steps if isinstance(step, RemoveContainer)}
    return tuple(operations)


def plan_recovery(
    found: Interrupted, was_running: bool | None = None, containers: frozenset[str] = frozenset()
) -> tuple[Operation, ...]:
    """The operations that put one recreation in order.

    The original wins, unless the replacement runs under the real name in a later run, which looks at it anyway:

    1. only ``NAME``                    nothing to do
    2. ``NAME`` and ``NAME.am-new``     it ended before the renaming: drop the replacement
    3. ``NAME.am-old`` without ``NAME`` it ended between the renamings: drop the replacement, rename back
    4. ``NAME.am-old`` and ``NAME``     it ended after them: keep a replacement that runs, else back out
    5. ``NAME.am-new`` alone            it is the only copy: give it its name
    6. an original that cannot start    (its namespaces' owner was replaced) where the replacement can: complete it

    A recovery can be cut off as well. So some container holds the restart policy at every moment, a
    replacement that was started (and may hold a port or an address) is gone before the original starts,
    and the name that shows the trouble goes only after the start.

    :param was_running: in a rollback, whether the original is to run; ``None`` in a later run,
        which reads it from the times of the containers.
    :param containers: ids of all containers of the engine; without the owner of its namespaces one cannot start.
    :raises RefusedError: a leftover is no copy of the container that stands next to it.
    """
    current, new, old = found.current, found.new, found.old
    steps = _Steps(found, was_running)
    if old is None and new is None:  # 1
        if was_running is None or current is None:
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
        if old is None:
            return ()
        return (*steps.start(old, None), steps.rename(old, found.name), *steps.remove_image())
    if not is_copy(original, replacement):
        leftover = SUFFIX_OLD if old is not None else SUFFIX_NEW
        raise RefusedError(
            f"{found.agent}: a container {found.name}{leftover} is left of an earlier recreation, but what stands next "
            f"to it is no copy of it; look at both and remove or rename one."
        )
    if not owners(original) <= containers and owners(replacement) <= containers:  # 6
        return steps.complete(original, replacement)
    if replacement is current and replacement.has_process and was_running is None:  # 4
        return (steps.remove(original),)
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
    was_running: bool | None

    def _target(self, container: Container, name: str | None = None) -> Target:
        return Target(name or self.found.name_of(container), container.id)

    def remove(self, container: Container, name: str | None = None) -> Operation:
        return RemoveContainer(self.found.agent, _CAUSE, self._target(container, name), force=True)

    def remove_image(self) -> Sequence[Operation]:
        """Remove the image of the original's layer after the original is back (last: nothing depends on it)."""
        image = self.found.committed
        return [RemoveImage(self.found.agent, _CAUSE, image)] if image else []

    def rename(self, container: Container, name: str) -> Operation:
        return RenameContainer(self.found.agent, _CAUSE, self._target(container), name)

    def start(self, container: Container, made_after: Container | None) -> Sequence[Operation]:
        """Start what the interrupted run has stopped, not what was stopped before it."""
        return [self._start(container)] if self._is_to_run(container, made_after) else []

    def _start(self, container: Container) -> Operation:
        return StartContainer(self.found.agent, _CAUSE, self._target(container))

    def _is_to_run(self, container: Container, made_after: Container | None) -> bool:
        if container.has_process:
            return False
        if self.was_running is not None:
            return self.was_running
        if made_after is None:
            return True
        if is_committed_from(made_after.image_name, container.id):
            return not is_of_stopped(made_after.image_name)  # it was made after the stop, so its time shows nothing
        return container.finished_at >= made_after.created_at

    def enable_restart(self, container: Container, source: Container) -> Sequence[Operation]:
        if container.restores_itself or not source.restores_itself:
            return []
        return [SetRestartPolicy(self.found.agent, _CAUSE, self._target(container), source.restart_policy)]

    def disable_restart(self, container: Container, name: str | None = None) -> Sequence[Operation]:
        if not container.restores_itself:
            return []
        return [SetRestartPolicy(self.found.agent, _CAUSE, self._target(container, name), NO_RESTART)]

    def back_out(self, original: Container, replacement: Container) -> tuple[Operation, ...]:
        begin = self.enable_restart(original, replacement)
        started = self.start(original, replacement)
        if original is self.found.current:
            # The replacement was never started, and is the mark that must go last.
            return (
                *begin,
                *self.disable_restart(replacement),
                *started,
                self.remove(replacement),
                *self.remove_image(),
            )
        if not original.has_process and not started:
            return (*begin, *self._back_out_stopped(original, replacement))
        return (
            *begin,
            self.remove(replacement),
            *started,
            self.rename(original, self.found.name),
            *self.remove_image(),
        )

    def _back_out_stopped(self, original: Container, replacement: Container) -> Sequence[Operation]:
        """Neither runs. The replacement goes last: alone, an original does not show that it was stopped before."""
        name, new_name = self.found.name, self.found.name + SUFFIX_NEW
        aside = [self.rename(replacement, new_name)] if replacement is self.found.current else []
        return (
            *aside,
            self.rename(original, name),
            *self.disable_restart(replacement, new_name),
            self.remove(replacement, new_name),
            *self.remove_image(),
        )

    def complete(self, original: Container, replacement: Container) -> tuple[Operation, ...]:
        name = self.found.name
        is_to_run = original.has_process or self._is_to_run(original, replacement)
        started = [self._start(replacement)] if is_to_run and not replacement.has_process else []
        begin = (*self.enable_restart(replacement, original), *self.disable_restart(original))
        if original is self.found.current:
            return (
                *begin,
                self.rename(original, name + SUFFIX_OLD),
                *started,
                self.rename(replacement, name),
                self.remove(original, name + SUFFIX_OLD),
            )
        renamed = [self.rename(replacement, name)] if replacement is self.found.new else []
        return (*begin, *started, *renamed, self.remove(original))
