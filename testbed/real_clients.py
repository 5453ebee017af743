"""What the tests of the real agent CLIs share: logins on the host, the vendors' notes, and talk with running processes.

No test may print a token: what is read from credential files is turned into serials here, see testbed/fake-login.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from typing import Any

import testinfra.host

from testbed.hosts import run_module, wait_until

HOME = "/home/clients"
SERIALS = itertools.count(2)

SOURCES = {
    "claude": (".claude/.credentials.json", "atomic_rename"),
    "codex": (".codex/auth.json", "atomic_rename"),
    "gemini": (".gemini/oauth_creds.json", "in_place"),
    "opencode": (".local/share/opencode/auth.json", "in_place"),
    "copilot": (".copilot/config.json", "atomic_rename"),
}
"""Where a CLI saves its login in the home directory, and how."""

# Else an older claude tries again for minutes.
OLD = "env CLAUDE_CODE_MAX_RETRIES=1 claude-2.1.110"
ONCE = {
    "claude": "claude -p hello",
    "claude-2.1.110": f"{OLD} -p hello",
    "codex": "codex exec --skip-git-repo-check hello",
    "gemini": "gemini --skip-trust -m gemini-2.5-flash -p hello",
    "opencode": "opencode run --title hello hello",
    "copilot": "copilot-with-mirror -p hello",
}
"""A process of its own for one prompt."""

STREAM = "-p --verbose --input-format stream-json --output-format stream-json"
OPEN = {
    "claude": f"stream-json claude {STREAM}",
    "claude-2.1.110": f"stream-json {OLD} {STREAM}",
    "codex": "app-server codex app-server",
    "gemini": "acp gemini --skip-trust -m gemini-2.5-flash --acp",
    "opencode": "acp opencode acp",
    "copilot": "acp copilot-with-mirror --acp",
}
"""Protocol and command of a process that stays open: see testbed/clients/conversation.py."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What the vendors noted of a request; a token is (kind, CLI, serial)."""

    method: str
    host: str
    path: str
    tokens: tuple[tuple[str, str, int], ...]
    status: int


