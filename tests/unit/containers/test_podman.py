"""Podman behind a socket like Docker's: what it runs is looked at, and left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._containers.verdict import Verdict

from .. import fakes
from ..world import World
from .situations import options

TARGET = "/run/agent-credentials/claude"
LINES = (
    f"Mount=type=bind,source={fakes.DIRECTORY},target={TARGET},ro and "
    f"Environment=CLAUDE_SECURESTORAGE_CONFIG_DIR={TARGET}"
)
FILE = "/home/claude/.claude/.credentials.json"


@pytest.fixture
def podman(world: World) -> World:
    world.engine.calls_itself = "Podman Engine"
    return world


def has_the_mount(podman: World) -> None:
    """As after a start with the launchers' arguments: made here by a run on an engine that may be changed."""
    podman.engine.calls_itself = "Engine"
    podman.run()
    podman.engine.calls_itself = "Podman Engine"
    podman.engine.writes.clear()
    podman.engine.reads.clear()


@pytest.mark.parametrize(
    ("labels", "fix"),
    [
        ({}, f"start it again with podman run and the arguments docker_args without what is mounted at {FILE}"),
        (
            {"PODMAN_SYSTEMD_UNIT": "boss.service"},
            f"in boss.container (Quadlet), section [Container], take away what is mounted at {FILE}, write the lines "
            f"{LINES}, then systemctl daemon-reload and systemctl (for a user's unit: systemctl --user) restart "
            f"boss.service",
        ),
        (
            {"io.podman.compose.service": "agent", "com.docker.compose.project.config_files": "/srv/compose.yml"},
            f"in services.agent.volumes of /srv/compose.yml take away what is mounted at {FILE}, add "
            f"{fakes.DIRECTORY}:{TARGET}:ro (see compose in the result), then make that service again",
        ),
    ],
)
@pytest.mark.parametrize("layer", ["refuse", "carry", "discard"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_no_container_is_recreated_and_who_can_do_it_is_told_how(
    podman: World, labels: Any, fix: str, layer: Any, check_mode: bool
) -> None:
    podman.engine.named("boss")["Config"]["Labels"] = labels
    podman.engine.layer = ("/etc",)
    options(podman, writable_layer=layer)
    failure = podman.failure(check_mode)
    assert failure.startswith("boss: the container is podman's, which does not tell all of it by Docker's API")
    assert fix in failure
    assert podman.engine.writes == []
    assert podman.provider.provided == []


@pytest.mark.parametrize(
    ("labels", "fix"),
    [
        ({}, "restart it with podman restart boss."),
        (
            {"PODMAN_SYSTEMD_UNIT": "boss.service"},
            "restart it with systemctl (for a user's unit: systemctl --user) restart boss.service.",
        ),
    ],
)
def test_a_stale_container_is_restarted_by_who_started_it(podman: World, labels: Any, fix: str) -> None:
    has_the_mount(podman)
    podman.engine.named("boss")["Config"]["Labels"] = labels
    podman.host.stale = (1, 2)
    assert podman.failure().endswith(fix)
    assert podman.engine.writes == []


def test_to_take_the_mount_away_is_for_who_started_it_too(podman: World) -> None:
    has_the_mount(podman)
    options(podman, state="absent")
    assert f"start it again without what is mounted at {TARGET}." in podman.failure()
    assert podman.engine.writes == []


def test_a_container_that_was_started_with_the_launchers_arguments_is_well(podman: World) -> None:
    has_the_mount(podman)
    result = podman.run()
    assert (result.changed, result.after["boss"]) == (False, Verdict.OK)
    assert podman.engine.reads == ["containers", "inspect"]
