# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any, Mapping

DOCUMENTATION = r"""
name: agent_table
author:
  - The agentops.credentials maintainers (@agentops)
short_description: The agents of agent_mounts_info as a table for a person
version_added: 0.1.0
description:
  - Tells for each agent whether it can work now, and what its container sees of the host's login, by inodes and
    fingerprints.
positional: _input
options:
  _input:
    description: The return value C(agents) of M(agentops.credentials.agent_mounts_info).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the agents
  ansible.builtin.debug:
    msg: "{{ result.agents | agentops.credentials.agent_table }}"
"""

RETURN = r"""
_value:
  description: Lines of text, the first is the heading.
  type: str
"""

HEADING = (
    "AGENT",
    "CONTAINER",
    "VERDICT",
    "MOUNT",
    "DIRECTORY host/inside",
    "FILE host/inside",
    "LOGIN host/inside",
    "CAN WORK",
)


def _row(name: str, agent: Mapping[str, Any]) -> tuple[str, ...]:
    if "published" not in agent:
        return (name, agent.get("failure") or "FAILED", *("-" for _column in HEADING[2:-1]), "NO")
    published, inside = agent["published"], agent["inside"] or {}
    works = {"works": "yes", "fails": "NO", "not_proven": "not proven"}.get(agent["standing"], "-")

    mount = "-"
    if inside.get("directory_inode"):
        mount = "directory, read-only" if inside["read_only"] else "directory, WRITABLE"
    elif agent["verdict"] == "file_mount":
        mount = "FILE"

    def pair(host: Any, container: Any) -> str:
        return f"{host or '-'} / {container or '-'}"

    return (
        name,
        f"{agent['container']} ({agent['state']})",
        agent["verdict"],
        mount,
        pair(agent["directory_inode"], inside.get("directory_inode")),
        pair(published["inode"], inside.get("inode")),
        pair(published["fingerprint"], inside.get("fingerprint")),
        works,
    )


def agent_table(agents: Mapping[str, Mapping[str, Any]]) -> str:
    """A heading and one line for each agent, in aligned columns."""
    rows = [HEADING, *(_row(name, agent) for name, agent in agents.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADING))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


class FilterModule:
    """The collection's filters."""

    def filters(self) -> dict[str, Any]:
        return {"agent_table": agent_table}
