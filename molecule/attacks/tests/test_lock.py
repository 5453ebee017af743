"""Nobody from outside stops or stalls a run: the lock is where only those who may use the engine can get at it."""

from __future__ import annotations

import pytest

from testbed.attacks import LATE, Field

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
LOCK = "/run/lock/agentops-credentials.lock"
OBSTACLES = {
    "a FIFO": f"mkfifo {LOCK}",
    "a directory": f"mkdir {LOCK}",
    "a link to a FIFO": f"mkfifo /tmp/fifo; ln -s /tmp/fifo {LOCK}",
    "a link to what is not there": f"ln -s /opt/treasure/made-by-root {LOCK}",
    "a link to a file of root": f"ln -s /opt/treasure/secret.json {LOCK}",
    "a link to a terminal": f"ln -s /dev/tty {LOCK}",
    "a link to itself": f"ln -s {LOCK} {LOCK}",
    "a socket": f"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{LOCK}\")'",
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_what_another_user_makes_at_the_locks_place_stops_nobody(field: Field, case: str) -> None:
    """Attack 8, high. On 0.2.0 a FIFO of any local user at the lock's place in a 1777 directory held each run for ever."""
    field.root(f"rm -rf {LOCK} /tmp/fifo", undo=f"rm -rf {LOCK} /tmp/fifo")
    field.host.check_output(f"{NOBODY} sh -c %s", OBSTACLES[case])
    watched = field.snapshot()
    field.start_late()
    field.configure({"late": LATE})
    outcome = field.run(seconds=30)
    assert field.is_served("mal-late"), outcome.output
    assert field.snapshot() == watched


@pytest.mark.parametrize("user", ["mal", "nobody"])
def test_a_lock_that_another_user_holds_stalls_nobody(field: Field, user: str) -> None:
    """A variation of attack 8: whoever can open the lock's file, if only to read it, can lock it for as long as he likes."""
    assert not field.run().refused  # makes the lock, wherever it is
    files = field.root("find /run -xdev -name '*agentops*' 2>/dev/null || true").split()
    holder = f"{NOBODY} " if user == "nobody" else "runuser -u mal -- "
    for path in files:
        field.undone.append(f"fuser -k {path}")
        field.host.run(f"nohup {holder} flock --exclusive {path} sleep 40 >/dev/null 2>&1 & sleep 0.2")
    field.start_late()
    field.configure({"late": LATE})
    outcome = field.run(seconds=30)
    assert field.is_served("mal-late"), outcome.output
