"""The files that root reads and writes for mal: agents.json and the manifest. He follows none of mal's links."""

from __future__ import annotations

import pytest

from testbed.attacks import Field

MANIFESTS = {
    "its directory a link": ("~mal/out/agents.service", "ln -s /etc/systemd/system out"),
    "its directory a link, deep": ("~mal/out/empty/agents.json", "ln -s /opt/treasure/deep out"),
    "a link to a directory": ("~mal/out", "ln -s /etc/systemd/system out"),
    "a link to a directory of root's path": ("~mal/out", "ln -s /usr/local/sbin out"),
    "a link to a file": ("~mal/out", "ln -s /opt/treasure/secret.json out"),
    "a link to what is not there": ("~mal/out", "ln -s /etc/systemd/system/new.service out"),
    "a link to a link": ("~mal/out", "ln -s out2 out; ln -s /etc/tmpfiles.d out2"),
}
CLEAN = "rm -rf out out2"


@pytest.mark.parametrize("case", MANIFESTS)
def test_the_manifest_is_not_written_through_mals_links(field: Field, case: str) -> None:
    """Attack 3, critical. On 0.2.0 root wrote a unit of mal's own into /etc/systemd/system, and gave it to him."""
    path, before = MANIFESTS[case]
    field.as_mal(f"{CLEAN}; {before}", undo=CLEAN)
    watched = field.snapshot()
    field.run(manifest=path)
    assert field.snapshot() == watched


def test_a_hard_link_at_the_manifests_place_is_replaced_not_written(field: Field) -> None:
    """A variation of attack 3, where the kernel lets mal make it."""
    field.root("ln /opt/treasure/secret.json /home/mal/out", undo="rm -f /home/mal/out")
    before = field.root("cat /opt/treasure/secret.json; stat -c %u:%a /opt/treasure/secret.json")
    field.run(manifest="~mal/out")
    assert field.root("cat /opt/treasure/secret.json; stat -c %u:%a /opt/treasure/secret.json") == before


def test_a_manifest_in_mals_home_is_mals(field: Field) -> None:
    """What the attack abused goes on to work, and a second run changes nothing."""
    field.as_mal("true", undo="rm -rf manifests out")
    field.as_mal("mkdir -p manifests")
    assert not field.run(manifest="~mal/manifests/launchers.json").refused
    assert field.root("stat -c %U:%a /home/mal/manifests/launchers.json") == "mal:644"
    assert not field.run(manifest="~mal/manifests/launchers.json").result["changed"]


SOURCES = {
    "a FIFO": "mkfifo agents.json",
    "a device without end": "ln -s /dev/zero agents.json",
    "a terminal": "ln -s /dev/tty agents.json",
    "a directory": "mkdir agents.json",
    "a gigabyte": "truncate -s 1G agents.json",
    "deep": "head -c 3000000 /dev/zero | tr '\\0' '[' > agents.json",
    "a link to a FIFO": "mkfifo fifo; ln -s fifo agents.json",
    "a link to a file of root": "ln -s /opt/treasure/secret.json agents.json",
    "a link to itself": "ln -s agents.json agents.json",
    "a process's memory": "ln -s /proc/self/mem agents.json",
    "the kernel's log": "ln -s /proc/kmsg agents.json",
}


@pytest.mark.parametrize("case", SOURCES)
def test_an_agents_json_that_is_no_small_file_of_mals_is_refused_at_once(field: Field, case: str) -> None:
    """Attack 15, medium. On 0.2.0 a FIFO held the run for ever, and a link to /dev/zero filled the memory."""
    field.as_mal(f"rm -f agents.json; {SOURCES[case]}", undo="rm -rf agents.json fifo")
    outcome = field.run(seconds=30)
    assert outcome.refused
    assert "agents.json" in outcome.words
    assert "TREASURE" not in outcome.output
    assert not outcome.crashed, outcome.output


def test_a_hard_link_to_a_file_of_root_is_not_read_out(field: Field) -> None:
    """A variation of attack 15, where the kernel lets mal make it: a fault quotes what is in the file."""
    field.root(
        "rm -f /home/mal/agents.json; ln /opt/treasure/secret.json /home/mal/agents.json",
        undo="rm /home/mal/agents.json",
    )
    outcome = field.run()
    assert outcome.refused
    assert "TREASURE" not in outcome.output
