# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the agents' containers: one list call, one inspect for each agent, ``/proc`` for what a process sees."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import Iterable, Iterator, Mapping, Sequence

from .._agents.config import AgentSpec
from .._agents.launchers import desired_without_container
from .._agents.passwd import PASSWD, ContainerUser, find_container_user, needed_passwd
from .._agents.placement import Desired, config_directory, desired_state, is_file_mount, is_our_target
from .._agents.shared_logins import WritableLogin, writable_logins
from .._base.names import SUFFIX_NEW, SUFFIX_OLD, SUFFIX_PROBE
from .._base.paths import normalise
from .._catalog.cli import version_of
from .._catalog.rows import CATALOG
from .._engine.documents import Container
from .._engine.mounts import path_binds
from .._host.bounded import LOOK_SECONDS, NoAnswerError, within
from .._host.filesystem import DirectoryFacts
from .._host.mountinfo import Mount
from .._host.process_root import ContainerRoot, NotProven
from .._host.reading import fingerprint
from .create_request import unknown_fields
from .exposure import exposures
from .layer_changes import committed_images, looked_at
from .observed import Dependent, LinkState, Observed, ObservedContainer, RecreationFacts
from .plan import AgentPlan, Operation
from .ports import ContainerList, Host, ReadingEngine
from .probe import is_probe, sweep
from .recovery import Interrupted, in_order_of_need, plan_recovery, removed_by
from .relations import Everyone, dependents, meant
from .start_looks import with_start_conditions


def observe(engine: ReadingEngine, host: Host, containers: ContainerList, spec: AgentSpec) -> Observed:
    """One agent's container as it is now."""
    directory = host.directory(spec.directory)
    spec = replace(spec, directory=directory.path)
    row = containers.rows.get(spec.container)
    if row is None:
        return Observed(spec, directory, desired_without_container(spec), None)
    container = engine.inspect(row.id)
    if not container.is_running:
        return _observed(engine, host, spec, directory, container, None)
    try:
        if not engine.is_local:
            raise NotProven("the engine is not on this host")
        return within(LOOK_SECONDS, _look_inside, engine, host, spec, directory, container)
    except (NotProven, NoAnswerError) as reason:
        return _observed(engine, host, spec, directory, container, None, str(reason))


def _look_inside(
    engine: ReadingEngine, host: Host, spec: AgentSpec, directory: DirectoryFacts, container: Container
) -> Observed:
    with host.root(container.pid, container.id, container.started_at) as root:
        return _observed(engine, host, spec, directory, container, root)


def _observed(
    engine: ReadingEngine,
    host: Host,
    spec: AgentSpec,
    directory: DirectoryFacts,
    container: Container,
    root: ContainerRoot | None,
    proof_obstacle: str | None = None,
) -> Observed:
    """:param root: what the container's process sees; ``None`` if there is none, or it may not be looked at."""
    passwd = root.read(PASSWD, _is_mounted(container, PASSWD)) if root else _passwd(engine, host, container)
    user, desired = _desired(spec, container, (passwd or b"").decode("utf-8", "replace"))
    source = _bind_source(container, desired)
    # The link that is left at a former place is the user's: a mount by it is not the mount that is wanted.
    real = source if source is None or normalise(source) == spec.former else host.realpath(source)
    seen, link_state, former_link = None, None, None
    if root is not None and desired is not None:
        view = root.stat(desired.mount.target)
        seen = view.identity if view.kind == "directory" and view.identity else (0, 0)
        link_state = _link_state(root, spec, container, desired)
        former_link = _former_link(root, spec, container, user) if desired.link is None else None
    return Observed(
        spec,
        directory,
        desired,
        ObservedContainer(
            container,
            user,
            host.ids(container.pid, user.uid, user.gid) if user and engine.is_local and container.pid else None,
            real,
            seen,
            link_state,
            proof_obstacle,
            former_link,
            exposures(spec, desired, container, [host.realpath(one) for one in spec.sources], *_mounts(host, root)),
        ),
    )


def _mounts(host: Host, root: ContainerRoot | None) -> tuple[Sequence[Mount], Sequence[Mount]]:
    """The mounts of the host and of the container's process; none where that may not be looked at."""
    return (host.mounts(), root.mounts()) if root else ((), ())


def _passwd(engine: ReadingEngine, host: Host, container: Container) -> bytes | None:
    """The passwd file by the engine; to read it, the engine would make sources of binds that are missing."""
    sources = path_binds(container.host_config) if engine.is_local else ()
    if any(host.node(source).kind == "missing" for source in sources):
        return None
    return engine.read_file(container.id, PASSWD)


