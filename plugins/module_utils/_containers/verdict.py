# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge: the verdict on an agent's mounts, and what the user should know of them. Pure."""

from __future__ import annotations

import posixpath
from typing import Iterable

from .._agents.config import AgentSpec, reader_warnings
from .._agents.placement import (
    PASSWD,
    Placed,
    earlier_targets,
    earlier_variables,
    environment_of,
)
from .._base.paths import is_below, normalise
from .._engine.mounts import MountSpec
from .plan import Judgement, Observed, Options


def is_file_mount(mount: MountSpec, spec: AgentSpec, placed: Placed | None) -> bool:
    """Whether ``mount`` shows the credential as a file, which pins the file's inode."""
    cli = spec.cli
    usual = f"/{cli.config_dir}/{cli.credential}"
    places = [posixpath.join(placed.mount.target, cli.file), placed.link] if placed else []
    return mount.type == "bind" and (
        mount.source in spec.former_files or mount.target.endswith(usual) or mount.target in places
    )


def judge(observed: Observed, options: Options) -> Judgement:
    """The verdict on one agent's mounts."""
    spec, placed = observed.spec, observed.placed
    if observed.id is None:
        return Judgement("absent", (f"there is no container named {spec.container}",))
    if placed is None:
        return Judgement("missing", ("the place for the directory is not known",))
    target = placed.mount.target
    at_target = next((mount for mount in observed.mounts if mount.target == target), None)
    is_ours = at_target is not None and at_target.type == "bind" and observed.mount_source == observed.directory.path
    if options.state == "absent":
        if is_ours:
            generated = [
                mount.target
                for mount in observed.mounts
                if mount.target == PASSWD and spec.passwd_root and is_below(mount.source, spec.passwd_root)
            ]
            return Judgement("ok", ("the directory mount is to be taken away",), "recreate", (target, *generated))
        return Judgement("missing")

    environment = environment_of((observed.container or {}).get("Config", {}).get("Env"))
    files = tuple(mount.target for mount in observed.mounts if is_file_mount(mount, spec, placed))
    earlier = earlier_targets(spec.cli, placed, observed.mounts)
    unset = earlier_variables(spec.cli, placed, environment)
    unmounted = tuple(dict.fromkeys((*files, *earlier, *((target,) if at_target else ()))))

    def recreate(verdict: str, *reasons: str) -> Judgement:
        return Judgement(verdict, reasons, "recreate", unmounted, unset)

    if files:
        return recreate("file_mount", *(f"{path} is a file mount, which stays at one inode" for path in files))
    if at_target is None:
        return recreate("missing", f"nothing is mounted at {target}")
    if not is_ours:
        return recreate("wrong_source", f"{at_target.source} is mounted at {target}")
    if not at_target.read_only and placed.mount.read_only:
        return recreate("writable", f"the mount at {target} is writable")
    if at_target.read_only and not placed.mount.read_only:
        return recreate("missing", f"the mount at {target} is read-only, and a shared login is written there")
    if observed.container is not None:
        lacking = [
            f"{name} is not set to {value}" for name, value in placed.variables if environment.get(name) != value
        ]
        if lacking:
            return recreate("missing", *lacking)
    if placed.passwd is not None:
        return recreate("missing", f"the container's uid has no entry in {PASSWD}")
    if earlier or unset:
        return recreate(
            "wrong_source", *(f"{what} is left of another mode or placement" for what in (*earlier, *unset))
        )
    if observed.seen is not None and observed.seen != observed.directory.identity:
        return Judgement("stale", (f"{target} is another directory than {observed.directory.path} now",), "restart")
    if observed.link_state == "missing" and link_obstacle(observed) is None:
        return Judgement("missing", (f"{placed.link} is not a link to the directory",), "link")
    return Judgement("ok")


def _holder(path: str, mounts: Iterable[MountSpec]) -> MountSpec | None:
    """The mount on which ``path`` of a container lies, ``None`` for its own layer."""
    holders = [mount for mount in mounts if mount.target == path or is_below(path, mount.target)]
    return max(holders, key=lambda mount: len(mount.target), default=None)


