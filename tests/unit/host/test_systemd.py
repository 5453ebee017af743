"""What systemd is asked, word by word: a program on PATH stands in for systemctl, systemd-run and loginctl."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Changes
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import HostError
from ansible_collections.agentops.credentials.plugins.module_utils._host import systemd
from ansible_collections.agentops.credentials.plugins.module_utils._host.systemd import Manager
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User

MAX = User("max", 4711, 4712, "/home/max")
TRIAL = f"creds-mirror-trial-{os.getpid()}.service"
SHOW = "show --property=Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ExecMainStatus"

PROGRAM = f"""\
#!{sys.executable} -IS
import json, os, pathlib, sys
home = pathlib.Path(__file__).parent
command = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]])
names = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "HOME", "USER", "LOGNAME")
with (home / "calls").open("a") as calls:
    calls.write(json.dumps([command, {{name: os.environ.get(name) for name in names}}]) + "\\n")
answers = json.loads((home / "answers").read_text())
status, output, errors = answers.get(command, [99, "", f"unexpected: {{command}}\\n"])
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(status)
"""


@dataclass
class Programs:
    """The programs of systemd: answers as command line → (exit status, standard output, standard error)."""

    directory: pathlib.Path
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def answer(self, command: str, status: int = 0, output: str = "", errors: str = "") -> None:
        self.answers[command] = (status, output, errors)
        (self.directory / "answers").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[tuple[str, dict[str, str | None]]]:
        log = self.directory / "calls"
        return [(line[0], line[1]) for line in map(json.loads, log.read_text().splitlines())] if log.exists() else []

    @property
    def commands(self) -> list[str]:
        return [command for command, _environment in self.calls]


@pytest.fixture
def programs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("systemctl", "systemd-run", "loginctl", "pkcheck"):
        (directory / name).write_text(PROGRAM)
        (directory / name).chmod(0o755)
    (directory / "answers").write_text("{}")
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    return Programs(directory)


@pytest.fixture
def linger(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The directory in which systemd keeps who lingers."""
    directory = tmp_path / "linger"
    directory.mkdir()
    monkeypatch.setattr(systemd, "_LINGER", str(directory))
    return directory


# querying


def test_the_users_systemd_is_asked_in_the_users_environment(programs: Programs) -> None:
    programs.answer("systemctl --user is-enabled a.path b.service", output="enabled\n")
    manager = Manager(MAX, is_users=True)
    assert manager.run("is-enabled", "a.path", "b.service") == "enabled\n"
    environment = {
        "XDG_RUNTIME_DIR": "/run/user/4711",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/4711/bus",
        "HOME": "/home/max",
        "USER": "max",
        "LOGNAME": "max",
    }
    assert programs.calls == [("systemctl --user is-enabled a.path b.service", environment)]
    assert manager.socket == "/run/user/4711/systemd/private"


def test_the_hosts_systemd_is_asked_as_the_run_is(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    programs.answer("systemctl daemon-reload")
    manager = Manager(MAX, is_users=False)
    assert manager.run("daemon-reload") == ""
    ((command, environment),) = programs.calls
    assert (command, environment["HOME"], environment["XDG_RUNTIME_DIR"]) == (
        "systemctl daemon-reload",
        "/root",
        "/run/user/0",
    )
    assert manager.socket == "/run/systemd/private"


def test_a_command_that_fails_is_an_error_unless_it_may_fail(programs: Programs) -> None:
    programs.answer("systemctl --user start a.service", 1, "said\n", "Unit a.service not found.\n")
    manager = Manager(MAX, is_users=True)
    with pytest.raises(HostError) as caught:
        manager.run("start", "a.service")
    assert str(caught.value) == "systemctl --user start a.service failed: Unit a.service not found."
    assert manager.run("start", "a.service", check=False) == "said\n"


def test_a_host_without_systemd_is_named(programs: Programs) -> None:
    (programs.directory / "systemctl").unlink()
    with pytest.raises(HostError, match=r"^this host has no systemctl; the mirror needs systemd\.$"):
        Manager(MAX, is_users=False).run("daemon-reload")


def test_a_command_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], timeout: int, **_settings: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(HostError) as caught:
        Manager(MAX, is_users=True).run("start", "a.service")
    assert str(caught.value) == "systemctl --user start a.service did not end within 120 seconds; look at the host."


def test_properties_come_by_the_names_that_were_asked_for(programs: Programs) -> None:
    output = (
        "Id=a.path\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"
        "\n"
        "Id=b.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\nExecMainStatus=0\n"
    )
    programs.answer(f"systemctl --user {SHOW} a.path b.service", output=output)
    shown = Manager(MAX, is_users=True).show(("a.path", "b.service"))
    assert set(shown) == {"a.path", "b.service"}
    assert (shown["a.path"]["ActiveState"], shown["a.path"]["NeedDaemonReload"]) == ("active", "no")
    assert (shown["b.service"]["LoadState"], shown["b.service"]["UnitFileState"]) == ("not-found", "")


