"""A configuration that names a directory by its former place means the directory where it is now."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import (
    AgentSpec,
    ConfigContext,
    parse,
)
from ansible_collections.agentops.credentials.plugins.module_utils._agents.host_needs import former_place, host_needs

HOOKS = "/home/dev/.config/claude-hooks/claude-credentials"
SHARED = "/home/dev/.local/share/agentops/agent-auth"
TOP = "/var/lib/agentops-credentials/dev"
LOGIN = "/home/dev/.claude/.credentials.json"


def spec(place: str, **container: Any) -> AgentSpec:
    places = {f"{TOP}/claude-credentials": HOOKS, f"{TOP}/agent-auth": SHARED}
    if place == "home":
        places = {old: new for new, old in places.items()}
    mirror, shared = places
    context = ConfigContext("agents.json", "/home/dev", {LOGIN: mirror}, shared_root=shared, former_places=places)
    found = parse({"agents": {"boss": {"container": container}}}, context)
    assert found.faults == {}
    return found.agents[0]


@pytest.mark.parametrize(("place", "now", "former"), [("system", TOP, ""), ("home", "", TOP)])
@pytest.mark.parametrize(
    "container",
    [
        {"credentials_host_dir": "~/.config/claude-hooks/claude-credentials"},  # as claude-hooks#57 has it
        {"credentials_host_dir": f"{TOP}/claude-credentials"},
        {"credentials_host_path": "~/.claude/.credentials.json"},
    ],
)
def test_either_name_of_a_mirrors_directory_means_where_it_is(
    container: dict[str, Any], place: str, now: str, former: str
) -> None:
    found = spec(place, **container)
    assert found.directory == (f"{now}/claude-credentials" if now else HOOKS)
    assert found.former == (f"{former}/claude-credentials" if former else HOOKS)
    assert {f"{HOOKS}/.credentials.json", f"{TOP}/claude-credentials/.credentials.json", LOGIN} == set(
        found.old_login_files
    )


@pytest.mark.parametrize("container", [{}, {"credentials_host_dir": "~/.local/share/agentops/agent-auth/codex/.codex"}])
def test_a_shared_directory_follows_the_place(container: dict[str, Any]) -> None:
    found = spec("system", mode="shared", cli="codex", **container)
    assert (found.directory, found.former) == (f"{TOP}/agent-auth/codex/.codex", f"{SHARED}/codex/.codex")
    needs = host_needs(found, None, "")
    assert needs is not None and needs.former == found.former
    former = former_place(found)
    assert former is not None and former.file is None


def test_a_directory_of_the_users_own_does_not_depend_on_the_place() -> None:
    found = spec("system", credentials_host_dir="~/mine")
    assert (found.directory, found.former, former_place(found)) == ("/home/dev/mine", None, None)