def _desired(spec: AgentSpec, container: Container, passwd: str) -> tuple[ContainerUser | None, Desired | None]:
    user = find_container_user(container.user, passwd)
    environment = container.environment
    generated = needed_passwd(spec, container.user, passwd, environment.get("HOME"))
    return user, desired_state(spec, environment, user.home if user else None, generated)


def _is_mounted(container: Container, path: str) -> bool:
    return any(mount.target == path for mount in container.mounts)


def _bind_source(container: Container, desired: Desired | None) -> str | None:
    """The source of the bind at the desired target."""
    if desired is None:
        return None
    at_target = [mount for mount in container.mounts if mount.target == desired.mount.target]
    return at_target[0].source if at_target and at_target[0].type == "bind" else None


def _former_link(root: ContainerRoot, spec: AgentSpec, container: Container, user: ContainerUser | None) -> str | None:
    """The link that the placement of another mode has made, if it still is what we made."""
    variables = {name: value for name, value in container.environment.items() if not is_our_target(value, spec.cli)}
    directory = config_directory(spec.cli, variables, user.home if user else None)
    path = f"{directory}/{spec.cli.credential}"
    view = root.lstat(path) if directory else None
    is_ours = view is not None and view.kind == "link" and is_our_target(view.link_target or "", spec.cli)
    return path if is_ours else None


def _link_state(root: ContainerRoot, spec: AgentSpec, container: Container, desired: Desired) -> LinkState | None:
    if desired.link is None:
        return None
    if _is_mounted(container, desired.link):
        return LinkState.MISSING
    view = root.lstat(desired.link)
    if view.kind == "link" and view.link_target == desired.link_target(spec.cli):
        return LinkState.OK
    if view.kind == "link" and not is_our_target(view.link_target or "", spec.cli):
        return LinkState.LINK
    if view.kind in ("directory", "other"):
        return LinkState.OTHER
    # An empty file is what the engine leaves where a file mount was.
    if view.kind == "file" and view.fingerprint != fingerprint(b""):
        return LinkState.FILE
    # The container's own links decide where it would land; on a bind mount that is the host.
    kept = {mount.target: mount for mount in container.mounts if not is_file_mount(mount, spec, desired)}
    holder = root.holder(desired.link, kept)
    is_safe = holder == "/" or (holder in kept and kept[holder].type == "volume" and not kept[holder].read_only)
    return LinkState.MISSING if is_safe else LinkState.ELSEWHERE


def observed_logins(observed: Observed) -> list[WritableLogin]:
    """The writable host directories in which the agent's CLI keeps its login."""
    container = observed.container
    environment = container.inspected.environment if container else {}
    home = container.user.home if container and container.user else None
    return writable_logins(observed.spec, observed.desired, observed.mounts, environment, home)


