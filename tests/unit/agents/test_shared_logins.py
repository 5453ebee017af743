"""Which agents write the same login."""

from __future__ import annotations

from ansible_collections.agentops.credentials.plugins.module_utils._agents.shared_logins import writable_logins
from ansible_collections.agentops.credentials.plugins.module_utils._containers.inspect_agents import inspect_agents
from ansible_collections.agentops.credentials.plugins.module_utils._engine.mounts import MountSpec

from ..world import World
from .specs import spec

SHARED = "/home/dev/.local/share/agentops/agent-auth/claude/.claude"


def test_the_agents_that_write_one_login_are_told(world: World) -> None:
    world.agents = {
        name: {"container": {"mode": "shared", "home": "/home/claude"}} for name in ("boss", "dev", "reviewer")
    }
    world.agents["reviewer"]["container"]["cli"] = "codex"
    seen = inspect_agents(world.request(), world.engine, world.host)
    assert seen.shares_login_with == {"boss": ("dev",), "dev": ("boss",)}
    assert (
        f"boss: shares the writable login {SHARED} with dev: each of them may refresh it" in seen.agents[0].warnings[-1]
    )


def test_a_writable_mount_of_the_config_directory_is_a_shared_login_too() -> None:
    mounts = (MountSpec("bind", "/h/.claude", "/home/a/.claude", False), MountSpec("bind", "/x", "/y", False))
    one = spec(credentials_host_dir="/c")
    (login,) = writable_logins(one, None, mounts, {}, "/home/a")
    assert login.directory == "/h/.claude"
