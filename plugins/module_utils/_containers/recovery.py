# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recover: put a recreation in order that failed or was cut off. Pure.

The names ``NAME``, ``NAME.am-new`` and ``NAME.am-old`` tell how far it came, so no journal is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._base.errors import RefusedError
from .._base.names import SUFFIX_NEW, SUFFIX_OLD
from . import clone as _clone
from .plan import Document, Operation


@dataclass(frozen=True)
class Remnant:
    """A container under one of the three names of a recreation. Times are RFC 3339, as the engine tells them."""

    id: str
    running: bool
    container: Document = field(repr=False)

    @property
    def policy(self) -> Document:
        return self.container["HostConfig"].get("RestartPolicy") or _clone.NO_RESTART

    @property
    def armed(self) -> bool:
        return self.policy.get("Name") not in ("", "no", None)


@dataclass(frozen=True)
class Remnants:
    """The containers under the three names of one recreation.

    ``committed`` is the image that it has made of the original's writable layer, if there is one.
    """

    agent: str
    name: str
    current: Remnant | None
    new: Remnant | None
    old: Remnant | None
    committed: str | None = None

    @property
    def original(self) -> Remnant | None:
        return self.old or self.current

    @property
    def clone(self) -> Remnant | None:
        return self.new or (self.current if self.old else None)

    @property
    def owners(self) -> frozenset[str]:
        """Ids of the containers whose namespaces these use."""
        return frozenset(owner for it in (self.current, self.new, self.old) if it for owner in owners(it.container))


def owners(container: Document) -> frozenset[str]:
    """Ids of the containers whose namespaces ``container`` uses; without them it cannot start."""
    modes = (str(container["HostConfig"].get(field) or "") for field in _clone.NAMESPACE_FIELDS)
    return frozenset(mode.split(":", 1)[1] for mode in modes if mode.startswith("container:"))


def recover(
    remnants: Remnants, was_running: bool | None = None, containers: frozenset[str] = frozenset()
) -> tuple[Operation, ...]:
    """The operations that put one recreation in order.

    The original wins, unless the clone runs under the real name in a later run, which looks at it anyway:

    1. only ``NAME``                    nothing to do
    2. ``NAME`` and ``NAME.am-new``     it ended before the renaming: drop the clone
    3. ``NAME.am-old`` without ``NAME`` it ended between the renamings: drop the clone, rename back
    4. ``NAME.am-old`` and ``NAME``     it ended after them: keep a clone that runs, else go back
    5. ``NAME.am-new`` alone            it is the only copy: give it its name
    6. an original that cannot start    (its namespaces' owner was replaced) where the clone can: go on instead

    A recovery can be cut off as well. So some container holds the restart policy at every moment, a
    clone that was started (and may hold a port or an address) is gone before the original starts,
    and the name that tells of the trouble goes only after the start.

    :param was_running: in a rollback, whether the original is to run; ``None`` in a later run,
        which tells it from the times of the containers.
    :param containers: ids of all containers of the engine; without the owner of its namespaces one cannot start.
    :raises RefusedError: a leftover is no clone of the container that stands beside it.
    """
    current, new, old = remnants.current, remnants.new, remnants.old
    steps = _Steps(remnants, was_running)
    if old is None and new is None:
        if was_running is None or current is None:
            return ()
        return (*steps.start(current, None), *steps.drop_image())
    if new is not None and current is None and old is None:
        return (steps.rename(new, remnants.name),)
    original, clone = remnants.original, remnants.clone
    if new is not None and current is not None and old is not None:
        raise RefusedError(
            f"{remnants.agent}: {remnants.name}, {remnants.name}{SUFFIX_NEW} and {remnants.name}{SUFFIX_OLD} exist all "
            f"three; look at them and remove two."
        )
    if original is None or clone is None:
        if old is None:
            return ()
        return (*steps.start(old, None), steps.rename(old, remnants.name), *steps.drop_image())
    if not _clone.is_twin(original.container, clone.container):
        leftover = SUFFIX_OLD if old is not None else SUFFIX_NEW
        raise RefusedError(
            f"{remnants.agent}: a container {remnants.name}{leftover} is left of an earlier recreation, but what is "
            f"beside it is no copy of it; look at both and remove or rename one."
        )
    if not owners(original.container) <= containers and owners(clone.container) <= containers:
        return steps.go_on(original, clone)
    if clone is current and clone.running and was_running is None:
        return (steps.drop(original),)
    return steps.go_back(original, clone)