# trying a sandbox

SANDBOX = ("ProtectSystem=strict", "PrivateTmp=yes")


def trial(user: str = "") -> str:
    settings = " ".join(f"--property={setting}" for setting in ("Type=oneshot", *SANDBOX))
    return f"systemd-run {user}--quiet --unit={TRIAL} {settings} true"


@pytest.mark.parametrize("user", ["--user ", ""])
def test_a_sandbox_is_tried_with_a_service_that_is_not_kept(programs: Programs, user: str) -> None:
    programs.answer(trial(user))
    assert Manager(MAX, is_users=bool(user)).supports(SANDBOX)
    assert programs.commands == [trial(user)]


@pytest.mark.parametrize("status", systemd.NO_SANDBOX)
def test_a_sandbox_that_cannot_be_made_is_known_from_the_exit_status(programs: Programs, status: int) -> None:
    programs.answer(trial("--user "), 1, errors="Job failed.\n")
    programs.answer(f"systemctl --user {SHOW} {TRIAL}", output=f"Id={TRIAL}\nExecMainStatus={status}\n")
    programs.answer(f"systemctl --user reset-failed {TRIAL}", 1, errors="not loaded\n")
    assert not Manager(MAX, is_users=True).supports(SANDBOX)
    assert programs.commands == [
        trial("--user "),
        f"systemctl --user {SHOW} {TRIAL}",
        f"systemctl --user reset-failed {TRIAL}",
    ]


@pytest.mark.parametrize("shown", ["ExecMainStatus=1\n", "ExecMainStatus=\n", "LoadState=not-found\n"])
def test_another_failure_of_the_trial_is_no_answer(programs: Programs, shown: str) -> None:
    programs.answer(trial(), 1, errors="Failed to connect to bus\n")
    programs.answer(f"systemctl {SHOW} {TRIAL}", output=shown)
    programs.answer(f"systemctl reset-failed {TRIAL}")
    with pytest.raises(HostError, match=r"^systemd-run failed: Failed to connect to bus$"):
        Manager(MAX, is_users=False).supports(SANDBOX)


# the user's systemd

ENABLE = "loginctl --no-ask-password enable-linger 4711"
UNIT = "user@4711.service"
START = f"systemctl start {UNIT}"
MAY = f"pkcheck --action-id org.freedesktop.login1.set-self-linger --process {os.getpid()}"


@dataclass
class Instance:
    """Max's systemd: whether it answers, and whether max lingers."""

    manager: Manager
    linger: pathlib.Path
    socket: socket.socket | None = None

    def runs(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.manager.socket)
        self.socket.listen()

    def lingers(self) -> None:
        (self.linger / "max").touch()

    def ensure(self, *, check_mode: bool = False) -> Changes:
        changes = Changes(check_mode)
        systemd.ensure_user_manager(changes, self.manager)
        return changes