@dataclass(frozen=True)
class ContainerInquiry:
    """Asks the engine about one agent's container; see :class:`planner.Inquiry`."""

    engine: ReadingEngine
    host: Host
    containers: ContainerList
    observed: Observed
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Id of a container that this run has replaced → its name."""

    @property
    def _container(self) -> Container:
        if self.observed.container is None:
            raise ValueError("an absent container is not asked about")
        return self.observed.container.inspected

    @property
    def _homes(self) -> tuple[str | None, ...]:
        user = self.observed.container.user if self.observed.container else None
        return (user.home if user else None, self.observed.desired.home if self.observed.desired else None)

    def recreation_facts(self) -> RecreationFacts:
        others = dict.fromkeys(row.id for row in self.containers.rows.values() if row.id != self._container.id)
        everyone = Everyone([self._container, *_still_there(self.engine, others)], self.replaced)
        users = dependents(self._container, everyone)
        found = [Dependent(ways, breaks, _facts(self.engine, one, everyone)) for one, ways, breaks in users]
        facts = replace(_facts(self.engine, self._container, everyone, self._homes), dependents=tuple(found))
        target = self.observed.desired.mount.target if self.observed.desired else None
        return with_start_conditions(self.engine, self.host, facts, self.containers.ids, target)

    def product(self) -> str:
        return self.engine.product()

    def idle_status(self) -> int:
        return self.engine.execute(self._container.id, self.observed.spec.idle_command)

    def version(self) -> str | None:
        command = (self.observed.spec.cli.commands[0], "--version")
        return version_of(self.engine.output(self._container.id, command) or "")


def _still_there(engine: ReadingEngine, ids: Iterable[str]) -> Iterator[Container]:
    """Containers, but for those that were removed since the list call, or cannot be read: no agent stops for them."""
    for container_id in ids:
        with contextlib.suppress(Exception):
            yield engine.inspect(container_id)


def _facts(
    engine: ReadingEngine, container: Container, everyone: Everyone, homes: Iterable[str | None] = ()
) -> RecreationFacts:
    tag = engine.inspect_image(container.image_name)
    changed = engine.changed_paths(container.id)
    obstacle = _layer_obstacle(engine, container)
    return RecreationFacts(
        container=container,
        image=engine.inspect_image(container.image_id),
        tag_image=tag.id if tag else None,
        api_version=engine.api_version,
        changed_paths=changed,
        dependents=(),
        meant=meant(container, everyone),
        kinds={path: engine.kind(container.id, path) for path in looked_at(container, changed)},
        homes=_homes(container, homes),
        layer_obstacle=obstacle,
        committed_before=_committed(engine, container.name, container.id) if obstacle else None,
        unknown=unknown_fields(engine.inspect_in_full(container.id)),
    )


def _homes(container: Container, homes: Iterable[str | None]) -> tuple[str, ...]:
    """Where a container keeps what somebody would miss; ``homes`` are known otherwise."""
    environment = container.environment
    variables = {cli.config_dir_variable or "" for cli in CATALOG.values()}
    places = [*homes, environment.get("HOME"), *map(environment.get, variables), container.working_directory]
    normal = {normalise(place) for place in places if place and place.startswith("/")}
    return tuple(sorted(normal - {"/"}))


def _layer_obstacle(engine: ReadingEngine, container: Container) -> str | None:
    if engine.layer_directory(container.id) is not None:
        return None
    if not engine.is_local:
        return "the engine is on another host"
    if container.storage_driver != "overlay2":
        return f"the storage driver is {container.storage_driver or 'not known'}, not overlay2"
    return "this user cannot reach the engine's files (use become)"


def _committed(engine: ReadingEngine, name: str, container_id: str) -> str | None:
    """The image that a run which did not end has made of the writable layer of a container."""
    images = committed_images(name, container_id)
    return next((image for image in images if engine.inspect_image(image) is not None), None)


def interrupted(engine: ReadingEngine, containers: ContainerList, agent: str, name: str) -> Interrupted:
    """The containers under the three names of a recreation of ``name``.

    :param agent: what to call it in messages.
    """

    def inspect(suffix: str) -> Container | None:
        row = containers.rows.get(name + suffix)
        return engine.inspect(row.id) if row else None

    found = Interrupted(agent, name, inspect(""), inspect(SUFFIX_NEW), inspect(SUFFIX_OLD))
    original = found.original
    return replace(found, committed=_committed(engine, name, original.id)) if original else found


def recover(
    engine: ReadingEngine, agent: str, name: str, broken: frozenset[str] = frozenset()
) -> tuple[Operation, ...]:
    """What puts a recreation in order that an earlier run left, planned from what the engine shows now."""
    containers = ContainerList.of(engine)
    return plan_recovery(interrupted(engine, containers, agent, name), None, containers.ids, broken)


def rollback(
    engine: ReadingEngine, plan: AgentPlan, created: frozenset[str], broken: frozenset[str]
) -> tuple[Operation, ...]:
    """The rollback of an agent's plan, planned from what the engine shows now: the same as a recovery.

    :param created: ids of the containers that the plan has made.
    :param broken: ids of those that the engine could not start.
    """
    container = plan.observed.container
    was = {plan.container: container.inspected.status if container else "exited", **dict(plan.dependents)}
    containers = ContainerList.of(engine)
    there = containers.ids
    operations: list[Operation] = []
    for one in in_order_of_need(interrupted(engine, containers, plan.agent, name) for name in was):
        is_ours = one.replacement is not None and one.replacement.id in created
        steps = plan_recovery(replace(one, is_ours=is_ours), was[one.name], there, broken)
        operations += steps
        there -= removed_by(steps)
    for name in was:
        operations += left_probe(engine, containers, plan.agent, name)
    return tuple(operations)


def left_probe(engine: ReadingEngine, containers: ContainerList, agent: str, name: str) -> tuple[Operation, ...]:
    """What removes the probe of the container ``name``, where one is left."""
    row = containers.rows.get(name + SUFFIX_PROBE)
    container = engine.inspect(row.id) if row else None
    return (sweep(agent, container),) if container and is_probe(container) else ()
