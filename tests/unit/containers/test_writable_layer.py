"""Files of the writable layer: which count, which may be dropped and are told, which are carried."""

from __future__ import annotations

import pytest

from .. import fakes
from ..world import World
from .situations import add_sidecar, layer_cannot_be_copied, options

IGNORED = ("/tmp", "/var/tmp", "/run", "/var/run", "/var/cache")


def arrange(world: World, path: str, kind: str = "file", labels: dict[str, str] | None = None) -> None:
    world.engine.layer = (path,)
    world.engine.kinds = {path: kind}
    world.engine.named("boss")["Config"]["Labels"] = labels or {}
    options(world, writable_layer_ignore=IGNORED)


@pytest.mark.parametrize(
    ("path", "kind", "environment"),
    [
        ("/run/secrets/github_token", "file", ""),
        ("/run/secrets/x.pid", "file", ""),
        ("/run/agent/settings.json", "file", ""),
        ("/var/run/agent/settings.json", "link", ""),
        ("/run/other", "other", ""),
        ("/tmp/home/.bashrc", "file", "HOME=/tmp/home"),
        ("/tmp/x", "file", "HOME=/tmp"),
        ("/run/user/1000/x.pid", "file", "HOME=/run/user/1000"),
        ("/var/cache/claude/settings.json", "file", "CLAUDE_CONFIG_DIR=/var/cache/claude"),
        ("/var/tmp/codex/auth.json", "file", "CODEX_HOME=/var/tmp/codex"),
    ],
)
def test_what_somebody_would_miss_counts_wherever_it_lies(world: World, path: str, kind: str, environment: str) -> None:
    arrange(world, path, kind)
    if environment:
        world.engine.named("boss")["Config"]["Env"].append(environment)
    assert f"has written files that a recreation would lose ({path})" in world.failure()


def test_the_working_directory_counts_wherever_it_lies(world: World) -> None:
    arrange(world, "/tmp/work/notes")
    world.engine.named("boss")["Config"]["WorkingDir"] = "/tmp/work"
    assert "/tmp/work/notes" in world.failure()


@pytest.mark.parametrize("kind", ["fixed", "file"])
def test_what_compose_has_put_into_a_temporary_directory_counts(world: World, kind: str) -> None:
    """It makes secrets and configs as files that nobody may write."""
    arrange(world, "/tmp/config.json", kind, {"com.docker.compose.service": "agent"})
    result = world.attempt()
    assert bool(result.failures) == (kind == "fixed")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/x", "file"),
        ("/var/cache/apt/x", "file"),
        ("/run/nginx.pid", "file"),
        ("/run/lock/x", "file"),
        ("/run/dbus/pid", "file"),
        ("/var/run/x", "socket"),
        ("/run/sshd", "directory"),
        ("/run/gone", "gone"),
    ],
)
def test_what_is_ignored_is_dropped_and_told(world: World, path: str, kind: str) -> None:
    arrange(world, path, kind)
    (plan,) = world.run().plan.agents
    assert plan.differences[-1] == f"dropped, as writable_layer_ignore says: {path}"


def test_a_place_that_is_named_itself_is_ignored_also_in_a_home(world: World) -> None:
    arrange(world, "/home/claude/.npm/x")
    options(world, writable_layer_ignore=("/home/claude/.npm",))
    world.run()


def test_a_home_that_is_named_itself_counts(world: World) -> None:
    arrange(world, "/home/claude/x")
    options(world, writable_layer_ignore=("/home/claude",))
    assert "/home/claude/x" in world.failure()


def test_what_is_discarded_is_told(world: World) -> None:
    arrange(world, "/home/claude/x")
    options(world, writable_layer="discard")
    (plan,) = world.run().plan.agents
    assert plan.differences[-1] == "dropped, as writable_layer says: /home/claude/x"


def test_carry_carries_what_is_ignored(world: World) -> None:
    arrange(world, "/tmp/x")
    options(world, writable_layer="carry")
    (plan,) = world.run().plan.agents
    assert "copy the writable layer" in "".join(str(one) for one in plan.operations)
    assert not any("dropped" in sentence for sentence in plan.differences)


def test_where_it_could_not_be_carried_what_is_ignored_is_dropped_and_told(world: World) -> None:
    layer_cannot_be_copied(world)
    arrange(world, "/tmp/x")
    options(world, writable_layer="carry", recreate_dependents=True)
    add_sidecar(world)
    (plan,) = world.run().plan.agents
    assert plan.differences[-1] == "dropped, as writable_layer_ignore says: /tmp/x"
    assert world.engine.running() == ["boss", "sidecar"]
    assert fakes.COMMITTED_ID not in str(plan)
