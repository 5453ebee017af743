# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the agents' containers: one list call, one inspect for each agent, ``/proc`` for what a process sees."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from functools import partial
from typing import Sequence

from .._agents.config import AgentSpec
from .._agents.launchers import desired_without_container
from .._agents.passwd import PASSWD, ContainerUser, find_container_user, needed_passwd, numeric_id, owner_by_home
from .._agents.placement import Desired, desired_state, is_file_mount, is_our_link, with_links
from .._agents.shared_logins import WritableLogin, writable_logins
from .._base.paths import normalise
from .._engine.documents import Container
from .._engine.mounts import path_binds
from .._host.bounded import LOOK_SECONDS, NoAnswerError, within
from .._host.filesystem import DirectoryFacts
from .._host.mountinfo import Mount
from .._host.process_root import MISSING, ContainerRoot, NotProven
from .._host.reader import MAY_READ_ALL, Processes
from .._host.reading import fingerprint
from .._host.users import FIRST_PERSON
from .exposure import exposures
from .isolation import Failures
from .observed import LinkState, Observed, ObservedContainer
from .ports import NOT_HERE, ContainerList, Host, ReadingEngine, Session
from .ways import Way, variables, ways


def observe_all(
    session: Session, containers: ContainerList, agents: Sequence[AgentSpec], failures: Failures
) -> dict[str, list[Observed]]:
    """Container → its agents, of those that could be looked at."""
    looked_at: dict[str, list[Observed]] = {}
    for spec in agents:
        seen = failures.attempt(spec.name, partial(observe, session.engine, session.host, containers, spec))
        if seen is not None:
            looked_at.setdefault(spec.container, []).append(seen)
    return looked_at


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
            raise NotProven(NOT_HERE)
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
    passwd_file = root.read(PASSWD, _is_mounted(container, PASSWD)) or b"" if root else _passwd(engine, host, container)
    passwd = (passwd_file or b"").decode("utf-8", "replace")
    user, desired = _desired(spec, container, passwd_file)
    source = _bind_source(container, desired)
    # The link that is left at a former place is the user's: a mount by it is not the mount that is wanted.
    real = source if source is None or normalise(source) == spec.former else host.realpath(source)
    processes = host.processes(container.pid, variables(spec.cli)) if root is not None else None
    readers = ways(spec, container, passwd, processes)
    of_placement = desired.links if desired else ()
    desired = _with_links(desired, spec, container, root, readers)
    seen, states = None, {}
    if root is not None and desired is not None:
        view = root.stat(desired.mount.target)
        seen = view.identity if view.kind == "directory" and view.identity else (0, 0)
        states = {link: _link_state(root, spec, container, desired, link) for link in desired.links}
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
            states,
            proof_obstacle,
            ways=readers,
            asked_uid=_asked_uid(engine, spec, container, passwd, processes),
            link_owners={
                link: _link_owner(link, of_placement, passwd, user) for link in (desired.links if desired else ())
            },
            other_secrets=_other_secrets(spec, desired, container, root),
            exposures=exposures(
                spec, desired, container, [host.realpath(one) for one in spec.sources], *_mounts(host, root)
            ),
        ),
    )


def _with_links(
    desired: Desired | None,
    spec: AgentSpec,
    container: Container,
    root: ContainerRoot | None,
    readers: Sequence[Way],
) -> Desired | None:
    """What is desired, with a link at each place where the agent CLI looks or had its login.

    Where a file mount is taken away the link belongs at its target: somebody has found the login there. Where a
    process looks is the container's word: a link is made in what is its reader's own, as it could itself.
    """
    if desired is None:
        return None
    files = [mount.target for mount in container.mounts if is_file_mount(mount, spec, desired)]
    looked_at = [way for way in readers if way.config_file and root and _is_its_own(root, way)]
    return with_links(desired, spec, [*files, *(str(way.config_file) for way in looked_at)])


def _link_owner(link: str, of_placement: Sequence[str], passwd: str, user: ContainerUser | None) -> tuple[int, int]:
    """Whose a link is to be: it lies in a directory of mode 0700, which may have to be made.

    The container's user looks at that of the placement, whoever's home it is in: ``HOME`` may be the image's.
    """
    if user is not None and user.uid != 0 and link in of_placement:
        return user.uid, user.gid
    return owner_by_home(link, passwd, user)


def _is_its_own(root: ContainerRoot, way: Way) -> bool:
    directory = root.stat(posixpath.dirname(way.config_file or "/"))
    return directory.kind == "directory" and way.reader.uid in (directory.uid, way.root)


