"""What mal can write into agents.json is a fault of that agent, in one sentence, or harmless: never a crash."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.attacks import DIRECTORY, GOOD, LATE, Field, unprintable

FAULTS: dict[str, dict[str, Any]] = {
    "NUL in the directory": {"credentials_host_dir": "/home/mal/x\0y"},
    "NUL in the path": {"credentials_host_path": "/home/mal/\0"},
    "line break in the directory": {"credentials_host_dir": "/home/mal/x\nExecStart=/bin/sh"},
    "lone surrogate in the directory": {"credentials_host_dir": "/home/mal/\ud800"},
    "a name of a thousand characters": {"credentials_host_dir": "/home/mal/" + "x" * 1000},
    "a path of a million characters": {"credentials_host_dir": "/home/mal" + "/x" * 500000},
    "a link to itself": {"credentials_host_dir": "~/loop"},
    "a user of 5000 digits": {"mode": "shared", "user": "1" * 5000},
    "a user beyond all ids": {"mode": "shared", "user": "4294967296"},
    "a negative user": {"mode": "shared", "user": "-1"},
    "a user of foreign digits": {"mode": "shared", "user": "²:²"},
    "an escape sequence as home": {"home": "/home/\x1b]52;c;cm0gLXJmIC8K\x07"},
    "a relative home": {"home": "../../etc"},
    "a number as directory": {"credentials_host_dir": 7},
    "a list as directory": {"credentials_host_dir": [[[]]]},
}


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize("apply", [True, False], ids=["apply", "launchers"])
def test_a_fault_is_named_with_its_agent(field: Field, case: str, apply: bool) -> None:
    """Attack 19, low. On 0.2.0: "Module failed: embedded null byte", and no hint which agent."""
    field.as_mal("ln -sfn loop loop", undo="rm -f loop")
    field.configure({"faulty": {"name": "mal-faulty", "credentials_host_dir": DIRECTORY, **FAULTS[case]}, "good": GOOD})
    outcome = field.run(apply=apply, seconds=15)
    assert not outcome.crashed, outcome.output
    assert "mal-good" in field.containers()
    if outcome.refused:
        assert "faulty" in outcome.words
    assert unprintable(outcome.output) == []


NAMES = [
    "\x1b[2J\x1b[31mok",
    "a\nb",
    "\u202egnihtemos",
    "\x9b31m",
    "{{ lookup('pipe', 'touch /tmp/pwned') }}",
    "x" * 5000,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_of_an_agent_reaches_no_terminal_as_it_is(field: Field, name: str) -> None:
    """Attack 13, medium. On 0.2.0 the agent's name stood raw in the message."""
    field.configure({name: {"name": "mal-faulty", "credentials_host_dir": 7}, "good": GOOD})
    outcome = field.run()
    assert unprintable(outcome.output) == []
    assert "x" * 2000 not in outcome.output
    assert not field.host.file("/tmp/pwned").exists


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"agents": 7}', '{"agents": {"a": 7}}', "[" * 100000, "\ufeff{}"]
)
def test_a_document_of_another_form_is_a_fault(field: Field, text: str) -> None:
    """Attack 19, low. On 0.2.0 a deep document ended in "maximum recursion depth exceeded"."""
    field.write("agents.json", text)
    outcome = field.run()
    assert not outcome.crashed, outcome.output


def test_roots_registry_login_that_is_broken_is_no_crash(field: Field) -> None:
    """Attack 19, low. On 0.2.0: "Module failed: Incorrect padding", from root's ~/.docker/config.json."""
    save = "cp -p /root/.docker/config.json /root/.config.json.saved"
    field.root(
        f'{save}; echo \'{{"auths": {{"r": {{"auth": "Zg"}}}}}}\' > /root/.docker/config.json',
        undo="mv /root/.config.json.saved /root/.docker/config.json",
    )
    field.start_late()
    field.configure({"late": LATE})
    outcome = field.run()
    assert not outcome.crashed, outcome.output
    assert field.is_served("mal-late")


STATUSES = [
    '{"source": ["x"]}',
    '{"source": {"path": 3}}',
    '{"source": {"path": "\\u0000"}}',
    "[" * 5000,
    "\x00",
    "7",
    "",
]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_of_another_form_is_no_crash(field: Field, status: str) -> None:
    """Attack 19, low. On 0.2.0 agent_mounts_info crashed on the status of a mirror, which mal can write."""
    path = ".config/claude-hooks/.claude-credentials.staging/status.json"
    field.as_mal(f"cp {path} status.saved", undo=f"mv status.saved {path}")
    field.write(path, status)
    assert not field.run().refused
    info = field.run("agent_mounts_info")
    assert not info.crashed, info.output
    assert not info.refused, info.output


def test_a_home_that_is_gone_is_a_fault_of_the_mirror(field: Field) -> None:
    """Attack 19, low. On 0.2.0: "[Errno 2] ... '/home/mal'"."""
    field.root("mv /home/eve /home/eve.away", undo="mv /home/eve.away /home/eve")
    outcome = field.run("creds_mirror", user="eve")
    assert outcome.refused
    assert "Errno" not in outcome.output
    assert "/home/eve" in outcome.words
