"""The mirror: what a user's links, logins and disks make of it, in both scopes. eve is a user with a mirror of her own."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.attacks import Field, Outcome
from testbed.hosts import Agents, wait_until

CLIS = {
    "claude": ".claude/.credentials.json",
    "codex": ".codex/auth.json",
    "gemini": ".gemini/oauth_creds.json",
    "opencode": ".local/share/opencode/auth.json",
    "copilot": ".copilot/config.json",
}


@pytest.fixture
def eve(field: Field) -> Iterator[Agents]:
    """A user with a login and no mirror yet; what a test has set up for her is taken away after it."""
    eve = Agents(field.host, "eve")
    yield eve
    field.undo()
    for scope in ("system", "user"):
        field.run("creds_mirror", user="eve", scope=scope, state="absent")
    field.host.run("rm -rf /home/eve/.[a-z]* /home/eve/[a-z]* /tmp/pwned*")
    field.as_mal("fake-login ~/.claude/.credentials.json atomic_rename 1", user="eve")


def mirror(field: Field, **arguments: Any) -> Outcome:
    return field.run("creds_mirror", user="eve", **arguments)


INJECTIONS = {
    "a line break": "x\nExecStartPre=+",
    "a carriage return": "x\rExecStartPre=+",
    "a line break and a section": "x\n[Service]\nExecStartPre=+",
    "a backslash at the end of a line": "x\\\nExecStartPre=+",
    "a quote": 'x" "/etc" ExecStartPre="',
    "a specifier": "%h%%n%",
    "a blank and a minus": "x -/etc",
    "a colon": "x:/etc/shadow:rw",
    "a control character": "x\x1b[2J",
    "a bidi control": "x\u202e",
}


@pytest.mark.parametrize("where", ["the file", "the directory"])
@pytest.mark.parametrize("case", INJECTIONS)
def test_a_link_does_not_inject_lines_into_roots_units(field: Field, eve: Agents, case: str, where: str) -> None:
    """Attack 2, critical. On 0.2.0 the path that the login's link led to went into root's units as it was: a line
    ExecStartPre=+/home/eve/e, and PID 1 ran it as root. (The directory: the same by a link above the login.)"""
    directory = f"{INJECTIONS[case]}/home/eve/e"
    field.as_mal("printf '#!/bin/sh\\nid > /tmp/pwned\\n' > e; chmod 755 e", user="eve")
    field.as_mal(
        f"mkdir -p {shlex.quote(directory)}; cp .claude/.credentials.json {shlex.quote(directory)}/", user="eve"
    )
    if where == "the file":
        link = f"rm .claude/.credentials.json; ln -s ~/{shlex.quote(directory)}/.credentials.json .claude/.credentials.json"
    else:
        link = f"rm -r .claude; ln -s ~/{shlex.quote(directory)} .claude"
    field.as_mal(link, user="eve")
    mirror(field, scope="system")
    field.host.run("systemctl start 'claude-creds-mirror@eve.service' 'claude-creds-mirror-verify@eve.service'")
    units = field.host.run("cat /etc/systemd/system/claude-creds-mirror*@eve.*").stdout
    assert not [line for line in units.splitlines() if line.startswith("ExecStartPre")], units
    assert "/etc/shadow" not in field.host.run("systemctl show claude-creds-mirror@eve.service -p BindPaths").stdout
    assert not field.host.file("/tmp/pwned").exists


def test_the_mirrors_service_shows_its_user_nothing_that_he_may_not_read(field: Field, eve: Agents) -> None:
    """Attack 9a, high. On 0.2.0 PID 1 bound the directory of the login, as root, where the user's link led to; the user
    looked through /proc/PID/root of the service, which runs as her, and read alice's diary below her closed home."""
    assert not mirror(field, scope="system").refused
    wait_until(lambda: field.host.file(eve.published).exists, "no login is published")
    staging = "~/.config/claude-hooks/.claude-credentials.staging"
    look = (
        "mv .claude .claude.real; ln -s /home/alice/private .claude; "
        f"( exec 9<{staging}; flock -x 9; sleep 8 ) & "
        "for _try in $(seq 80); do for p in $(pgrep -u eve -f creds_mirror); do "
        "cat /proc/$p/root/home/eve/.claude/diary.txt 2>/dev/null && break 2; done; sleep 0.1; done; "
        "rm .claude; mv .claude.real .claude"
    )
    field.host.run("systemctl start --no-block claude-creds-mirror@eve.service")
    started = field.as_mal(f"({look}) > look.txt 2>/dev/null & echo started", user="eve")
    assert started.strip() == "started"
    for _try in range(6):
        time.sleep(1)
        field.host.run(
            "systemctl start --no-block claude-creds-mirror@eve.service claude-creds-mirror-verify@eve.service"
        )
    time.sleep(3)
    assert "ALICE-PRIVATE" not in field.host.run("cat /home/eve/look.txt").stdout


