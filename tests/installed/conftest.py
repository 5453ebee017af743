"""An empty environment with the archive installed, and a throwaway host that is reached by ssh as a user with sudo."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
BIN = pathlib.Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass
class Host:
    """The throwaway host, entered as root from outside: for what a person has done there before."""

    container: str
    address: str

    def run(self, script: str, user: str = "root") -> str:
        done = subprocess.run(
            ["docker", "exec", "--interactive", "--user", user, self.container, "bash", "-eu"],
            input=script, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()


@dataclasses.dataclass
class Stranger:
    """Somebody with ansible-core and the archive, and nothing else."""

    home: pathlib.Path
    host: Host

    def run(self, command: str, **settings: str) -> tuple[int, str]:
        """Status and output of a command line, in the directory with the inventory."""
        environment = {
            "HOME": str(self.home),
            "PATH": f"{BIN}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            **settings,
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=900, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def must(self, command: str, **settings: str) -> str:
        status, output = self.run(command, **settings)
        assert status == 0, f"{command}\n{output}"
        return output


def blocks_of_readme(heading: str) -> list[tuple[str, str]]:
    """Language and text of each block of the installed README below a heading."""
    readme = (CHECKOUT / "README.md").read_text()
    section = re.split(rf"^## {re.escape(heading)}$", readme, flags=re.MULTILINE)[1].split("\n## ")[0]
    return BLOCK.findall(section)


@pytest.fixture(scope="session")
def host() -> Host:
    return host_named("bookworm")


def host_named(release: str) -> Host:
    listing = subprocess.run([CHECKOUT / "testbed/inventory"], capture_output=True, text=True, check=True)
    name = json.loads(listing.stdout)["_meta"]["hostvars"][release]["ansible_host"]
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = subprocess.run(["docker", "inspect", "--format", form, name], capture_output=True, text=True, check=True)
    return Host(name, address.stdout.strip())


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory, host: Host) -> Stranger:
    home = tmp_path_factory.mktemp("stranger")
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    fake_login = (CHECKOUT / "testbed/fake-login").read_text()
    host.run(
        f"""
        (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends openssh-server) >/dev/null
        apt-get purge --yes acl >/dev/null                     # no setfacl: become between two users has to do without
        useradd --create-home --shell /bin/bash ops
        echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
        for user in ops dev; do
            install --directory --owner $user --mode 700 /home/$user/.ssh
            echo '{key.with_suffix(".pub").read_text().strip()}' >/home/$user/.ssh/authorized_keys
            chown $user /home/$user/.ssh/authorized_keys
        done
        cat >/usr/local/bin/fake-login <<'EOF'\n{fake_login}\nEOF
        chmod 755 /usr/local/bin/fake-login
        """
    )
    archive = os.environ["AGENTOPS_ARCHIVE"]
    one = Stranger(home, host)
    one.must(f"ansible-galaxy collection install {archive}")
    inventory, agents = (
        text for language, text in blocks_of_readme("Two minutes to a green verify") if language in ("yaml", "json")
    )
    # As README's own comment says: for a host that is reached by ssh.
    by_ssh = f"ansible_host: {host.address}\n      ansible_user: ops\n      ansible_ssh_private_key_file: {key}"
    assert "ansible_connection: local" in inventory
    (home / "inventory.yml").write_text(inventory.replace("ansible_connection: local", by_ssh))
    (home / "agents.json").write_text(agents)
    host.run(
        f"""
        mkdir -p ~/claude-hooks/config
        cat >~/claude-hooks/config/agents.json <<'EOF'\n{agents}\nEOF
        fake-login ~/.claude/.credentials.json atomic_rename 1
        for name in boss reviewer-1; do
            docker run --detach --name $name --volume ~/.claude/.credentials.json:/home/claude/.claude/.credentials.json:ro \\
                agentops-agent >/dev/null
        done
        """,
        user="dev",
    )
    return one
