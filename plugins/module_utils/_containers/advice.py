# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user should know about an agent as it is, though it does not stop the run. Pure."""

from __future__ import annotations

import posixpath
from typing import Iterable, Mapping

from .._agents.config import AgentSpec
from .._agents.directory import reader_warnings
from .._agents.passwd import PASSWD
from .._catalog.rows import CATALOG
from .exposure import exposed
from .link import link_obstacle
from .observed import Observed, ObservedContainer
from .verdict import Diagnosis
from .ways import Way


def warnings(observed: Observed) -> tuple[str, ...]:
    """What to know about the agent as it is."""
    spec, container = observed.spec, observed.container
    if container is None:
        return (f"{spec.name}: there is no container named {spec.container}; start it, or correct its name.",)
    found = []
    if container.proof_obstacle:
        found.append(
            f"{spec.name}: not proven that the container sees the current directory: {container.proof_obstacle}."
        )
    if container.host_ids is not None:
        found += reader_warnings(spec, observed.directory, *container.host_ids, " of this host")
    effect = (
        f"versions of {spec.cli.name} that do not know {observed.desired.variable} will not find the login"
        if observed.desired and observed.desired.variable
        else f"{spec.cli.name} will not find the login there"
    )
    obstacles = [link_obstacle(observed, link) for link in (observed.desired.links if observed.desired else ())]
    found += [f"{spec.name}: the link is left out, for {obstacle}: {effect}." for obstacle in obstacles if obstacle]
    found += [f"{spec.name}: {exposed(reach)}." for reach in container.exposures if not spec.accepts_exposure]
    found += _power_warnings(spec, container)
    if container.other_secrets:
        found.append(
            f"{spec.name}: the login file in the container holds {', '.join(container.other_secrets)}, too: secrets "
            f"that {spec.cli.name} keeps there (of MCP servers or plugins) are not mirrored, and are gone with the "
            f"file mount."
        )
    return (
        *found,
        *_passwd_warnings(spec, container),
        *_masking_warnings(spec, container),
        *_other_logins(spec, container),
    )


def _other_logins(spec: AgentSpec, container: ObservedContainer) -> list[str]:
    """The file mounts of other agent CLIs, which no agent of the configuration stands for."""
    served = (spec.cli.name, *spec.companions)
    return [
        f"{spec.name}: the container has the login of {cli.name} as a file mount at {mount.target}, too, which stays "
        f"at one inode; add an agent with container.name {spec.container} and container.cli {cli.name}."
        for mount in container.mounts
        for cli in CATALOG.values()
        if mount.type == "bind"
        and cli.name not in served
        and mount.target.endswith(f"/{cli.config_dir}/{cli.credential}")
    ]


_ENGINE_SOCKETS = ("docker.sock", "podman.sock")


def _power_warnings(spec: AgentSpec, container: ObservedContainer) -> list[str]:
    """What makes the container root on the host, so that nothing keeps the login from it."""
    powers = [
        f"{mount.source} is mounted at {mount.target}"
        for mount in container.mounts
        if mount.type == "bind" and (mount.source == "/" or posixpath.basename(mount.source) in _ENGINE_SOCKETS)
    ]
    powers += ["it is privileged"] * bool(container.inspected.host_config.get("Privileged"))
    return [f"{spec.name}: the container is as good as root on the host, for {power}." for power in powers]


def _passwd_warnings(spec: AgentSpec, container: ObservedContainer) -> list[str]:
    user = container.user
    if not spec.cli.passwd or spec.passwd_root is not None or user is None or user.has_entry:
        return []
    return [
        f"{spec.name}: the container runs as uid {user.uid} without an entry in {PASSWD}, and for {spec.cli.name} "
        f"{spec.cli.passwd}; set container.passwd: true and container.home."
    ]


def _masking_warnings(spec: AgentSpec, container: ObservedContainer) -> list[str]:
    environment = container.inspected.environment
    return [
        f"{spec.name}: the container's environment variable {variable} masks the mirrored login; "
        f"start the container without it."
        for variable in spec.cli.masking_variables
        if environment.get(variable)
    ]


def way_advice(diagnosis: Diagnosis, observed: Observed, way: Way, path: str) -> str:
    """How an agent CLI that opens another file than the published login comes to open that.

    :param path: the file; empty where it is not known.
    """
    cli, desired = observed.spec.cli, observed.desired
    if diagnosis.remedy is not None:
        return "run agentops.credentials.site"
    if not path:
        return "set container.home"
    if path == way.store_file:
        return f"start it without {cli.store_variable} of its own"
    obstacle = link_obstacle(observed, path) if desired and path in desired.links else None
    if obstacle:
        return f"no link is made, for {obstacle}; move that away, or have it look elsewhere"
    return "make that file's directory, as its reader's own, and run agentops.credentials.site"


def in_another_engine(absent: Iterable[Observed], elsewhere: Mapping[str, str]) -> list[str]:
    """Whose containers the asked engine lacks, and another has.

    :param elsewhere: container → the address of that other engine.
    """
    return [
        f"{one.spec.name}: a container named {one.spec.container} is in the engine at {elsewhere[one.spec.container]}; "
        f"set docker_host to that."
        for one in absent
        if one.spec.container in elsewhere
    ]