@pytest.fixture
def instance(tmp_path: pathlib.Path, linger: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setattr(systemd, "look_as", lambda _user, look: look())
    manager = Manager(MAX, is_users=True)
    manager.socket = str(tmp_path / "private")
    instance = Instance(manager, linger)
    yield instance
    if instance.socket is not None:
        instance.socket.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_root_does_not_follow_where_the_user_leads_to_his_systemd(linger: pathlib.Path) -> None:
    """He may put a link to any socket there, and a connection alone starts what waits for one."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as roots:
        os.chmod(directory, 0o755)  # noqa: S103
        manager = Manager(MAX, is_users=True)
        manager.socket = f"{directory}/private"
        roots.bind(manager.socket)
        roots.listen()
        os.chmod(manager.socket, 0o600)
        assert not manager.is_reachable
        os.chown(manager.socket, MAX.uid, MAX.gid)
        assert manager.is_reachable


@pytest.fixture(params=[True, False])
def is_root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if request.param else MAX.uid)
    return bool(request.param)


def as_max(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: MAX.uid)


@pytest.mark.parametrize("running", [True, False])
def test_lingering_is_enabled_once(programs: Programs, instance: Instance, is_root: bool, running: bool) -> None:
    """It starts the user's systemd, too, where that does not run."""
    programs.answer(ENABLE)
    programs.answer(START)
    programs.answer(MAY)
    if running:
        instance.runs()
    expected = ["enabled lingering of max"]
    assert instance.ensure(check_mode=True).changes == expected
    assert ENABLE not in programs.commands
    assert instance.ensure().changes == expected
    assert programs.commands[-2:] == [ENABLE, START] if is_root else programs.commands[-1] == ENABLE
    instance.lingers()
    if not running:
        instance.runs()
    assert instance.ensure().changes == []


def test_the_diff_names_the_file_by_which_a_user_lingers(programs: Programs, instance: Instance, is_root: bool) -> None:
    programs.answer(MAY)
    assert instance.ensure(check_mode=True).diff[0]["before_header"] == str(instance.linger / "max")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("has_polkit", [True, False])
def test_without_the_right_to_linger_a_running_systemd_is_used_and_a_warning_given(
    programs: Programs, instance: Instance, monkeypatch: pytest.MonkeyPatch, check_mode: bool, has_polkit: bool
) -> None:
    as_max(monkeypatch)
    instance.runs()
    if has_polkit:
        programs.answer(MAY, 1)
    else:
        (programs.directory / "pkcheck").unlink()
    changes = instance.ensure(check_mode=check_mode)
    assert changes.changes == []
    assert changes.warnings == [
        "max's systemd ends when max logs out, and the mirror with it: run 'loginctl enable-linger max' as root once"
    ]


def test_without_that_right_and_without_a_running_systemd_it_is_refused(
    programs: Programs, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_max(monkeypatch)
    programs.answer(MAY, 1)
    with pytest.raises(HostError) as caught:
        instance.ensure()
    assert str(caught.value) == (
        "max has no systemd instance on this host, and it cannot be started (not allowed to this user); "
        "run 'loginctl enable-linger max' as root once, or set creds_mirror_scope to system."
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_lingering_that_cannot_be_enabled_is_refused_and_no_change(
    programs: Programs, instance: Instance, is_there: bool
) -> None:
    programs.answer(MAY)
    programs.answer(ENABLE, 1, errors="Interactive authentication required.\n")
    if not is_there:
        (programs.directory / "loginctl").unlink()
    changes = Changes(check_mode=False)
    with pytest.raises(HostError, match="has no loginctl" if not is_there else "Interactive authentication required"):
        systemd.ensure_user_manager(changes, instance.manager)
    assert changes.changes == []


def test_a_systemd_that_has_ended_is_started_again(programs: Programs, instance: Instance, is_root: bool) -> None:
    """loginctl terminate-user, or the kernel for want of memory: the lingering stays, and so may the socket's file."""
    programs.answer(START)
    programs.answer(ENABLE)
    programs.answer(MAY)
    instance.lingers()
    instance.runs()
    assert instance.socket is not None
    instance.socket.close()
    assert os.path.exists(instance.manager.socket)
    programs.answer(f"systemctl {SHOW} {UNIT}", output=f"Id={UNIT}\nActiveState=failed\n")
    assert instance.ensure(check_mode=True).changes == ["started max's systemd"]
    assert not {START, ENABLE} & set(programs.commands)
    assert instance.ensure().changes == ["started max's systemd"]
    assert programs.commands[-1] == (START if is_root else ENABLE)


def test_a_systemd_that_is_just_starting_is_waited_for(programs: Programs, instance: Instance, is_root: bool) -> None:
    programs.answer(f"systemctl {SHOW} {UNIT}", output=f"Id={UNIT}\nActiveState=activating\n")
    instance.lingers()
    assert instance.ensure(check_mode=True).changes == instance.ensure().changes == []


def test_without_the_right_to_start_it_the_command_for_root_is_named(
    programs: Programs, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_max(monkeypatch)
    programs.answer(MAY, 1)
    instance.lingers()
    programs.answer(f"systemctl {SHOW} {UNIT}", output=f"Id={UNIT}\nActiveState=inactive\n")
    with pytest.raises(HostError, match=r"^max's systemd has ended; run 'systemctl start user@4711\.service' as root"):
        instance.ensure(check_mode=True)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("max", "max"),
        ("CORP\\alice", "CORP\\\\alice"),
        ("jürgen", r"j\303\274rgen"),
        ("o'neil", r"o\'neil"),
        ('a"b', r"a\"b"),
        ("a b@c.d-e", "a b@c.d-e"),
        ("a\tb\x01", r"a\tb\001"),
    ],
)
def test_logind_names_the_file_by_the_escaped_name(name: str, file: str) -> None:
    assert systemd.c_escaped(name) == file


def test_the_users_systemd_is_awaited_for_a_time(
    instance: Instance, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            instance.runs()

    monkeypatch.setattr("time.sleep", sleep)
    instance.manager.wait_until_reachable()
    assert len(waits) == 3
    instance.manager.socket = str(tmp_path / "never")
    monkeypatch.setattr(systemd, "_MANAGER_SECONDS", 0.05)
    with pytest.raises(HostError) as caught:
        instance.manager.wait_until_reachable()
    assert str(caught.value) == (
        f"max has no systemd instance on this host ({tmp_path}/never does not answer); "
        "install libpam-systemd and dbus-user-session, or set creds_mirror_scope to system."
    )