@pytest.mark.parametrize("place", [".config/claude-hooks", ".config/claude-hooks/claude-credentials", ".config"])
def test_the_guards_mount_shows_nothing_that_the_user_may_not_read(field: Field, eve: Agents, place: str) -> None:
    """Attack 9b, high. On 0.2.0 the guard's mount unit, at its next start, followed the user's link as root, and all
    local users could read alice's directory in /run/creds-mirror, for good."""
    field.root("gpasswd --add eve docker", undo="gpasswd --delete eve docker")
    assert not mirror(field, guard_directory=True).refused
    units = field.root("systemctl list-units --plain --no-legend 'run-creds*eve*.mount' | cut -d ' ' -f 1").split()
    assert units
    quoted = " ".join(shlex.quote(unit) for unit in reversed(units))
    field.host.run(f"systemctl stop {quoted}")
    field.as_mal(f"mv {place} real; ln -s /home/alice/private {place}", user="eve")
    field.host.run(f"systemctl start {quoted}")
    seen = field.host.run(
        "find /run/creds-mirror -name diary.txt; runuser -u eve -- find /run/creds-mirror -name diary.txt"
    )
    field.host.run(f"systemctl stop {quoted}")
    assert seen.stdout == ""


def test_who_may_not_use_the_engine_has_no_guard_in_her_home(field: Field, eve: Agents) -> None:
    """A variation of attack 9b: a link that comes between systemd's look at the way and its mount. What the same user had
    while she was in the group goes to the place system in one run."""
    field.root("gpasswd --add eve docker", undo="gpasswd --delete eve docker")
    assert not mirror(field, guard_directory=True).refused
    field.root("gpasswd --delete eve docker")
    outcome = mirror(field, guard_directory=True)
    assert outcome.refused
    assert "set creds_mirror_place to system" in outcome.output
    foretold = mirror(field, check=True, guard_directory=True, place="system")
    moved = mirror(field, guard_directory=True, place="system")
    assert not moved.refused, moved.output
    assert foretold.result["changes"] == moved.result["changes"]
    view = "findmnt --noheadings --output SOURCE --target /run/creds-mirror/eve/claude/claude-credentials"
    assert "/var/lib/agentops-credentials/eve/claude-credentials" in field.root(view)
    left = field.host.file("/home/eve/.config/claude-hooks/claude-credentials")
    assert left.is_symlink and left.linked_to == "/var/lib/agentops-credentials/eve/claude-credentials"
    assert "rmdir: " in field.host.run("rmdir /var/lib/agentops-credentials/eve/claude-credentials").stderr
    assert not mirror(field, guard_directory=True, place="system").result["changed"]
    assert not mirror(field, state="absent", place="system").refused


@pytest.mark.parametrize("place", [".config/claude-hooks", ".config"])
def test_a_move_between_the_places_goes_nowhere_that_a_link_leads(field: Field, eve: Agents, place: str) -> None:
    """Found since: the home's side was resolved as the user, and root's directories were taken; with a link there root put
    eve's directory into /etc/systemd/system."""
    assert not mirror(field, place="system").refused
    treasure = "/opt/treasure" if place == ".config" else "/etc/systemd/system"
    field.root("mkdir -p /opt/treasure/claude-hooks", undo="rm -rf /opt/treasure/claude-hooks")
    field.as_mal(f"rm -rf {place}; mkdir -p $(dirname {place}); ln -s {treasure} {place}", user="eve")
    watched = field.snapshot()
    assert mirror(field, place="home", root="~/.config/claude-hooks").refused
    assert field.snapshot() == watched
    field.as_mal(f"rm {place}", user="eve")
    assert not mirror(field, place="system", state="absent").refused


