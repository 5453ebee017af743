#!/usr/bin/python
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_mounts
author:
  - The agentops.credentials maintainers (@agentops)
short_description: Give agent containers their credentials directory, read-only
version_added: 0.1.0
description:
  - Reads the agents' configuration, looks at the agents' containers, and makes each of them show its agent's
    credentials directory as a read-only directory mount, so that a new login on the host is seen without a restart.
  - A bind mount of the credential B(file) pins the file's inode and is replaced.
  - The engine cannot change the mounts of an existing container, so a container that drifted is recreated,
    with everything else of it kept. If any step fails, the old container is put back in place.
  - Each agent is served for itself. What is wrong with one, be it a fault of its entry, a refusal or a failure, is a
    sentence that names it; the others are served, and the module fails at its end with all of these sentences. Only a
    configuration that cannot be read, or is none, and an engine that does not answer stop everything.
extends_documentation_fragment:
  - agentops.credentials.attributes
  - agentops.credentials.engine
attributes:
  check_mode:
    details:
      - Plans the same operations as a real run and returns them in RV(ignore:plan).
  diff_mode:
    support: full
    description: Returns details on what has changed, or would change in C(check_mode), when in diff mode.
    details:
      - Shows every field of the create request that differs, with the values of environment variables masked.
options:
  state:
    description:
      - V(present) gives every agent its directory mount.
      - V(absent) takes it, and the environment variable that belongs to it, away again.
    type: str
    choices: [present, absent]
    default: present
  apply:
    description:
      - V(false) looks at no container and needs no engine. The configuration is validated and each mount is
        returned, for launchers that start their containers themselves.
    type: bool
    default: true
  manifest:
    description:
      - Path of a file to write for launchers, with C(container), C(cli), C(mode), C(reload), C(start), C(directory),
        C(target), C(docker_args), C(engine_api), C(compose), C(quadlet) and C(devcontainer) of each agent that is
        served. V(~), V(~user) and variables are expanded.
      - It is written with the rights of the user whose home O(home) is; root writes it only where every parent
        directory is root's.
    version_added: 1.0.0
    type: path
  require_all:
    description: Fail if the container of an agent does not exist. Otherwise its verdict is V(absent).
    type: bool
    default: false
  recreate_stopped:
    description:
      - Recreate stopped containers too. They stay stopped.
      - Otherwise they are left as they are and a warning tells so.
    type: bool
    default: false
  recreate_dependents:
    description:
      - Recreate the containers that use the network, process or ipc namespace of an agent's container with it.
      - Otherwise such a container is a reason to refuse. One that is linked to the agent's container always is.
    type: bool
    default: false
  accept_replaced_files:
    description:
      - A file that a container has mounted writable, and that was since replaced on the host by one of other content,
        is a reason to refuse, for the new container would have the host's, and what the old one wrote is lost.
      - V(true) goes on with the host's file, and tells it in C(differences). So is a file always that is mounted
        read-only, or that has the same content.
    version_added: 1.0.0
    type: bool
    default: false
  writable_layer:
    description:
      - What to do with files that the container has written outside of its mounts, and that a recreation would lose.
      - V(refuse) fails and names some of them.
      - V(carry) keeps them. With the storage driver overlay2, an engine on this host, and root they are copied to the
        new container, exactly.
      - Otherwise V(carry) makes an image of the old container (C(docker commit)) and the new container from it. The
        plan says so and why. The new container's image is then C(agentops-carried:NAME-ID), and extended attributes
        C(user.*) are lost. It is refused for containers that depend on each other.
      - V(discard) loses them.
    type: str
    choices: [refuse, carry, discard]
    default: refuse
  writable_layer_ignore:
    description:
      - Directories in the container whose written files need not be kept.
      - In C(/run) and C(/var/run) this means sockets, pid files, locks and empty directories only.
      - Secrets and configs of docker compose, the home, the config directory of an agent CLI and the working directory
        count wherever they lie, unless a directory in them is named here.
      - What is dropped stands in RV(agents.differences); O(writable_layer=carry) carries it.
    type: list
    elements: path
    default: [/tmp, /var/tmp, /run, /var/run, /var/cache]
  max_parallel:
    description:
      - How many containers may be recreated at once. With V(1) one agent after another is without its container for the
        time of a restart.
    type: int
    default: 1
  wait_for:
    description:
      - When a recreated container counts as started. V(healthy) waits for its health check, where it has one.
    type: str
    choices: [running, healthy]
    default: running
  wait_timeout:
    description: Seconds to wait for O(wait_for), until the old container is put back.
    type: int
    default: 60
seealso:
  - module: agentops.credentials.agent_mounts_info
  - module: community.docker.docker_container
    description: Declares whole containers. It recreates from its own parameters and loses what they do not state.
