"""The catalogue of agent CLIs: whose command it is, rows of the user's own, versions."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.agentops.credentials.plugins.lookup import agent_catalog
from ansible_collections.agentops.credentials.plugins.module_utils._agents.config import ConfigContext, parse
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import cli as _cli
from ansible_collections.agentops.credentials.plugins.module_utils._catalog import override
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG


@pytest.mark.parametrize(
    ("command", "cli"),
    [
        ("claude", "claude"),
        ("/usr/local/bin/claude --dangerously-skip-permissions", "claude"),
        (["/opt/node/bin/codex", "exec", "--json"], "codex"),
        ("env FOO=1 BAR='a b' gemini -p hello", "gemini"),
        ("HOME=/x /usr/bin/env opencode run", "opencode"),
        ("exec copilot --acp", "copilot"),
        ("claude-wrapper", None),
        ("/usr/bin/claude/other", None),
        ("bash -c claude", None),
        ("", None),
        ([], None),
        ("codex 'open quote", "codex"),
    ],
)
def test_whose_command_it_is(command: Any, cli: str | None) -> None:
    row = _cli.cli_of_command(command, CATALOG)
    assert (row.name if row else None) == cli


HOME_CODEX = {"/h/.codex/auth.json": "/h/codex-credentials"}


@pytest.mark.parametrize(
    ("agent", "cli"),
    [
        ({"container": {"credentials_host_path": "~/.codex/auth.json"}}, "codex"),
        ({"container": {"credentials_host_dir": "/h/codex-credentials"}}, "codex"),
        # A wrapper that names its login goes on to get it: an agents.json of old needs no edit.
        (
            {"command": "./start-agent.sh", "container": {"credentials_host_path": "~/.claude/.credentials.json"}},
            "claude",
        ),
        ({"command": "./start-agent.sh", "container": {}}, "claude"),
        ({"container": {}}, "claude"),
        ({"command": "/bin/codex --full-auto", "container": {}}, "codex"),
        ({"command": "bash", "container": {"command": "gemini"}}, "gemini"),
        ({"command": "codex", "container": {"cli": "claude"}}, "claude"),
        ({"command": "bash", "container": {"cli": "opencode"}}, "opencode"),
    ],
)
def test_the_cli_of_an_agent(agent: Any, cli: str) -> None:
    if not any(key.startswith("credentials_") for key in agent["container"]):
        agent["container"]["credentials_host_dir"] = "/c"
    (spec,) = parse({"agents": {"boss": agent}}, ConfigContext("agents.json", "/h", HOME_CODEX)).agents
    assert spec.cli.name == cli


def test_an_agent_of_another_program_gets_no_mount_and_a_note() -> None:
    agents = {"boss": {"command": "bash", "container": {"mode": "shared"}}}
    found = parse({"agents": agents}, ConfigContext("agents.json", "/h"))
    assert (found.agents, found.faults) == ((), {})
    assert found.notes[0].startswith("boss: its command is no agent CLI of the catalogue, so it gets no mount; set")


NEW = {
    "source": ".kimi/auth.json",
    "credential": "auth.json",
    "config_dir": ".kimi",
    "mirror": {"require": ["token"], "blank": ["refresh"]},
}


def test_a_row_is_added_and_another_one_changed() -> None:
    catalog = override.with_overrides(CATALOG, {"kimi": NEW, "codex": {"commands": ["codex", "codex-nightly"]}})
    assert catalog["kimi"].commands == ("kimi",)
    assert catalog["kimi"].mirror.blank == ("refresh",)
    assert catalog["codex"].commands == ("codex", "codex-nightly")
    assert catalog["codex"].mirror == CATALOG["codex"].mirror
    assert catalog["claude"] == CATALOG["claude"]
    assert list(catalog) == [*CATALOG, "kimi"]


@pytest.mark.parametrize("name", CATALOG)
def test_a_row_survives_its_way_through_plain_data(name: str) -> None:
    assert override.with_overrides({}, {name: _cli.as_dict(CATALOG[name])}) == {name: CATALOG[name]}


def test_the_lookup_documents_every_field() -> None:
    documented = yaml.safe_load(agent_catalog.RETURN)["_raw"]["contains"]
    assert set(documented) == set(_cli.as_dict(CATALOG["claude"]))


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ({"kimi": {}}, "catalog.kimi is a new row and lacks source, credential, config_dir, mirror; set"),
        ({"kimi": 7}, "catalog.kimi is not a dictionary; write"),
        ({"kimi": {**NEW, "colour": "red"}}, "catalog.kimi has the unknown field colour; the fields are name, source"),
        ({"kimi": {**NEW, "source": 7}}, "catalog.kimi.source is not a string; write"),
        ({"kimi": {**NEW, "source": "/etc/x"}}, "catalog.kimi.source: '/etc/x' is not a path below the home directory; write"),
        ({"kimi": {**NEW, "source": "../x"}}, "catalog.kimi.source: '../x' is not a path below the home directory; write"),
        ({"kimi": {**NEW, "commands": "kimi"}}, "catalog.kimi.commands is not a list of strings; write"),
        ({"kimi": {**NEW, "placements": ["x"]}}, "catalog.kimi.placements: x is not known; use store, link"),
        ({"kimi": {**NEW, "shared_dir": ".x"}}, "catalog.kimi.shared_dir: .x with config_dir_suffix is not config_dir; name"),
        ({"kimi": {**NEW, "reload": "never"}}, "catalog.kimi.reload: never is not known; use request"),
        ({"kimi": {**NEW, "mirror": {"require": []}}}, "catalog.kimi.mirror.require is empty; name"),
        ({"kimi": {**NEW, "mirror": {"require": ["a"], "x": 1}}}, "catalog.kimi.mirror has the unknown field x; the"),
        ({"kimi": {**NEW, "mirror": {"require": ["a"], "comments": "yes"}}}, "mirror.comments is not true or false; write"),
        ({"kimi": {**NEW, "seeds": {"a": 1}}}, "catalog.kimi.seeds is not a dictionary of strings; write"),
        ({"claude": {"limits": [{"placement": "link"}]}}, "limits[0] is a new row and lacks minimum, effect; set"),
        ({"Kimi@home": NEW}, "a name becomes part of unit names; make it of a-z, 0-9 and - only"),
    ],
)  # fmt: skip
def test_a_fault_in_a_row_is_one_sentence_with_field_and_mend(rows: Any, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        override.with_overrides(CATALOG, rows)
    assert len(error.value.faults) == 1
    assert fault in error.value.faults[0]


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("2.1.330 (Claude Code)\n", "2.1.330"),
        ("codex-cli 0.169.0", "0.169.0"),
        ("GitHub Copilot CLI 1.0.102.\nRun 'copilot update' to check for updates.", "1.0.102"),
        ("0.61.0", "0.61.0"),
        ("v1.2", None),
        ("", None),
    ],
)
def test_the_version_that_a_cli_prints(printed: str, version: str | None) -> None:
    assert _cli.version_of(printed) == version


@pytest.mark.parametrize(
    ("version", "minimum", "below"),
    [
        ("2.1.90", "2.1.175", True),
        ("2.1.175", "2.1.175", False),
        ("2.1.330", "2.1.175", False),
        ("2.2", "2.1.175", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, minimum: str, below: bool) -> None:
    assert _cli.is_below(version, minimum) is below


@pytest.mark.parametrize("cli", [row.name for row in CATALOG.values() if row.mirror.keep_warm])
def test_a_login_that_is_kept_warm_tells_its_end_and_its_client_a_rejection(cli: str) -> None:
    """Else it is never due, or a refresh token that the vendor has rejected is sent for ever."""
    rules = CATALOG[cli].mirror
    assert rules.expires and rules.keep_warm_since and rules.keep_warm_install and rules.keep_warm_rejected
