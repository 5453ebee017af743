"""What a container says and does about itself is data, and concerns its own agent alone."""

from __future__ import annotations

import json
import pathlib

import pytest

from testbed.attacks import DIRECTORY, LATE, Field, unprintable

EVIL = {"name": "mal-evil", "credentials_host_dir": DIRECTORY}
CREDENTIAL = "/run/agent-auth/claude/.credentials.json"

PASSWD = {
    "digits that are none": "printf '0:x:\\302\\262:0::/:/bin/sh\\n'",
    "5000 digits": "printf 'x:x:'; head -c 5000 /dev/zero | tr '\\0' 1; printf ':0::/:/bin/sh\\n'",
    "beyond all ids": "echo 'x:x:99999999999:0::/:/bin/sh'",
    "negative": "echo 'x:x:-1:-1::/:/bin/sh'",
    "NUL": "printf 'root:x:0:0::/\\0root:/bin/sh\\n'",
    "no text": "head -c 20000 /dev/urandom",
    "a line of a megabyte": "head -c 1000000 /dev/zero | tr '\\0' :",
    "many lines": "yes root:x:0:0::/root:/bin/sh | head -n 100000",
    "an escape sequence as home": "printf 'root:x:0:0::/\\033[2J\\033]52;c;cm0gLXJmIC8K\\007:/bin/sh\\n'",
}


@pytest.mark.parametrize("case", PASSWD)
def test_a_hostile_passwd_file_concerns_its_own_container_alone(field: Field, case: str) -> None:
    """Attack 7a, high. On 0.2.0: "Module failed: invalid literal for int() with base 10: '²'", at each run; the agents
    behind it got no mount, and verify crashed too."""
    field.start("mal-evil", "--user=claude")
    field.execute(
        "mal-evil", f"({PASSWD[case]}) > /etc/passwd.new; cat /etc/passwd.new > /etc/passwd; rm /etc/passwd.new"
    )
    field.start_late()
    field.configure({"evil": EVIL, "late": LATE})
    outcome = field.run(writable_layer="discard")
    assert field.is_served("mal-late"), outcome.output
    assert unprintable(outcome.output) == []
    info = field.run("agent_mounts_info")
    assert not info.refused, info.output
    assert info.result["agents"]["late"]["fresh"]


LINKS = {
    "the kernel's symbols": "/proc/kallsyms",
    "the kernel's log": "/proc/kmsg",
    "root's memory map": "/proc/1/maps",
    "a file of sysfs": "/sys/kernel/notes",
    "by a link above": "/magic/self/maps",
    "a device without end": "/dev/zero",
    "the mounted login": "/run/agent-credentials/claude/.credentials.json",
}


@pytest.mark.parametrize("case", LINKS)
def test_root_reads_nothing_for_a_container_that_is_not_of_its_own_root(field: Field, case: str) -> None:
    """Attack 6, high. On 0.2.0 root read /proc/kallsyms where the container's /etc/passwd led to, and gave it to it as its
    new /etc/passwd."""
    field.start("mal-evil", "--user=12345", "--env=HOME=/tmp")
    field.execute("mal-evil", f"ln -s /proc /magic; rm /etc/passwd; ln -s {LINKS[case]} /etc/passwd")
    field.configure({"evil": {**EVIL, "passwd": True, "home": "/tmp"}})
    outcome = field.run(writable_layer="discard", seconds=30)
    text = field.host.run("docker exec --user 0 mal-evil head -c 100000 /etc/passwd").stdout
    given = [source for place, source in field.mounted("mal-evil").items() if place == "/etc/passwd"]
    for path in given:
        text += field.host.file(path).content_string
        assert field.host.file(path).size < 64 * 1024
    assert "_stext" not in text, outcome.output
    assert "fake-token" not in "".join(field.host.file(path).content_string for path in given)
    assert all(line.count(":") == 6 for path in given for line in field.host.file(path).content_string.splitlines())


@pytest.mark.parametrize("make", ["mkfifo /etc/passwd", "mknod /etc/passwd c 5 0", "mknod /etc/passwd b 8 0"])
def test_what_is_no_file_as_passwd_file_holds_nobody_up(field: Field, make: str) -> None:
    """A variation of attacks 6 and 15: what is read must be a regular file, and anything else is not opened."""
    field.start("mal-evil", "--user=12345", "--env=HOME=/tmp")
    field.execute("mal-evil", f"rm /etc/passwd; {make}")
    field.start_late()
    field.configure({"evil": {**EVIL, "passwd": True, "home": "/tmp"}, "late": LATE})
    field.run(writable_layer="discard", seconds=30)
    assert field.is_served("mal-late")


