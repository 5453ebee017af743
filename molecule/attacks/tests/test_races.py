"""mal swaps a directory of his and a link to what he may not have, all the time, while the run goes on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from testbed.attacks import FULL, GOOD, Field

SECONDS = 30 if FULL else 4
SHARED = ".local/share/agentops/agent-auth"
GHOST = {"name": "mal-ghost", "mode": "shared", "cli": "codex"}

# (what mal has prepared, the two paths that he exchanges)
RACES = {
    "the shared directory": (f"mkdir -p {SHARED}/codex/.codex", f"{SHARED}/codex/.codex", "/opt/treasure/empty"),
    "above the shared directory": (f"mkdir -p {SHARED}/codex/.codex", f"{SHARED}/codex", "/opt/treasure/codex"),
    "a directory for a container's uid": (
        f"mkdir -p {SHARED}/codex; rmdir {SHARED}/codex/.codex 2>/dev/null || true",  # so each run makes and gives it
        f"{SHARED}/codex",
        "/opt/treasure/codex",
    ),
    "the shared root": (f"mkdir -p {SHARED}/codex/.codex", SHARED, "/opt/treasure"),
    "a directory of his own": ("mkdir -p mine", "mine", "/opt/treasure/empty"),
    "above a directory of his own": ("mkdir -p mine/empty", "mine", "/opt/treasure/deep"),
    "the manifest's directory": ("mkdir -p mine", "mine", "/etc/systemd/system"),
    "the manifest": ("echo '{}' > mine", "mine", "/opt/treasure/secret.json"),
    "agents.json": ("true", "agents.json", "/opt/treasure/secret.json"),
}
CLEAN = f"rm -rf mine other agents.json {SHARED} .local/share/agentops"


@pytest.mark.parametrize("race", RACES)
def test_a_swap_in_the_middle_of_a_run_wins_nothing(field: Field, race: str) -> None:
    """Attacks 1, 3 and 4a as a race: what was looked at and what is then used must be one and the same."""
    before, path, treasure = RACES[race]
    directory = {"a directory of his own": "~/mine", "above a directory of his own": "~/mine/empty"}.get(race)
    writer = {"user": "12345"} if race == "a directory for a container's uid" else {}
    field.as_mal(f"{CLEAN}; {before}", undo=CLEAN)
    field.configure(
        {"ghost": GHOST | writer | ({"credentials_host_dir": directory} if directory else {}), "good": GOOD}
    )
    field.as_mal(f"ln -s {treasure} other")
    variables: dict[str, Any] = {}
    variables |= {"manifest": "~mal/mine/agents.service"} if race == "the manifest's directory" else {}
    variables |= {"manifest": "~mal/mine"} if race == "the manifest" else {}
    watched = field.snapshot()
    end = time.monotonic() + SECONDS
    with field.swapping(path, "other"):
        while time.monotonic() < end:
            outcome = field.run(**variables)
            assert "TREASURE" not in outcome.output
            assert field.snapshot() == watched
            field.host.run(f"runuser -u mal -- sh -c 'cd; {before}'")


def test_a_swap_of_the_credentials_directory_mounts_nothing_of_others(field: Field) -> None:
    """Attack 4 as a race: the directory that is mounted is the one that was looked at."""
    field.as_mal("mkdir mine; cp .claude/.credentials.json mine/", undo="rm -rf mine other")
    field.as_mal("ln -s /home/alice/.config/claude-hooks/claude-credentials other")
    field.configure({"spy": {"name": "mal-spy", "credentials_host_dir": "~/mine"}})
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        field.start("mal-spy", "--user=0")
        with field.swapping("mine", "other"):
            field.run()
            seen = field.host.run("docker exec --user 0 mal-spy sh -c 'cat /run/agent-credentials/*/*'").stdout
        field.host.run("docker rm --force mal-spy")
        assert "fake-token-of-alice" not in seen


@pytest.mark.parametrize(
    "path", [".config/claude-hooks", ".config/creds-mirror", ".config/systemd/user", ".local/lib/creds-mirror"]
)
def test_a_swap_in_the_middle_of_the_mirrors_run_wins_nothing(field: Field, path: str) -> None:
    """Attacked and not broken in 0.2.0: what lies in the home is touched with the user's rights; it must stay so."""
    field.undone.append("rm -rf /home/mal/other")
    field.as_mal("ln -s /opt/treasure other")
    watched = field.snapshot()
    end = time.monotonic() + SECONDS
    try:
        with field.swapping(path, "other"):
            while time.monotonic() < end:
                field.run("creds_mirror")
                assert field.snapshot() == watched
    finally:
        field.as_mal(f"[ -L {path} ] && {{ mv {path} link; mv other {path}; rm link; }} || rm -rf other")
        assert not field.run("creds_mirror").refused
