# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand the module what it reads of inline agents, and nothing else: Ansible prints a module's arguments at -vvv."""

from __future__ import annotations

from typing import Any, Mapping

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import CONTAINER_KEYS


def known_keys(agents: Any) -> Any:
    """Inline agents without what belongs to others, as environments with keys in them."""
    if not isinstance(agents, Mapping):
        return agents
    return {name: _known(agent) for name, agent in agents.items()}


def _known(agent: Any) -> Any:
    if not isinstance(agent, Mapping):
        return None  # the module says what is wrong with it, and need not see it
    kept: dict[str, Any] = {}
    if isinstance(agent.get("container"), Mapping):
        kept["container"] = {key: value for key, value in agent["container"].items() if key in CONTAINER_KEYS}
    if "command" in agent:
        kept["command"] = _program(agent["command"])
    return kept


def _program(command: Any) -> Any:
    """The words up to the first that is no assignment: arguments and variables can hold keys."""
    words = command.split() if isinstance(command, str) else command if isinstance(command, (list, tuple)) else []
    programs = [str(word) for word in words if "=" not in str(word).rsplit("/", 1)[-1]]
    kept = []
    for word in programs:
        kept.append(word)
        if word.rsplit("/", 1)[-1] not in ("env", "exec"):
            break
    return kept


class ActionModule(ActionBase):
    """The action of agent_mounts and agent_mounts_info."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if not arguments.get("path") and "agents" not in arguments:
            raise AnsibleActionFail(
                "No agents are configured; set path (agent_containers_path) to the path of agents.json on the managed "
                "host, or agents (agent_containers_agents) to the agents themselves."
            )
        if "agents" in arguments:
            arguments["agents"] = known_keys(arguments["agents"])
        module = self._task.action
        result.update(self._execute_module(module_name=module, module_args=arguments, task_vars=task_vars))
        return result