LOGINS = {
    "deep": "head -c 200000 /dev/zero | tr '\\0' '['",
    "no text": "head -c 20000 /dev/urandom",
    "a number": "echo 1e999",
    "an end that is no number": """echo '{"claudeAiOauth": {"accessToken": "x", "expiresAt": {"a": []}}}'""",
    "an end of a million digits": """printf '{"claudeAiOauth": {"expiresAt": '; yes 9 | head -n 1000000 | tr -d '\\n'; echo '}}'""",
    "a list": "echo '[[]]'",
}


@pytest.mark.parametrize("case", LOGINS)
def test_a_hostile_login_in_a_shared_directory_is_no_crash(field: Field, case: str) -> None:
    """Attack 7c, high. On 0.2.0 verify: "Module failed: maximum recursion depth exceeded"."""
    _shared(field, f"({LOGINS[case]}) > {CREDENTIAL}")


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/kmsg", "/proc/self/mem", "/etc/passwd"])
def test_a_hostile_link_in_a_shared_directory_is_not_followed(field: Field, path: str) -> None:
    """A variation of attacks 6 and 7c: the container can write the directory in which root looks for a login."""
    _shared(field, f"ln -s {path} {CREDENTIAL}")


def test_a_fifo_in_a_shared_directory_holds_nobody_up(field: Field) -> None:
    """A variation of attack 7c."""
    _shared(field, f"mkfifo {CREDENTIAL}")


def _shared(field: Field, command: str) -> None:
    field.as_mal("true", undo="rm -rf .local/share/agentops/agent-auth")
    field.start("mal-evil", "--user=0")
    field.start_late()
    field.configure({"evil": {"name": "mal-evil", "mode": "shared", "cli": "claude"}, "late": LATE})
    outcome = field.run()
    field.undone.append("rm -rf /home/mal/.local/share/agentops/agent-auth")
    assert field.is_served("mal-late"), outcome.output
    field.execute("mal-evil", command)
    assert not field.run(seconds=30).refused
    info = field.run("agent_mounts_info")
    assert not info.refused, info.output
    assert info.result["agents"]["late"]["fresh"]


def test_a_link_that_cannot_be_made_in_one_container_keeps_nobody_from_his(field: Field) -> None:
    """Attack 7d, high. On 0.2.0: "could not link ...: mounted volume is marked read-only. Not touched: good", each run."""
    field.root("mkdir -p /opt/mal/ro", undo="rm -rf /opt/mal")
    field.start("mal-evil", "--user=0", "--volume=/opt/mal/ro:/workspace:ro")
    field.execute(
        "mal-evil", "mkdir /h; ln -s /workspace /h/.claude; sed -i 's,^root:.*,root:x:0:0::/h:/bin/sh,' /etc/passwd"
    )
    field.start_late()
    field.configure({"evil": {**EVIL, "home": "/h"}, "late": LATE})
    outcome = field.run(writable_layer="discard")
    assert field.is_served("mal-late"), outcome.output


def test_a_file_that_one_container_has_written_keeps_nobody_from_his(field: Field) -> None:
    """Attack 7e, high. On 0.2.0 the refusal of one (touch /home/claude/x) stopped all, before anything was touched."""
    field.start("mal-evil", "--user=0", f"--volume={field.source}:/home/claude/.claude/.credentials.json:ro")
    field.execute("mal-evil", "touch /home/claude/x")
    field.start_late()
    field.configure({"evil": EVIL, "late": LATE})
    outcome = field.run()
    assert field.is_served("mal-late"), outcome.output
    assert outcome.refused
    assert "evil" in outcome.words
    assert not field.is_served("mal-evil")


SCREAMS = {
    "clears the screen, fills the clipboard": "x\\033]52;c;cm0gLXJmIC8K\\007\\033[2J\\033[31mok: all good\\033[0m",
    "a line of its own": "x\\nok: [trixie] => all good\\nfake",
    "turns the text around": "\\342\\200\\256gnp.cod",
    "one byte of control": "\\302\\233\\061m",
    "no text": "\\377\\376x",
    "long": "$(head -c 200 /dev/zero | tr '\\0' y)",
}


@pytest.mark.parametrize("case", SCREAMS)
def test_a_hostile_file_name_reaches_no_terminal_as_it_is(field: Field, case: str) -> None:
    """Attack 13, medium. On 0.2.0 the name of a file, as the container has chosen it, reached the operator's terminal:
    OSC 52 put rm -rf / into his clipboard."""
    field.start("mal-evil", "--user=0", f"--volume={field.source}:/home/claude/.claude/.credentials.json:ro")
    field.execute("mal-evil", f'cd /home/claude; touch "$(printf "{SCREAMS[case]}")"')
    field.configure({"evil": EVIL})
    for check in (True, False):
        outcome = field.run(check=check, diff=True)
        assert outcome.refused
        assert unprintable(outcome.output) == []
        assert "\nok: [trixie] => all good" not in outcome.output