def link_holder(observed: Observed) -> MountSpec | None:
    """The mount on which the link of the placement lies; ``None`` for the container's own layer."""
    placed = observed.placed
    if placed is None or placed.link is None:
        return None
    kept = [mount for mount in observed.mounts if not is_file_mount(mount, observed.spec, placed)]
    if observed.container is not None:  # .Mounts does not tell of --tmpfs
        hidden = observed.container["HostConfig"].get("Tmpfs") or ()
        kept += [MountSpec("tmpfs", "", normalise(path), False) for path in hidden]
    return _holder(placed.link, kept)


def link_obstacle(observed: Observed) -> str | None:
    """Why the link of the placement is not made; ``None`` when nothing is against it."""
    placed = observed.placed
    if placed is None or placed.link is None:
        return None
    holder = link_holder(observed)
    if holder is not None and (holder.type != "volume" or holder.read_only):
        return f"{placed.link} lies on a {'read-only ' if holder.read_only else ''}{holder.type} mount"
    if observed.container is not None and observed.container["HostConfig"].get("ReadonlyRootfs") and holder is None:
        return f"{placed.link} lies on a read-only root file system"
    if observed.link_state == "file":
        return f"{placed.link} is a file of the container's own"
    return None


def warnings(observed: Observed) -> tuple[str, ...]:
    """What the user should know about an agent, though it does not stop the run."""
    spec, name = observed.spec, observed.spec.name
    found = []
    if observed.unproven:
        found.append(f"{name}: not proven that the container sees the current directory: {observed.unproven}.")
    user = observed.user
    if user is not None:
        found += reader_warnings(spec, observed.directory, user.uid, user.gid)
    obstacle = link_obstacle(observed)
    if obstacle:
        effect = (
            f"versions of {spec.cli.name} that do not know {observed.placed.variable} will not find the login"
            if observed.placed and observed.placed.variable
            else f"{spec.cli.name} will not find the login"
        )
        found.append(f"{name}: the link is left out, for {obstacle}: {effect}.")
    if observed.container is not None:
        variables = environment_of(observed.container["Config"].get("Env"))
        is_lookup_needed = spec.cli.passwd and spec.passwd_root is None and user is not None and not user.has_entry
        if is_lookup_needed:
            found.append(
                f"{name}: the container runs as uid {user.uid if user else '?'} without an entry in {PASSWD}, and for "
                f"{spec.cli.name} {spec.cli.passwd}; set container.passwd: true and container.home."
            )
        for variable in spec.cli.masking_variables:
            if variables.get(variable):
                found.append(
                    f"{name}: the container's environment variable {variable} masks the mirrored login; "
                    f"start the container without it."
                )
    return tuple(found)


def start_warnings(spec: AgentSpec) -> tuple[str, ...]:
    """What the mount alone does not do for the agent CLI."""
    if spec.is_shared or not spec.cli.start:
        return ()
    return (f"{spec.name}: the mount alone does not log {spec.cli.name} in: {spec.cli.start}.",)


def compose_warnings(observed: Observed, judgement: Judgement) -> tuple[str, ...]:
    """What would bring the old mounts of a container back that is recreated but was made by compose."""
    labels = (observed.container or {}).get("Config", {}).get("Labels") or {}
    service = labels.get("com.docker.compose.service")
    placed = observed.placed
    if not service or placed is None:
        return ()
    files = labels.get("com.docker.compose.project.config_files", "its compose file")
    old = f"replace the volume at {' and '.join(judgement.unmounted)} by" if judgement.unmounted else "add the volume"
    return (
        f"{observed.spec.name}: docker compose made this container; in services.{service}.volumes of {files} {old} "
        f"{placed.mount.source}:{placed.mount.target}:ro (see compose in the result), or the next change of that "
        f"service brings the old mounts back.",
    )