def test_root_runs_no_program_that_a_user_has_configured(field: Field, eve: Agents) -> None:
    """Found since: creds-mirror client, typed by root with eve's configuration, ran the program that this names."""
    assert not mirror(field, scope="system").refused
    config = json.loads(field.root("cat /etc/creds-mirror/eve/claude.json"))
    field.as_mal("printf '#!/bin/sh\nid > /tmp/pwned\n' > e; chmod 755 e", user="eve")
    hostile = shlex.quote(json.dumps({**config, "keep_warm": ["/home/eve/e"], "notify": ["/home/eve/e"]}))
    field.as_mal(f"printf %s {hostile} > evil.json", user="eve")
    for command in ("client", "keep-warm", "notify"):
        for path in ("/home/eve/evil.json", "/etc/creds-mirror/eve/claude.json"):
            done = field.host.run(f"/usr/local/bin/creds-mirror {command} {path}")
            assert done.rc == 77 and "run it as that user" in done.stderr, done.stdout + done.stderr
    assert not field.host.file("/tmp/pwned").exists


def test_a_full_disk_does_not_cost_the_login_at_a_rotation(field: Field, eve: Agents) -> None:
    """Attack 5, high. On 0.2.0 a short write of the rotation raised nothing: the login ended at character 4096, exit 0,
    and the refresh token was gone."""
    uid = field.root("id -u eve").strip()
    mount = f"mount -t tmpfs -o size=64k,mode=700,uid={uid} none /home/eve/.claude"
    field.root(
        f"cp -p {eve.source} /tmp/login; {mount}; cp -p /tmp/login {eve.source}", undo="umount /home/eve/.claude"
    )
    grow = (
        "import json, sys; path = sys.argv[1]; login = json.load(open(path)); "
        "login['mcpOAuth'] = {str(n): {'accessToken': 'fake-token-' + 'x' * 100} for n in range(40)}; "
        "json.dump(login, open(path, 'w'))"
    )
    field.root(f"runuser -u eve -- python3 -c {shlex.quote(grow)} {eve.source}")
    assert not mirror(field).refused
    # One block is left, and the login needs two.
    field.root(
        "cd /home/eve/.claude; dd if=/dev/zero of=fill bs=1k count=$(( $(df -k --output=avail . | tail -1) - 4 ))"
    )
    before = field.root(f"sha256sum < {eve.source}")
    rotated = field.host.run("runuser -l eve -c '~/.local/bin/creds-mirror rotate'")
    assert field.root(f"sha256sum < {eve.source}") == before, rotated.stdout + rotated.stderr
    assert rotated.rc != 0
    assert field.root("ls -A /home/eve/.claude").split() == [".credentials.json", "fill"]


EXTRA: dict[str, dict[str, Any]] = {
    "snake case": {"refresh_token": "fake-token-refresh-1"},
    "a backup": {"refreshTokenBackup": "fake-token-refresh-2"},
    "capitals": {"REFRESHTOKEN": "fake-token-refresh-3"},
    "nested": {"nested": {"deep": [{"refreshToken": "fake-token-refresh-4"}]}},
    "unknown keys": {"idToken": "fake-token-refresh-5", "other": "fake-token-refresh-6", "x": ["fake-token-refresh-7"]},
}


def merged(document: Any, extra: dict[str, Any]) -> Any:
    """A login with more keys, at its top and in each object of it."""
    if not isinstance(document, dict):
        return document
    return extra | {key: merged(value, extra) for key, value in document.items()}  # Gemini needs its own refresh_token


@pytest.mark.parametrize("case", EXTRA)
def test_unknown_keys_of_a_login_are_not_published(field: Field, eve: Agents, case: str) -> None:
    """Attack 14, medium. On 0.2.0 the reduction was a deny-list: refresh_token, refreshTokenBackup, idToken and what is
    nested were published."""
    for cli, source in CLIS.items():
        path = f"/home/eve/{source}"
        field.as_mal(f"fake-login {path} atomic_rename 1 {cli}", user="eve")
        text = field.root(f"grep -v '^//' {path}")
        login = merged(json.loads(text), EXTRA[case])
        field.as_mal(f"printf %s {shlex.quote(json.dumps(login))} > {path}", user="eve")
    assert not mirror(field, clis=list(CLIS), seconds=120).refused  # five mirrors, on a busy machine
    for cli, source in CLIS.items():
        name = source.rpartition("/")[2]
        published = field.host.run(f"cat /home/eve/.config/claude-hooks/{cli}-credentials/{name}").stdout
        leaked = [
            f"fake-token-refresh-{number}" for number in range(1, 8) if f'fake-token-refresh-{number}"' in published
        ]
        assert leaked == [], f"{cli}: {published}"
        # Either the login without them, or nothing at all where the client's own check refuses it.
        assert "fake-token-access" in published or published == "", cli


