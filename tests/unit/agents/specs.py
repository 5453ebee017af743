"""Agents as they are configured, made of the fields that a test is about."""

from __future__ import annotations

from typing import Any

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import AgentSpec, ConfigContext, parse

CONTEXT = ConfigContext("agents.json", "/h")
SHARED_ROOT = "/h/.local/share/agentops/agent-auth"


def spec(**container: Any) -> AgentSpec:
    found = parse({"agents": {"boss": {"container": container}}}, CONTEXT)
    assert found.faults == ()
    return found.agents[0]
