"""What a container has mounted, and what has left its place on the host since, is neither lost nor made by the engine."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.field import Field

TOP = "/opt/field_reports"
SOCKET = "/run/engine-proxy.sock"


@pytest.fixture(scope="module")
def ran(field: Field) -> dict[str, Any]:
    run = field.host.check_output
    run(f"rm -rf {TOP}; mkdir -p {TOP}/conf {TOP}/wt/feature {TOP}/again {TOP}/dev")
    run(
        f"cd {TOP}; echo the-only-copy > conf/app.toml; echo work > wt/feature/report.md; echo 1 > ro; echo 1 > rw; echo 1 > same"
    )
    before = {
        "gone": field.start("gone", f"-v {TOP}/conf/app.toml:/opt/app.toml -v {TOP}/wt/feature:/work"),
        "again": field.start("again", f"-v {TOP}/again:/work"),
        "rw": field.start("rw", f"-v {TOP}/rw:/opt/file"),
        "fine": field.start("fine", f"-v {TOP}/ro:/opt/ro:ro -v {TOP}/same:/opt/same -v {TOP}/dev:/opt/dev:ro,rslave"),
    }
    run(f"cd {TOP}; rm -r conf; mv wt/feature wt/feature-done; rmdir again; mkdir again")
    run(f"cd {TOP}; for file in ro rw same; do cp $file new; mv new $file; done; echo 2 > ro; echo 2 > rw")
    return {"before": before, "predicted": field.serve(*before, check=True), "done": field.serve(*before)}


REFUSED = {
    "gone": [
        f"the container has {TOP}/conf/app.toml of the host at /opt/app.toml, and that path is gone from the host",
        f"the container has {TOP}/wt/feature of the host at /work, and that path is gone from the host",
    ],
    "again": [f"the container has {TOP}/again of the host at /work, and that is another directory now"],
    "rw": [
        f"the container has {TOP}/rw of the host at /opt/file, and that file was replaced on the host by one of other"
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_path_and_its_container_goes_on(field: Field, ran: dict[str, Any], name: str) -> None:
    """Blackwellboy/model-serving-minefield#100, StayPirate/secbox#8, oneprolabs/hyperfilelens#1229: a configuration file
    was deleted, a git worktree moved."""
    for _succeeded, result in (ran["predicted"], ran["done"]):
        assert all(words in result["agents"][name]["failure"] for words in REFUSED[name])
    assert field.is_untouched(ran["before"][name])


def test_nothing_is_made_on_the_host_and_nothing_is_lost(field: Field, ran: dict[str, Any]) -> None:
    """moby/moby#35821, docker/for-linux#1074."""
    assert not field.host.file(f"{TOP}/conf").exists
    assert not field.host.file(f"{TOP}/wt/feature").exists
    assert field.inside(field.full("gone"), "/opt/app.toml /work/report.md") == "the-only-copy\nwork"


def test_a_file_that_was_replaced_and_not_written_inside_is_told(field: Field, ran: dict[str, Any]) -> None:
    for _succeeded, result in (ran["predicted"], ran["done"]):
        told = [one for one in result["agents"]["fine"]["differences"] if "replaced" in one]
        assert told == [
            f"the file {TOP}/ro was replaced: at /opt/ro comes the present one",
            f"the file {TOP}/same was replaced: at /opt/same comes the present one",
        ]
    assert field.is_served("fine")
    assert field.inside(field.full("fine"), "/opt/ro") == "2"


def test_a_replaced_file_can_be_accepted(field: Field, ran: dict[str, Any]) -> None:
    succeeded, result = field.serve("rw", accept_replaced_files=True)
    assert succeeded, result
    assert field.is_served("rw")
    assert field.inside(field.full("rw"), "/opt/file") == "2"


def test_binds_are_what_they_were_and_a_second_run_changes_nothing(field: Field, ran: dict[str, Any]) -> None:
    old, new = ran["before"]["fine"], field.inspect(field.full("fine"))
    mounts = [
        {one["Destination"]: (one["Source"], one["RW"], one["Propagation"]) for one in document["Mounts"]}
        for document in (old, new)
    ]
    for place in ("/opt/ro", "/opt/same", "/opt/dev"):
        assert mounts[0][place] == mounts[1][place]
    succeeded, again = field.serve("fine", "rw")
    assert succeeded and not again["changed"]


def test_what_goes_while_the_container_stands_still_is_not_made_by_the_engine(field: Field) -> None:
    """The replacement is refused by the engine, the original by the module; put back, the next run goes on."""
    field.host.check_output(f"mkdir -p {TOP}/late && echo kept > {TOP}/late/file")
    field.start("late", f"-v {TOP}/late:/work")
    field.host.check_output(
        f"systemd-run --collect --unit engine-proxy -- engine-proxy {SOCKET} --at 8 --then 'mv {TOP}/late {TOP}/moved'"
    )
    field.host.check_output(f"timeout 10 sh -c 'until test -S {SOCKET}; do sleep 0.05; done'")
    succeeded, result = field.serve("late", docker_host=f"unix://{SOCKET}")
    field.host.run("systemctl stop engine-proxy.service")
    assert not succeeded
    assert f"{TOP}/late, which the container mounts, is gone from the host" in result["msg"]
    assert not field.host.file(f"{TOP}/late").exists
    field.host.check_output(f"mv {TOP}/moved {TOP}/late")
    succeeded, result = field.serve("late")
    assert succeeded, result
    assert field.is_served("late")
    assert field.inside(field.full("late"), "/work/file") == "kept"