@dataclasses.dataclass
class Clients:
    """The host, its agent containers, and the vendors."""

    host: testinfra.host.Host
    conversations: list[Conversation] = dataclasses.field(default_factory=list)

    @staticmethod
    def serial_in(answer: str) -> int:
        """The serial that a fake model has answered; -1 for any other answer."""
        match = re.search(r"serial (\d{6})$", answer)
        return int(match[1]) if match else -1

    @staticmethod
    def container(command: str) -> str:
        return "clients-veteran" if command == "claude-2.1.110" else f"clients-{command}"

    @staticmethod
    def cli(command: str) -> str:
        """The agent CLI of the catalogue that a command is."""
        return command.split("-")[0]

    @staticmethod
    def refresh_tokens(requests: list[Request]) -> set[tuple[str, int]]:
        """(CLI, serial) of every refresh token that has been sent, to whatever address."""
        return {token[1:] for request in requests for token in request.tokens if token[0] == "refresh"}

    def directory(self, cli: str) -> str:
        return f"{HOME}/.config/claude-hooks/{cli}-credentials"

    def log_in(self, cli: str, seconds: int = 8 * 3600) -> int:
        """A new login on the host, of which the vendors accept no other any more; its serial, once it is published."""
        serial = next(SERIALS)
        name, way = SOURCES[cli]
        self.host.check_output(f"runuser -u clients -- fake-login {HOME}/{name} {way} {serial} {cli} {seconds}")
        self._wait_until_published(cli, serial)
        if cli == "copilot":
            self._wait_until_brought(serial)
        self.accept(cli, serial)
        return serial

    def status(self, cli: str) -> dict[str, Any]:
        """What the mirror says of a login."""
        said = self.host.run("runuser -l clients -c '~/.local/bin/creds-mirror status --json'").stdout
        (status,) = [report for report in json.loads(said) if report["cli"] == cli]
        return dict(status)

    def accept(self, cli: str, serial: int) -> None:
        path = f"{HOME}/vendors/valid.json"
        valid = json.loads(self.host.check_output(f"cat {path}")) | {cli: serial}
        self.host.check_output("printf %%s %s > %s.new && mv %s.new %s", json.dumps(valid), path, path, path)

    def _wait_until_published(self, cli: str, serial: int) -> None:
        name = SOURCES[cli][0].rsplit("/")[-1]
        pattern = f"fake-token-access-\\(.*-\\)\\?{serial:06d}"
        look = f"grep --quiet '{pattern}' {self.directory(cli)}/{name}"
        wait_until(lambda: self.host.run(look).rc == 0, f"login {serial} of {cli} is not published")

    def _wait_until_brought(self, serial: int) -> None:
        """Until copilot-with-mirror, where it runs, has seen the new version."""
        look = f"pgrep copilot > /dev/null || exit 0; grep --quiet {serial:06d} .copilot/config.json"
        brought = "docker exec clients-copilot sh -c %s"
        wait_until(lambda: self.host.run(brought, look).rc == 0, f"login {serial} of copilot is not brought")

    def mark(self) -> int:
        """The number of requests noted so far."""
        return int(self.host.check_output(f"wc -l < {HOME}/vendors/requests.jsonl"))

    def requests(self, since: int) -> list[Request]:
        lines = self.host.check_output(f"tail -n +{since + 1} {HOME}/vendors/requests.jsonl").splitlines()
        documents = [json.loads(line) for line in lines]
        return [Request(**document | {"tokens": tuple(map(tuple, document["tokens"]))}) for document in documents]

    def prompt(self, cli: str, container: str | None = None, options: str = "") -> tuple[int, str]:
        """Exit status and output of a new process that is asked once. The fake models answer with a serial."""
        command = f"timeout 80 {ONCE[cli]} {options} < /dev/null 2> /tmp/once.err"
        result = self.host.run("docker exec %s sh -c %s", container or self.container(cli), command)
        return result.rc, result.stdout.strip()

    def open(self, cli: str) -> Conversation:
        """A process that stays open until the test ends."""
        container, name = self.container(cli), f"talk-{next(SERIALS)}"
        self.host.check_output(f"docker exec --detach {container} conversation.py open {name} {OPEN[cli]}")
        self.conversations.append(Conversation(self.host, container, name))
        return self.conversations[-1]

    def prompt_with_a_login_of_its_own(self, cli: str, serial: int, seconds: int = 8 * 3600) -> str:
        """A shell command: one prompt, with a whole login in the home directory."""
        return f"fake-login $HOME/{SOURCES[self.cli(cli)][0]} in_place {serial} {self.cli(cli)} {seconds}; {ONCE[cli]}"

    def run(self, command: str, *options: str) -> tuple[int, str]:
        """Exit status and whole output of a shell command in a fresh container with the vendors' network."""
        arguments = " ".join(["docker run --rm --network container:clients-vendors", *options, "agentops-clients"])
        result = self.host.run(f"{arguments} timeout 80 sh -c %s", f"exec 2>&1 < /dev/null; {command}")
        return result.rc, result.stdout

    def repair(self) -> dict[str, Any]:
        """What agent_mounts has done in one more run."""
        return self.agent_mounts(path=f"{HOME}/agents.json", mirrored={})

    def launched(self, container: dict[str, Any], **options: Any) -> list[str]:
        """The arguments of docker run that a launcher is given for an agent with these settings of its container."""
        result = self.agent_mounts(agents={"launched": {"container": container}}, apply=False, **options)
        arguments: list[str] = result["agents"]["launched"]["docker_args"]
        return arguments

    def agent_mounts(self, *, fails: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of the module, which must fail where ``fails`` says so."""
        succeeded, result = run_module(self.host, "agent_mounts", {"home": HOME, **arguments})
        assert succeeded is not fails, result
        return dict(result)

    def next_serial(self) -> int:
        return next(SERIALS)

    def started(self, container: str) -> str:
        """Changes when a container is restarted or made anew."""
        return str(
            self.host.check_output(f"docker inspect --format '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {container}")
        )


@dataclasses.dataclass(frozen=True)
class Conversation:
    """A running process of an agent CLI."""

    host: testinfra.host.Host
    container: str
    name: str

    def ask(self) -> tuple[int, str]:
        """The process's id, and its answer to one prompt."""
        reply: dict[str, Any] = json.loads(
            self.host.check_output(f"docker exec {self.container} conversation.py ask {self.name}")
        )
        return reply["pid"], reply["answer"]

    def close(self) -> None:
        self.host.check_output(f"docker exec {self.container} conversation.py close {self.name}")