def _asked_uid(
    engine: ReadingEngine, spec: AgentSpec, container: Container, passwd: str, processes: Processes | None
) -> int | None:
    """The uid on this host of whom the operator has said to start the agent CLI as, by its entry or ``Config.User``.

    Where ids are mapped that is known of a container that runs. Root needs no right unless it has lost its own. What a
    name means is the container's word, so it does not mean an account of the host's system.
    """
    named = spec.remote_user or container.user
    user = find_container_user(named, passwd)
    if user is None:
        return None
    uid: int | None = None
    if processes is not None:
        asked = processes.beside(user.uid, user.gid, {})
        uid = None if asked.capabilities & MAY_READ_ALL else asked.uid
    elif not container.is_running and user.uid != 0 and engine.is_local and not engine.maps_ids():
        uid = user.uid
    is_number = numeric_id(named.partition(":")[0] or "0") is not None
    return uid if uid is None or is_number or uid >= FIRST_PERSON else None


def _other_secrets(
    spec: AgentSpec, desired: Desired | None, container: Container, root: ContainerRoot | None
) -> tuple[str, ...]:
    """What else the CLI keeps in the file that a file mount shows: it has no place to go when that is taken away."""
    found: set[str] = set()
    for mount in container.mounts:
        if root is not None and is_file_mount(mount, spec, desired):
            found |= set(spec.cli.mirror.other_keys(root.read(mount.target, is_mounted=True)))
    return tuple(sorted(found))


def _mounts(host: Host, root: ContainerRoot | None) -> tuple[Sequence[Mount], Sequence[Mount]]:
    """The mounts of the host and of the container's process; none where that may not be looked at."""
    return (host.mounts(), root.mounts()) if root else ((), ())


def _passwd(engine: ReadingEngine, host: Host, container: Container) -> bytes | None:
    """The passwd file, empty if there is none, by the engine; ``None`` if it is not known.

    To read it, the engine would make sources of binds that are missing. Where these cannot be looked for, a process in
    the container reads it.
    """
    sources = path_binds(container.host_config)
    if sources and not engine.is_local:
        is_running = container.status == "running"
        printed = engine.output(container.id, ("cat", PASSWD)) if is_running else None
        return printed.encode() if printed is not None else None
    if any(host.node(source).kind == "missing" for source in sources):
        return None
    return engine.read_file(container.id, PASSWD) or b""


def _desired(
    spec: AgentSpec, container: Container, passwd: bytes | None
) -> tuple[ContainerUser | None, Desired | None]:
    environment = container.environment
    if passwd is None:
        return None, desired_state(spec, environment, None)
    text = passwd.decode("utf-8", "replace")
    user = find_container_user(container.user, text)
    generated = needed_passwd(spec, container.user, text, environment.get("HOME"))
    return user, desired_state(spec, environment, user.home if user else None, generated)


def _is_mounted(container: Container, path: str) -> bool:
    return any(mount.target == path for mount in container.mounts)


def _bind_source(container: Container, desired: Desired | None) -> str | None:
    """The source of the bind at the desired target."""
    if desired is None:
        return None
    at_target = [mount for mount in container.mounts if mount.target == desired.mount.target]
    return at_target[0].source if at_target and at_target[0].type == "bind" else None


def _link_state(root: ContainerRoot, spec: AgentSpec, container: Container, desired: Desired, link: str) -> LinkState:
    if not _is_mounted(container, link):
        view = root.lstat(link)
        if view.kind == "link":
            target = view.link_target or ""
            if target == desired.link_target(spec.cli):
                return LinkState.OK
            if not is_our_link(target, container.mounts):
                return LinkState.LINK
        if view.kind in ("directory", "other"):
            return LinkState.OTHER
    else:
        view = MISSING
    # The container's own links decide where it would land; on a bind mount that is the host.
    kept = {mount.target: mount for mount in container.mounts if not is_file_mount(mount, spec, desired)}
    holder = root.holder(link, kept)
    if holder != "/" and not (holder in kept and kept[holder].type == "volume" and not kept[holder].read_only):
        return LinkState.ELSEWHERE
    # An empty file is what the engine leaves where a file mount was.
    is_own = view.kind == "file" and view.fingerprint != fingerprint(b"")
    return LinkState.FILE if is_own else LinkState.MISSING


def observed_logins(observed: Observed) -> list[WritableLogin]:
    """The writable host directories in which the agent's CLI keeps its login."""
    container = observed.container
    environment = container.inspected.environment if container else {}
    home = container.user.home if container and container.user else None
    return writable_logins(observed.spec, observed.desired, observed.mounts, environment, home)
