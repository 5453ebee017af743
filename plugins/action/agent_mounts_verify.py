# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look by agent_mounts_info, and judge: in one task, for each costs the controller a process for each host."""

from __future__ import annotations

from typing import Any, Mapping

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.agentops.credentials.plugins.action import agent_mounts_info
from ansible_collections.agentops.credentials.plugins.filter.agent_table import agent_table

_BAD = ("fails", "not_proven", "absent")


def problems(result: Mapping[str, Any], allow_absent: bool = False) -> list[str]:
    """A sentence for each agent that cannot work now, or of which that is not proven; none if every agent can work.

    :param result: what agent_mounts_info has returned of the agents.
    """
    agents = list(result["agents"].values())
    faults = [agent["failure"] for agent in agents if agent["failed"]]
    standing = [agent for agent in agents if not agent["failed"]]
    bad = _BAD[:2] if allow_absent else _BAD
    unproven = [] if any(agent["standing"] == "works" for agent in standing) else ["No agent was proven to work."]
    return [*faults, *(agent["judgement"] for agent in standing if agent["standing"] in bad), *unproven]


def judged(result: Mapping[str, Any], allow_absent: bool = False) -> dict[str, Any]:
    """What the module returns, of what agent_mounts_info has returned."""
    if "agents" not in result:
        return {**result, "failed": True}
    found = problems(result, allow_absent)
    return {
        "changed": False,
        "failed": bool(found),
        "msg": [*agent_table(result["agents"]).splitlines(), result["summary"], *found],
        "warnings": result.get("warnings", []),
    }


class ActionModule(agent_mounts_info.ActionModule):
    """The action of agent_mounts_verify."""

    own_options = frozenset(("allow_absent",))

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        allow_absent = boolean(self._task.args.get("allow_absent", False))
        # Shown also when all is well, as what ansible.builtin.assert says.
        return {"_ansible_verbose_always": True, **judged(super().run(tmp, task_vars), allow_absent)}