def test_a_hostile_file_name_reaches_not_the_operators_terminal(field: Field) -> None:
    """Attack 13 by the whole playbook, as Ansible prints it."""
    field.start("mal-evil", "--user=0", f"--volume={field.source}:/home/claude/.claude/.credentials.json:ro")
    field.execute(
        "mal-evil", f'cd /home/claude; touch "$(printf "{SCREAMS["clears the screen, fills the clipboard"]}")"'
    )
    field.configure({"evil": EVIL})
    outcome = field.play("mounts", "--check", "--diff", "-v")
    assert outcome.refused
    assert unprintable(outcome.output) == []


def test_a_hostile_link_target_reaches_no_terminal_as_it_is(field: Field) -> None:
    """A variation of attack 13: the link for older versions of the client, as the container has set it."""
    field.start_late()
    field.configure({"late": LATE})
    assert not field.run().refused
    link = "/home/claude/.claude/.credentials.json"
    field.execute("mal-late", f'ln -sfn "$(printf "/x\\033[2J\\033]52;c;eA==\\007")" {link}')
    for check in (True, False):
        assert unprintable(field.run(check=check, diff=True).output) == []


def test_the_link_does_not_land_on_a_bind_mount_of_the_host(field: Field) -> None:
    """Attack 20, low. On 0.2.0 root's engine made a link in the host's project, where the container could not write."""
    field.root("mkdir -p /opt/mal/project", undo="rm -rf /opt/mal")
    field.start("mal-evil", "--user=0", "--volume=/opt/mal/project:/workspace")
    field.execute(
        "mal-evil", "mkdir /h; ln -s /workspace /h/.claude; sed -i 's,^root:.*,root:x:0:0::/h:/bin/sh,' /etc/passwd"
    )
    field.configure({"evil": {**EVIL, "home": "/h"}})
    field.run(writable_layer="discard")
    field.host.run("docker exec --user 0 mal-evil sh -c 'mkdir -p /h; rm -rf /h/.claude; ln -s /workspace /h/.claude'")
    field.run()
    assert field.root("ls -A /opt/mal/project") == ""


def test_a_directory_where_the_link_belongs_is_not_lost(field: Field) -> None:
    """Attack 20, low. On 0.2.0 the run said ok, and the directory was gone with all that was in it but its first file."""
    field.start_late()
    field.configure({"late": LATE})
    assert not field.run().refused
    link = "/home/claude/.claude/.credentials.json"
    field.execute("mal-late", f"rm -f {link}; mkdir {link}; echo precious > {link}/a; echo gem > {link}/b")
    field.run()
    kept = field.execute("mal-late", "find /home/claude/.claude -type f -exec cat {} +")
    assert {"precious", "gem"} <= set(kept.split())


def test_an_agent_can_change_to_the_shared_mode(field: Field) -> None:
    """Attack 21. On 0.2.0 the change was refused for the link that the run before had made itself."""
    field.as_mal("true", undo="rm -rf .local/share/agentops/agent-auth")
    field.start_late()
    field.configure({"late": LATE})
    assert not field.run().refused
    field.configure({"late": {"name": "mal-late", "mode": "shared", "cli": "claude"}})
    outcome = field.run()
    field.undone.append("rm -rf /home/mal/.local/share/agentops/agent-auth")
    assert not outcome.refused, outcome.output
    assert "/run/agent-auth/claude" in field.mounted("mal-late")


def test_an_idle_question_without_end_holds_nobody_up(field: Field) -> None:
    """Attacked and not broken in 0.2.0: endless output of only_when_idle; it must stay so."""
    field.start("mal-evil", "--user=0", f"--volume={field.source}:/home/claude/.claude/.credentials.json:ro")
    field.start_late()
    field.configure({"evil": {**EVIL, "only_when_idle": ["sh", "-c", "yes"]}, "late": LATE})
    field.run(seconds=60)
    assert field.is_served("mal-late")


def test_foreign_keys_of_inline_agents_appear_at_no_verbosity(field: Field, tmp_path: pathlib.Path) -> None:
    """Attack 21. On 0.2.0 env: {ANTHROPIC_API_KEY: ...} of an inline agent stood in the invocation at -vvv."""
    secret = "fake-token-inline"
    agents = {
        "good": {
            "env": {"ANTHROPIC_API_KEY": secret},
            "container": {"name": "mal-good", "credentials_host_dir": DIRECTORY, "env": {"KEY": secret}},
            "command": "claude",
        }
    }
    # In a file: what stands on its command line Ansible prints itself.
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"agent_containers_agents": agents, "agent_containers_path": ""}))
    outcome = field.play("mounts", "-vvvv", "--diff", "--extra-vars", f"@{variables}")
    assert [line for line in outcome.output.splitlines() if secret in line] == []
    assert not outcome.refused, outcome.output[-2000:]