"""

EXAMPLES = r"""
- name: Give the agents of agents.json their credentials directories
  agentops.credentials.agent_mounts:
    path: /home/dev/claude-hooks/config/agents.json
    home: /home/dev
    mirrored:
      /home/dev/.claude/.credentials.json: /home/dev/.config/claude-hooks/claude-credentials

- name: Only tell launchers what to mount
  agentops.credentials.agent_mounts:
    path: /home/dev/claude-hooks/config/agents.json
    home: /home/dev
    apply: false
  register: launchers

- name: Say once for all tasks of a play which engine is meant
  hosts: workstation
  module_defaults:
    group/agentops.credentials.agents:
      docker_host: tcp://192.0.2.23:2376
      validate_certs: true
      ca_path: /etc/docker/ca.pem
  roles:
    - agentops.credentials.agent_containers

- name: The same for one agent, inline, keeping what its container has written
  agentops.credentials.agent_mounts:
    agents:
      reviewer:
        container:
          name: reviewer-1
          credentials_host_dir: /home/dev/.config/claude-hooks/claude-credentials
    writable_layer: carry
"""

RETURN = r"""
sdk_missing:
  description: Whether the module failed because this host lacks the Docker SDK for Python, so that nothing was done.
  returned: if that is so
  type: bool
agents:
  description: One dictionary for each agent, by its name.
  returned: always, unless the configuration or the engine cannot be read
  type: dict
  contains:
    failed:
      description: Whether this agent is not served. The module fails at its end if that is so for any agent.
      type: bool
    failure:
      description: >-
        Why, and how to fix it. V(none) unless C(failed). An agent whose entry has a fault has no other keys.
      type: str
    container:
      description: Name of the agent's container.
      type: str
      sample: boss
    cli:
      description: The agent CLI.
      type: str
      sample: claude
    directory:
      description: The credentials directory on the host, symbolic links resolved.
      type: str
      sample: /home/dev/.config/claude-hooks/claude-credentials
    target:
      description: Where the container shows it.
      type: str
      sample: /run/agent-credentials/claude
    mode:
      description: V(mirror) or V(shared).
      type: str
    reload:
      description: >-
        When a running process of the agent CLI uses a new login, V(request) (at its next request), V(rejected) (after
        the server has answered 401) or V(process) (never, only a new process does).
      type: str
    start:
      description: What must be done besides the mount so that the agent CLI finds the mirrored login, or V(null).
      type: str
    shares_login_with:
      description: The other agents whose containers can write the same login. Not with O(apply=false).
      type: list
      elements: str
    verdict_before:
      description: >-
        What was found, one of V(ok), V(file_mount), V(wrong_source), V(writable), V(missing), V(stale), V(absent).
      type: str
      sample: file_mount
    verdict_after:
      description: The same after the run. In check mode what is expected after a real run.
      type: str
      sample: ok
    reasons:
      description: Why the verdict is what it is.
      type: list
      elements: str
    proven:
      description: >-
        Whether it was seen in the container's own mount namespace, before the run, which directory the process sees.
      type: bool
    operations:
      description: The operations of the plan, each with its cause.
      type: list
      elements: str
      sample:
        - "boss: create boss.am-new (missing; nothing is mounted at /run/agent-credentials/claude)"
    deferred:
      description: Whether nothing was done now because the agent's C(only_when_idle) did not end with 0.
      type: bool
    differences:
      description: What the recreation cannot keep.
      type: list
      elements: str
    mounts:
      description: The container's mounts before the run.
      type: list
      elements: dict
    engine_api:
      description: The same for the body of C(POST /containers/create) of the Engine API.
      type: dict
    compose:
      description: The same for a service of a compose file.
      type: dict
    quadlet:
      description: The same as lines of a C(.container) file of podman's, in the section C([Container]).
      type: list
      elements: str
    devcontainer:
      description: The same for a C(devcontainer.json), as C(mounts), C(containerEnv) and C(remoteUser).
      type: dict
    docker_args:
      description: The arguments of C(docker run), and C(podman run), that give a new container the same mount.
      type: list
      elements: str
      sample:
        - --mount
        - type=bind,source=/home/dev/claude-credentials,target=/run/agent-credentials/claude,readonly
        - --env
        - CLAUDE_SECURESTORAGE_CONFIG_DIR=/run/agent-credentials/claude
    warnings:
      description: What should be known of this agent.
      type: list
      elements: str
prepared:
  description: What was made on the host for agents with C(mode) shared or C(passwd), one line each.
  returned: success
  type: list
  elements: str
plan:
  description: All operations, one on a line, in their order. Empty if nothing is to be done.
  returned: success, unless O(apply=false)
  type: str
recovered:
  description: The operations that put an earlier run which was cut off in order.
  returned: success, unless O(apply=false)
  type: list
  elements: str
