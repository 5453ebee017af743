# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand the module what it reads of inline agents, and nothing else: Ansible prints a module's arguments at -vvv.

In the role, its variables are the module's options.
"""

from __future__ import annotations

from typing import Any, Mapping

from ansible.plugins.action import ActionBase

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import CONTAINER_KEYS
from ansible_collections.agentops.credentials.plugins.module_utils._base.near import nearest
from ansible_collections.agentops.credentials.plugins.plugin_utils.role_options import MOUNTS, mounts_options
from ansible_collections.agentops.credentials.plugins.plugin_utils.variables import (
    in_words_of_the_role,
    is_in_role,
    misspelt_in_role,
)


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
        container = agent["container"]
        kept["container"] = {key: value for key, value in container.items() if key in CONTAINER_KEYS}
        # The module warns of these; it needs the name alone.
        kept["container"].update(dict.fromkeys(key for key in container if nearest(str(key), CONTAINER_KEYS)))
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


def _without_agents(arguments: Mapping[str, Any], prefix: str) -> str:
    if arguments.get("path") or "agents" in arguments:
        return ""
    return (
        f"No agents are configured; set {prefix}path to the path of agents.json on the managed host, "
        f"or {prefix}agents to the agents themselves."
    )


class ActionModule(ActionBase):
    """The action of agent_mounts, and what the actions of the modules that look alone share with it."""

    TRANSFERS_FILES = False
    module = "agentops.credentials.agent_mounts"
    role_options: tuple[str, ...] = MOUNTS
    needs_agents = True
    own_options: frozenset[str] = frozenset()
    """What the action itself reads, and the module does not know."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        in_role = is_in_role(task_vars)
        arguments = {name: value for name, value in self._task.args.items() if name not in self.own_options}
        # Returned, not raised: ansible-core before 2.19 has words of its own for an exception.
        fault = misspelt_in_role(task_vars)
        if in_role and not fault:
            given = mounts_options(self.role_options, task_vars, self._templar.template)
            arguments = {**given, **arguments}
            if self.needs_agents and not arguments.get("agents"):
                arguments.pop("agents", None)
        fault = fault or _without_agents(arguments, "agent_containers_" * in_role)
        if fault:
            return {**result, "failed": True, "msg": fault}
        if "agents" in arguments:
            arguments["agents"] = known_keys(arguments["agents"])
        result.update(self._execute_module(module_name=self.module, module_args=arguments, task_vars=task_vars))
        return in_words_of_the_role(result, arguments.keys()) if in_role else result
