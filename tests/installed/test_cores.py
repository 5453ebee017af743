"""The oldest and the newest ansible-core that are promised, each inside a host, installed as people do it there."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess

import pytest

from .conftest import CHECKOUT, Host, host_named

NEWEST = (CHECKOUT / "tests/installed/requirements-newest.txt").read_text()
INSTALL = {
    "bookworm": "apt-get install --yes --no-install-recommends ansible-core",
    "trixie": """
        echo /opt/newest >"$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/newest.pth"
        sed -i '1s|.*|#!/usr/bin/python3|' /opt/newest/bin/*
        ln -sf /opt/newest/bin/ansible* /usr/local/bin/
    """,
}
VERSION = {"bookworm": "[core 2.14.18]", "trixie": f"[core {NEWEST.partition('ansible-core==')[2].split()[0]}]"}
USER = "cores"


@dataclasses.dataclass
class Core:
    """An ansible-core inside a host, on that host itself, as root."""

    host: Host
    release: str

    def run(self, playbook: str, variables: str = "") -> tuple[int, str]:
        command = (
            f"cd /root && ANSIBLE_NOCOLOR=1 LANG=C.UTF-8 ansible-playbook -i localhost, -c local agentops.credentials.{playbook}"
            f" -e creds_mirror_user={USER} -e agent_containers_path=/home/{USER}/agents.json {variables}"
        )
        done = subprocess.run(
            ["docker", "exec", self.host.container, "bash", "-c", command], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def must(self, playbook: str, variables: str = "") -> str:
        status, output = self.run(playbook, variables)
        assert status == 0, output
        return output


def _copy_newest(host: Host, directory: pathlib.Path) -> None:
    """Debian has no package of it, and a host may not reach PyPI: the controller does."""
    requirements = CHECKOUT / "tests/installed/requirements-newest.txt"
    subprocess.run(
        ["uv", "pip", "install", "--quiet", "--python-platform", "linux", "--python-version", "3.13",
         "--only-binary", ":all:", "--require-hashes", "--target", directory, "--requirement", requirements],
        check=True,
    )  # fmt: skip
    subprocess.run(["docker", "cp", f"{directory}/.", f"{host.container}:/opt/newest"], check=True)


@pytest.fixture(scope="module", params=list(INSTALL))
def core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """With the agent of scenario default (none runs yet) and one of scenario migrate (a file mount)."""
    release = request.param
    host = host_named(release)
    archive = pathlib.Path(os.environ["AGENTOPS_ARCHIVE"])
    subprocess.run(["docker", "cp", archive, f"{host.container}:/root/{archive.name}"], check=True)
    if release == "trixie":
        _copy_newest(host, tmp_path_factory.mktemp("newest"))
    agents = {
        "boss": {
            "container": {"name": f"{USER}-boss", "credentials_host_path": f"/home/{USER}/.claude/.credentials.json"}
        }
    }
    host.run(
        f"""
        (apt-get update && DEBIAN_FRONTEND=noninteractive && {INSTALL[release].strip()}) >/dev/null
        ansible-galaxy collection install /root/{archive.name} >/dev/null
        useradd --create-home --groups docker {USER}
        cat >/usr/local/bin/fake-login <<'EOF'\n{(CHECKOUT / "testbed/fake-login").read_text()}\nEOF
        chmod 755 /usr/local/bin/fake-login
        echo '{json.dumps({"agents": agents})}' >/home/{USER}/agents.json
        chown {USER} /home/{USER}/agents.json
        runuser -u {USER} -- fake-login /home/{USER}/.claude/.credentials.json atomic_rename 1
        """
    )
    return Core(host, release)


def test_it_is_the_one_that_is_meant(core: Core) -> None:
    assert VERSION[core.release] in core.host.run("ansible --version")


def test_a_fresh_host(core: Core) -> None:
    """Scenario default: check mode predicts, a run makes, a second one changes nothing."""
    assert "failed=0" in core.must("site", "--check --diff")
    core.must("site")
    assert "changed=0" in core.must("site")
    directory = f"/home/{USER}/.config/claude-hooks/claude-credentials"
    assert core.host.run(f"ls -A {directory}; stat -c '%a %U' {directory}") == f".credentials.json\n700 {USER}"


def test_verify_fails_where_no_agent_runs(core: Core) -> None:
    status, output = core.run("verify")
    assert status != 0
    assert "0 of 1 agent can work now" in " ".join(output.split())


def test_a_file_mount_becomes_a_directory_mount(core: Core) -> None:
    """Scenario migrate."""
    core.host.run(
        f"docker run --detach --name {USER}-boss --user 0 --label kept=yes --volume"
        f" /home/{USER}/.claude/.credentials.json:/home/claude/.claude/.credentials.json:ro agentops-agent >/dev/null"
    )
    core.must("site", "--check --diff")
    core.must("site")
    boss = json.loads(core.host.run(f"docker inspect {USER}-boss"))[0]
    assert [mount["Destination"] for mount in boss["Mounts"]] == ["/run/agent-credentials/claude"]
    assert boss["Config"]["Labels"]["kept"] == "yes"
    assert "changed=0" in core.must("site")


def test_verify_and_report(core: Core) -> None:
    assert "1 of 1 agent can work now" in " ".join(core.must("verify").split())
    core.must("verify", "-e verify_rotate=true")
    core.must("report")


@pytest.mark.parametrize(
    ("playbook", "variables", "sentence"),
    [
        ("site", "-e creds_mirror_usr=x", "creds_mirror_usr: there is no such variable; did you mean creds_mirror_user?"),
        ("site", "-e creds_mirror_user=nobody", "creds_mirror_user: nobody has no home directory"),
        ("mirror", "-e '{\"creds_mirror_clis\": [\"clod\"]}'", "creds_mirror_clis: no agent CLI is named clod"),
        ("mounts", "-e agent_containers_path=/gone", "/gone does not exist on the managed host; set agent_containers_path"),
        ("mounts", "-e agent_containers_path=", "No agents are configured; set agent_containers_path"),
        ("mounts", "-e agent_containers_writable_layer=keep", "value of agent_containers_writable_layer must be one of"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_in_a_sentence(core: Core, playbook: str, variables: str, sentence: str) -> None:
    status, output = core.run(playbook, variables)
    assert status != 0
    assert sentence in " ".join(output.split())
    assert "Traceback" not in output


def test_an_engine_that_is_down_is_told(core: Core) -> None:
    core.host.run("systemctl stop docker.socket docker.service")
    try:
        status, output = core.run("mounts")
    finally:
        core.host.run("systemctl start docker.service")
    assert status != 0
    assert "Docker" in output
    assert "Traceback" not in output


def test_it_is_taken_away(core: Core) -> None:
    core.must("mounts", "-e agent_containers_state=absent")
    core.must("mirror", "-e creds_mirror_state=absent")
    assert core.host.run(f"find /home/{USER} -mindepth 1 -type d -printf '%P\\n'") == ".claude"
