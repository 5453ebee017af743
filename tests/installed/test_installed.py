"""What a stranger does with the archive, by README and EXAMPLES as they are written. In order: the host goes on from test to test."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml

from .conftest import Host, Stranger, blocks_of_readme

COMMANDS = [
    line
    for language, text in blocks_of_readme("Two minutes to a green verify")
    if language == "console"
    for line in text.splitlines()
    if line.startswith("ansible-playbook ")
]
PLAYBOOK = "ansible-playbook -i inventory.yml agentops.credentials"


def test_nothing_of_the_checkout_is_in_use(stranger: Stranger) -> None:
    listed = json.loads(stranger.must("ansible-galaxy collection list agentops.credentials --format json"))
    assert list(listed) == [str(stranger.home / ".ansible/collections/ansible_collections")]


def test_a_misspelt_variable_stops_the_run_before_anything_is_done(stranger: Stranger) -> None:
    status, output = stranger.run(f"{PLAYBOOK}.site -e creds_mirror_cli=codex")
    assert status != 0
    assert "creds_mirror_cli: there is no such variable; did you mean creds_mirror_clis?" in output
    assert stranger.host.run("ls /home/dev/.config 2>&1 || true", user="dev").endswith("No such file or directory")


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_as_it_is_written(stranger: Stranger, command: str) -> None:
    stranger.must(command)


def test_all_of_it_was_done(stranger: Stranger) -> None:
    mounts = json.loads(stranger.host.run("docker inspect reviewer-1"))[0]["Mounts"]
    assert [(mount["Destination"], mount["RW"]) for mount in mounts] == [("/run/agent-credentials/claude", False)]


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_again_nothing_is_changed_and_a_drill_passes(stranger: Stranger, pipelining: str) -> None:
    """The host has no setfacl, and `ops` becomes `dev` for the drill."""
    assert "changed=0" in stranger.must(f"{PLAYBOOK}.site", ANSIBLE_PIPELINING=pipelining)
    stranger.must(f"{PLAYBOOK}.verify -e verify_rotate=true", ANSIBLE_PIPELINING=pipelining)
    assert "2 of 2 agents can work now" in stranger.must(f"{PLAYBOOK}.verify", ANSIBLE_PIPELINING=pipelining)


def test_tags_groups_and_batches(stranger: Stranger) -> None:
    only = stranger.must(f"{PLAYBOOK}.site --tags creds_mirror -e agent_hosts=workstation -e agent_serial=1")
    tasks = [line for line in only.splitlines() if line.startswith("TASK ")]
    assert any("Mirror the logins" in task for task in tasks)
    assert not any("agent_containers" in task for task in tasks)


def test_the_report(stranger: Stranger) -> None:
    stranger.must(f"{PLAYBOOK}.verify --check")
    stranger.must(f"{PLAYBOOK}.report --check")
    assert not (stranger.home / "agent-logins.html").exists()
    stranger.must(f"{PLAYBOOK}.report")
    assert (stranger.home / "agent-logins.html").exists()
    stranger.must(f'{PLAYBOOK}.report_merge -e \'{{"report_merge": ["{stranger.home}/agent-logins.json"]}}\'')


def test_what_cannot_work_is_told_in_a_sentence(stranger: Stranger) -> None:
    """Of the containers' side with the role's variables, for those are what the reader has set."""
    for variables, sentence in {
        "creds_mirror_user=nobody": "creds_mirror_user: nobody has no home directory",
        "creds_mirror_user=nobodyatall": "creds_mirror_user: this host has no user nobodyatall",
        "agent_containers_path=/gone.json": "/gone.json does not exist on the managed host; set agent_containers_path",
    }.items():
        status, output = stranger.run(f"{PLAYBOOK}.site -e {variables}")
        assert status != 0
        assert sentence in " ".join(output.split())
        assert "Traceback" not in output


EXAMPLES = {
    "module": ("agent_mounts", "agent_mounts_info", "agent_mounts_verify", "creds_mirror", "fleet_report"),
    "lookup": ("agent_catalog",),
    "filter": ("agent_table", "docker_args"),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in EXAMPLES.items() for name in names])
def test_examples_as_they_are_written(stranger: Stranger, kind: str, name: str) -> None:
    """Each task of EXAMPLES in a play against the host; plays as they are. Engines and images of nobody are the exception."""
    shown = json.loads(stranger.must(f"ansible-doc --json --type {kind} agentops.credentials.{name}"))
    steps = yaml.safe_load(shown[f"agentops.credentials.{name}"]["examples"])
    tasks = [step for step in steps if "hosts" not in step]
    plays = [step for step in steps if "hosts" in step]
    for play in plays:  # 192.0.2.0/24 is nobody's: that the engine there does not answer is all that can go wrong
        (stranger.home / "play.yml").write_text(yaml.safe_dump([play]))
        status, output = stranger.run("ansible-playbook -i inventory.yml play.yml")
        assert status != 0
        assert "tcp://192.0.2.23:2376" in " ".join(output.split())
    before = [
        {"ansible.builtin.set_fact": {"result": {"agents": {}}}},
        {"ansible.builtin.command": {"argv": ["docker", "tag", "agentops-agent", "my-agent"]}},
        {"ansible.builtin.command": {"argv": ["docker", "rm", "--force", "boss"]}, "when": name == "docker_args"},
        {"ansible.builtin.file": {"path": "/srv/www", "state": "directory"}, "delegate_to": "localhost", "when": False},
    ]
    (stranger.home / "tasks.yml").write_text(
        yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": before + tasks}])
    )
    if name == "fleet_report":
        text = (stranger.home / "tasks.yml").read_text().replace("/srv/reports/", f"{stranger.home}/")
        (stranger.home / "tasks.yml").write_text(text.replace("/srv/www/", f"{stranger.home}/www/"))
    role = pathlib.Path(".ansible/collections/ansible_collections/agentops/credentials/roles/creds_mirror/files")
    if not (stranger.home / "files").is_symlink():
        (stranger.home / "files").symlink_to(stranger.home / role)
    stranger.must("ansible-playbook -i inventory.yml tasks.yml")


def test_smoke_takes_the_ansible_that_is_there(stranger: Stranger) -> None:
    """In a checkout without an environment of its own."""
    clone = stranger.home / "clone"
    checkout = pathlib.Path(__file__).parents[2]
    stranger.must(f"git -c safe.directory='*' clone --quiet {checkout} {clone}")
    status, output = stranger.run(f"{clone}/scripts/smoke agents.json")
    assert not (clone / ".venv").exists()
    assert status != 0  # this machine has no such agents
    assert "PLAY [Prove that every agent container sees the host's current login]" in output, output


def test_without_root(stranger: Stranger, host: Host) -> None:
    """As dev himself, of group docker, whose systemd runs and does not linger."""
    stranger.must(f"{PLAYBOOK}.mounts -e agent_containers_state=absent")
    stranger.must(f"{PLAYBOOK}.mirror -e creds_mirror_state=absent")
    left = host.run(
        "find /home/dev -mindepth 1 -type d -not -path '*/.ssh' -not -path '*/claude-hooks*' -printf '%P\\n' | sort"
    )
    assert left.split() == [".claude"]
    host.run(
        "docker start boss >/dev/null 2>&1 || docker run --detach --name boss agentops-agent >/dev/null", user="dev"
    )
    host.run("loginctl disable-linger dev; systemctl stop user@1000; systemctl start user@1000")
    as_dev = "-e ansible_become=false -e ansible_user=dev"
    output = " ".join(stranger.must(f"{PLAYBOOK}.site {as_dev}").split())
    assert "dev's systemd ends when dev logs out" in output
    assert "enabled lingering" not in output
    assert "changed=0" in stranger.must(f"{PLAYBOOK}.site {as_dev}")
    host.run("loginctl enable-linger dev")
    stranger.must(f"{PLAYBOOK}.site {as_dev}")


def test_absent_leaves_nothing(stranger: Stranger, host: Host) -> None:
    stranger.must(f"{PLAYBOOK}.mounts -e agent_containers_state=absent")
    stranger.must(f"{PLAYBOOK}.mirror -e creds_mirror_state=absent")
    assert (
        host.run(
            "find / -xdev -name '*creds[-_]mirror*' -not -path '/proc/*' -not -path '/tmp/*' -not -path '/root/*' 2>/dev/null || true"
        )
        == ""
    )