"""

import contextlib
import signal
from types import FrameType
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.agentops.credentials.plugins.module_utils import _agents_module
from ansible_collections.agentops.credentials.plugins.module_utils._agents.provide import (
    Provider,
    write_manifest,
)
from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import AgentMountsError, RunEnded
from ansible_collections.agentops.credentials.plugins.module_utils._base.printable import printable_data
from ansible_collections.agentops.credentials.plugins.module_utils._containers import (
    for_launchers,
    isolation,
    report,
    run,
)
from ansible_collections.agentops.credentials.plugins.module_utils._containers.advice import in_another_engine
from ansible_collections.agentops.credentials.plugins.module_utils._containers.options import Options
from ansible_collections.agentops.credentials.plugins.module_utils._containers.ports import Session
from ansible_collections.agentops.credentials.plugins.module_utils._engine.owner import socket_path
from ansible_collections.agentops.credentials.plugins.module_utils._host import lock

_LOCK_TIMEOUT = 120  # seconds: a run on a few containers takes much less
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _end_run(number: int, frame: FrameType | None) -> None:
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_IGN)  # the rollback is not to be cut off too
    raise RunEnded(f"the run was ended by signal {number}")


def _locked(module: AnsibleModule, session: Session) -> contextlib.AbstractContextManager[None]:
    socket = socket_path(module.params["docker_host"])
    return lock.exclusive(_LOCK_TIMEOUT, session.engine.identity(), socket)


def _run(module: AnsibleModule, options: Options) -> dict[str, Any]:
    """What to return, and beside it the warnings, as plain data."""
    request = _agents_module.request(module, options)
    provider = Provider(request.context.home)
    if module.params["apply"]:
        host = _agents_module.host_of(request.context.home)
        session = Session(_agents_module.engine(module), host, provider)
        with _locked(module, session) if not module.check_mode else contextlib.nullcontext():
            result = run.reconcile(request, session)
        returned = report.run_result(result)
        absent = [plan.observed for plan in result.plan.agents if plan.observed.container is None]
        elsewhere = _agents_module.in_other_engines(module, {observed.spec.container for observed in absent})
        warnings = [*result.warnings, *in_another_engine(absent, elsewhere)]
    else:
        agents, result = for_launchers.prepare_for_launchers(
            request, _agents_module.host_of(request.context.home), provider
        )
        returned, warnings = report.launchers_result(agents, result), list(result.warnings)
    changes = Changes(module.check_mode)
    if module.params["manifest"]:
        text = report.manifest(returned["agents"])
        write_manifest(module.params["manifest"], text, request.context.home, changes)
        returned["changed"] = returned["changed"] or bool(changes.changes)
    return {
        "warnings": warnings,
        "returned": {**returned, "diff": provider.diff + report.diff(result) + changes.diff},
    }


def main() -> None:
    module = _agents_module.make_module(
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        apply={"type": "bool", "default": True},
        manifest={"type": "path"},
        require_all={"type": "bool", "default": False},
        recreate_stopped={"type": "bool", "default": False},
        recreate_dependents={"type": "bool", "default": False},
        accept_replaced_files={"type": "bool", "default": False},
        writable_layer={"type": "str", "choices": ["refuse", "carry", "discard"], "default": "refuse"},
        writable_layer_ignore={
            "type": "list",
            "elements": "path",
            "default": ["/tmp", "/var/tmp", "/run", "/var/run", "/var/cache"],
        },
        max_parallel={"type": "int", "default": 1},
        wait_for={"type": "str", "choices": ["running", "healthy"], "default": "running"},
        wait_timeout={"type": "int", "default": 60},
    )
    params = module.params
    options = Options(
        state=params["state"],
        writable_layer=params["writable_layer"],
        writable_layer_ignore=tuple(params["writable_layer_ignore"]),
        recreate_stopped=params["recreate_stopped"],
        recreate_dependents=params["recreate_dependents"],
        accept_replaced_files=params["accept_replaced_files"],
        wait_for=params["wait_for"],
        wait_timeout=params["wait_timeout"],
    )
    if params["apply"]:
        _agents_module.require_sdk(module)
    if params["max_parallel"] < 1:
        module.fail_json(msg="max_parallel is less than 1; set it to how many containers may be recreated at once.")
    for number in _SIGNALS:
        signal.signal(number, _end_run)
    try:
        if params["apply"]:
            done = _agents_module.with_rights_of_engine(
                module, lambda: _run(module, options), _SIGNALS, run.change_of_containers
            )
        else:
            done = _run(module, Options())
    except (AgentMountsError, RunEnded) as error:
        module.fail_json(msg=printable_data(str(error)))
    returned = printable_data(done["returned"])
    for warning in done["warnings"]:
        module.warn(warning)
    message = isolation.failure_message(returned["agents"])
    if message:
        module.fail_json(msg=message, **returned)
    module.exit_json(**returned)


if __name__ == "__main__":
    main()
