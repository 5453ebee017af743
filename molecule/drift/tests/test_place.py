"""The place of the directories is changed while agents run: nobody loses a login, and all end at the new place."""

from __future__ import annotations

import testinfra.host

from testbed.attacks import DIRECTORY, Field
from testbed.hosts import TARGET

TOP = "/var/lib/agentops-credentials/drift"
HOOKS = "/home/drift/.config/claude-hooks/claude-credentials"
SHARED = "/home/drift/.local/share/agentops/agent-auth/codex/.codex"
AGENTS = {
    "boss": {"name": "drift-boss", "credentials_host_dir": DIRECTORY},
    "busy": {
        "name": "drift-busy",
        "credentials_host_dir": DIRECTORY,
        "only_when_idle": ["test", "!", "-e", "/tmp/busy"],
    },
    "codex": {"name": "drift-codex", "mode": "shared", "cli": "codex"},
}


def site(field: Field, place: str) -> bool:
    """Run the whole job; whether it has changed anything."""
    outcome = field.play("site", creds_mirror_place=place)
    assert not outcome.refused, outcome.output
    return "changed=0" not in outcome.words


def sees(field: Field, container: str, serial: int) -> None:
    field.login("atomic_rename", serial)
    field.wait_until_seen(container, serial)


def source(field: Field, container: str, target: str = TARGET) -> str:
    """The path that the container was made with."""
    return next(str(m["Source"]) for m in field.inspect(container)["Mounts"] if m["Destination"] == target)


def test_a_change_of_the_place_costs_nobody_a_login(host: testinfra.host.Host) -> None:
    field = Field(host, "drift")
    field.configure(AGENTS)
    for name in ("drift-busy", "drift-codex"):
        field.start(name, "--user=0")
    try:
        site(field, "home")
        field.execute("drift-codex", "echo a-shared-login > /run/agent-auth/codex/auth.json")
        field.execute("drift-busy", "touch /tmp/busy")

        assert site(field, "system")
        # agents.json still names the place in the home.
        assert source(field, "drift-boss") == f"{TOP}/claude-credentials"
        assert source(field, "drift-codex", "/run/agent-auth/codex") == f"{TOP}/agent-auth/codex/.codex"
        assert field.execute("drift-codex", "cat /run/agent-auth/codex/auth.json").strip() == "a-shared-login"
        parents = [TOP, f"{TOP}/agent-auth", f"{TOP}/agent-auth/codex"]
        assert {field.root(f"stat --format %U:%a {path}").strip() for path in parents} == {"root:755"}
        # busy is deferred: it has the former path mounted, sees each login, and starts with it.
        assert source(field, "drift-busy") == HOOKS
        sees(field, "drift-busy", 51)
        field.root("docker restart --time 0 drift-busy; docker exec drift-busy touch /tmp/busy")
        sees(field, "drift-busy", 52)
        sees(field, "drift-boss", 53)
        assert field.host.file(HOOKS).is_symlink
        assert not field.host.file(SHARED).exists, "nobody has it mounted any more"
        assert not site(field, "system")

        field.execute("drift-busy", "rm /tmp/busy")
        assert site(field, "system")
        assert source(field, "drift-busy") == f"{TOP}/claude-credentials"
        assert not field.host.file(HOOKS).exists
        assert not site(field, "system")

        assert site(field, "home")
        assert {source(field, name) for name in ("drift-boss", "drift-busy")} == {HOOKS}
        assert field.execute("drift-codex", "cat /run/agent-auth/codex/auth.json").strip() == "a-shared-login"
        assert not field.host.file(f"{TOP}/claude-credentials").exists
        assert not site(field, "home")
    finally:
        for command in reversed(field.undone):
            field.host.run("bash -c %s", command)