@dataclass(frozen=True)
class _Steps:
    remnants: Remnants
    was_running: bool | None

    def _label(self, what: Remnant) -> str:
        if what is self.remnants.new:
            return self.remnants.name + SUFFIX_NEW
        return self.remnants.name + (SUFFIX_OLD if what is self.remnants.old else "")

    def _step(self, action: str, what: Remnant, shown: str, **arguments: Any) -> Operation:
        cause = "an earlier recreation did not end"
        return Operation(self.remnants.agent, action, self._label(what), what.id, shown, cause, arguments)

    def drop(self, what: Remnant) -> Operation:
        return self._step("remove", what, f"remove {self._label(what)} (volumes kept)", force=True)

    def drop_image(self) -> list[Operation]:
        """Remove the image of the original's writable layer, when the original is back: last, for it can wait."""
        image = self.remnants.committed
        cause = "an earlier recreation did not end"
        return (
            [Operation(self.remnants.agent, "remove_image", image, None, f"remove the image {image}", cause)]
            if image
            else []
        )

    def rename(self, what: Remnant, name: str) -> Operation:
        return self._step("rename", what, f"rename {self._label(what)} -> {name}", new_name=name)

    def start(self, what: Remnant, maker: Remnant | None) -> list[Operation]:
        """Start what the cut-off run has stopped, not what was stopped before it."""
        return [self._step("start", what, f"start {self._label(what)}")] if self._is_to_run(what, maker) else []

    def _is_to_run(self, what: Remnant, maker: Remnant | None) -> bool:
        if what.running:
            return False
        if self.was_running is not None:
            return self.was_running
        image = str(maker.container["Config"].get("Image") or "") if maker else ""
        if _clone.is_committed_from(image, what.id):
            return not _clone.is_of_stopped(image)  # it was made after the stop, so its time tells nothing
        finished = str(what.container["State"].get("FinishedAt") or "")
        return maker is None or finished >= str(maker.container.get("Created") or "")

    def rearm(self, what: Remnant, source: Remnant) -> list[Operation]:
        if what.armed or not source.armed:
            return []
        shown = f"set restart policy of {self._label(what)} to {source.policy['Name']}"
        return [self._step("set_restart_policy", what, shown, policy=source.policy)]

    def disarm(self, what: Remnant) -> list[Operation]:
        if not what.armed:
            return []
        shown = f"set restart policy of {self._label(what)} to no"
        return [self._step("set_restart_policy", what, shown, policy=_clone.NO_RESTART)]

    def go_back(self, original: Remnant, clone: Remnant) -> tuple[Operation, ...]:
        begin = self.rearm(original, clone)
        started = self.start(original, clone)
        if original is self.remnants.current:
            # The clone was never started, and is the mark that must go last.
            return (*begin, *self.disarm(clone), *started, self.drop(clone), *self.drop_image())
        return (
            *begin,
            self.drop(clone),
            *started,
            self.rename(original, self.remnants.name),
            *self.drop_image(),
        )

    def go_on(self, original: Remnant, clone: Remnant) -> tuple[Operation, ...]:
        name = self.remnants.name
        is_to_run = original.running or self._is_to_run(original, clone)
        started = [self._step("start", clone, f"start {self._label(clone)}")] if is_to_run and not clone.running else []
        begin = (*self.rearm(clone, original), *self.disarm(original))
        if original is self.remnants.current:
            return (
                *begin,
                self.rename(original, name + SUFFIX_OLD),
                *started,
                self.rename(clone, name),
                self.drop(original),
            )
        renamed = [self.rename(clone, name)] if clone is self.remnants.new else []
        return (*begin, *started, *renamed, self.drop(original))
