# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Mapping

DOCUMENTATION = r"""
name: agent_problems
author:
  - The agentops.credentials maintainers (@agentops)
short_description: What a person must do before every agent can work
version_added: 0.3.0
description:
  - Tells of each agent that cannot work now, or of which that is not proven, why, and what to do.
positional: _input
options:
  _input:
    description: What M(agentops.credentials.agent_mounts_info) returned.
    type: dict
    required: true
  allow_absent:
    description: Whether an agent without a container is no problem. That none at all was proven to work is one still.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at the agents
  agentops.credentials.agent_mounts_info:
    path: /home/dev/agents.json
  register: result

- name: Require that they can work
  ansible.builtin.assert:
    that: result | agentops.credentials.agent_problems == []
"""

RETURN = r"""
_value:
  description: A sentence for each problem, those of agents with a fault in their configuration first.
  type: list
  elements: str
"""

_BAD = ("fails", "not_proven", "absent")


def agent_problems(result: Mapping[str, Any], allow_absent: bool = False) -> list[str]:
    """A sentence for each problem; none if every agent can work."""
    if "agents" not in result:
        return [result.get("msg") or "The agents could not be looked at."]
    agents = list(result["agents"].values())  # an iterator in ansible-core 2.19
    faults = [agent["failure"] for agent in agents if agent["failed"]]
    judged = [agent for agent in agents if not agent["failed"]]
    bad = _BAD[:2] if allow_absent else _BAD
    unproven = [] if any(agent["standing"] == "works" for agent in judged) else ["No agent was proven to work."]
    return [*faults, *(agent["judgement"] for agent in judged if agent["standing"] in bad), *unproven]


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"agent_problems": agent_problems}