ENDS = ["99999999999999999", "1e30", "4102444800000000", "-1", "null", '"99999999999999999"', "9" * 400]


@pytest.mark.parametrize("end", ENDS)
def test_an_absurd_end_does_not_pin_the_mirror(field: Field, eve: Agents, end: str) -> None:
    """Attack 16, medium. On 0.2.0 a login that ends in the year 5138 (seconds taken for milliseconds) kept each login
    after it from being published, until somebody removed the file."""
    text = field.root(f"cat {eve.source}")
    start, _key, rest = text.partition('"expiresAt": ')
    pinned = f'{start}"expiresAt": {end}{rest[len(rest.split(",")[0]) :]}'.replace("000001", "000002")
    field.as_mal(f"printf %s {shlex.quote(pinned)} > .claude/.credentials.json", user="eve")
    assert not mirror(field).refused
    time.sleep(1)
    eve.login("atomic_rename", 3)
    eve.wait_until_published(3)


def test_verify_says_why_a_mirror_is_not_current(field: Field) -> None:
    """Attack 18, low. On 0.2.0: "Task failed: Action failed: Unknown error."."""
    uid = field.root("id -u mal").strip()
    revive = "claude-creds-revive@mal.timer"  # would start it again within a minute
    field.root(
        f"systemctl stop {revive} user@{uid}.service", undo=f"systemctl start user@{uid}.service {revive}; sleep 1"
    )
    field.login("atomic_rename", 7)
    outcome = field.play("verify")
    assert outcome.refused
    assert "Unknown error" not in outcome.output
    assert "creds-mirror status" in outcome.words


@pytest.mark.parametrize("hours", [6, -6])
def test_a_clock_that_was_set_does_not_change_the_grace_of_a_logout(field: Field, eve: Agents, hours: int) -> None:
    """Attack 21. On 0.2.0 on_logout: withdraw counted by the wall clock: six hours back, and the login stayed published
    for six hours more; six hours on, and it went at once."""
    grace = 5
    assert not mirror(field, on_logout="withdraw", logout_grace=grace).refused
    wait_until(lambda: field.host.file(eve.published).exists, "no login is published")
    status = "/home/eve/.config/claude-hooks/.claude-credentials.staging/status.json"
    field.as_mal("rm .claude/.credentials.json", user="eve")
    eve.systemctl("start", "claude-creds-mirror-verify.service")
    # The clock cannot be set on a throwaway host, for it is the machine's: what was noted by it is shifted instead.
    shift = (
        "import json, sys; path = sys.argv[1]; document = json.load(open(path)); hours = float(sys.argv[2])\n"
        "def shifted(value, key=''):\n"
        "    if isinstance(value, dict): return {k: shifted(v, k) for k, v in value.items()}\n"
        "    ours = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 1e9 and 'since' in key\n"
        "    return value + hours * 3600 if ours else value\n"
        "json.dump(shifted(document), open(path, 'w'))"
    )
    field.root(f"runuser -u eve -- python3 -c {shlex.quote(shift)} {status} {hours}")
    started = time.monotonic()
    eve.systemctl("start", "claude-creds-mirror-verify.service")
    if hours < 0 and time.monotonic() - started < grace - 2:
        assert field.host.file(eve.published).exists, "withdrawn before the grace was over"

    def withdrawn() -> bool:
        eve.systemctl("start", "claude-creds-mirror-verify.service")
        return not field.host.file(eve.published).exists

    wait_until(withdrawn, "the login is still published", seconds=grace + 15)


def test_a_killed_mirror_leaves_no_part_of_a_login(field: Field, eve: Agents) -> None:
    """Attack 21. On 0.2.0 a full disk left new.PID, with a part of a login, until the next run; then it was swept."""
    assert not mirror(field).refused
    wait_until(lambda: field.host.file(eve.published).exists, "no login is published")
    staging = "/home/eve/.config/claude-hooks/.claude-credentials.staging"
    field.as_mal(f"echo fake-token-of-a-part > {staging}/new.4711", user="eve")
    eve.login("atomic_rename", 2)
    eve.wait_until_published(2)
    assert "fake-token-of-a-part" not in field.root(f"cat {staging}/* {eve.directory}/* 2>/dev/null || true")
