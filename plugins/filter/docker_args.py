# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any, Mapping

DOCUMENTATION = r"""
name: docker_args
author:
  - The agentops.credentials maintainers (@agentops)
short_description: What an agent's container must be started with to have its login
version_added: 0.2.0
description:
  - Serves playbooks and launchers that start their containers themselves.
  - Looks at nothing, and so makes nothing. The credentials directory is made by the role
    P(agentops.credentials.creds_mirror#role). A shared auth directory and a passwd file are made by
    M(agentops.credentials.agent_mounts) with O(agentops.credentials.agent_mounts#module:apply=false).
positional: _input
options:
  _input:
    description: One agent, in the form of C(agents.json), a dictionary with C(container) and optionally C(command).
    type: dict
    required: true
  form:
    description:
      - V(docker_container) gives the options C(mounts) and C(env) of M(community.docker.docker_container).
      - V(run) gives the arguments of C(docker run) and C(podman run), V(engine_api) a part of the body of
        C(POST /containers/create), V(compose) a part of a compose file's service, V(quadlet) the lines of a
        C(.container) file of podman's.
      - V(devcontainer) gives a part of a C(devcontainer.json).
    type: str
    choices: [docker_container, run, engine_api, compose, quadlet, devcontainer]
    default: docker_container
  home:
    description: The home directory on the host of the user whose login it is; C(~/) in paths stands for it.
    type: str
  mirrored:
    description:
      - The host's mirrors, as a dictionary from source to credentials directory.
      - The default is what the role P(agentops.credentials.creds_mirror#role) makes by default in O(home).
    type: dict
  catalog:
    description: Rows of the catalogue of agent CLIs to override or to add.
    type: dict
    default: {}
  shared_root:
    description: The directory that holds the shared auth directories.
    type: str
    default: ~/.local/share/agentops/agent-auth
"""

EXAMPLES = r"""
- name: Start an agent container that has the login
  community.docker.docker_container:
    name: boss
    image: my-agent
    mounts: "{{ wanted.mounts }}"
    env: "{{ wanted.env }}"
  vars:
    boss: {container: {credentials_host_dir: ~/.config/claude-hooks/claude-credentials}}
    wanted: "{{ boss | agentops.credentials.docker_args(home='/home/dev') }}"
"""

RETURN = r"""
_value:
  description: A list with O(form=run) and O(form=quadlet), else a dictionary.
  type: raw
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import (
    ConfigContext,
    parse,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.launchers import (
    desired_without_container,
    devcontainer_part,
    launcher_faults,
    launcher_fragments,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.placement import Desired
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.mirror_paths import (
    MIRROR_ROOT,
    SHARED_ROOT,
    mirrored_directories,
)
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.override import with_overrides
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG


def _desired(agent: Mapping[str, Any], context: ConfigContext) -> Desired:
    """:raises ConfigError: the agent is not well described, or its place in the container is not known."""
    found = parse({"agents": {"agent": agent}}, context)
    if found.faults or not found.agents:
        raise ConfigError(*found.faults.get("agent", ()), *found.notes)
    desired = desired_without_container(found.agents[0])
    faults = launcher_faults(found.agents[0])
    if faults or desired is None:
        raise ConfigError(*faults)
    return desired


def docker_args(
    agent: Mapping[str, Any],
    form: str = "docker_container",
    home: str | None = None,
    mirrored: Mapping[str, str] | None = None,
    catalog: Mapping[str, Any] | None = None,
    shared_root: str = SHARED_ROOT,
) -> Any:
    """The mount and environment of one agent in the form asked for."""
    try:
        rows = with_overrides(CATALOG, catalog or {})
        context = ConfigContext("the agent", home or "", mirrored or {}, rows, shared_root)
        if mirrored is None and home:
            usual = mirrored_directories(rows.values(), MIRROR_ROOT, {}, home)
            context = ConfigContext("the agent", home, usual, rows, shared_root)
        desired = _desired(dict(agent), context)
    except ConfigError as error:
        raise AnsibleFilterError(f"docker_args: {error}") from error
    fragments = launcher_fragments(desired)
    if form == "docker_container":
        mounts = [
            {"type": "bind", "source": one.source, "target": one.target, "read_only": one.read_only}
            for one in desired.mounts
        ]
        return {"mounts": mounts, "env": dict(desired.variables)}
    if form == "devcontainer":
        return devcontainer_part(desired, agent["container"].get("user"))
    if form not in ("run", "engine_api", "compose", "quadlet"):
        raise AnsibleFilterError(
            f"docker_args: the form {form} is not known; use docker_container, run, engine_api, compose, quadlet"
            " or devcontainer."
        )
    return fragments["docker_args" if form == "run" else form]


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"docker_args": docker_args}
