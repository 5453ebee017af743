# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of a mirror: what they watch, start, may do and are called."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from dataclasses import replace

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._host.systemd import escaped_name
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import units
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.unit_text import UnitText

from .specs import DEV, SPEC, SYSTEM


def lines(spec: MirrorSpec, unit: str) -> list[str]:
    return units.units(spec)[unit].splitlines()


@pytest.mark.parametrize("spec", [SPEC, SYSTEM, replace(SPEC, keep_warm=True), replace(SPEC, sandbox=False)])
def test_every_unit_is_well_formed(spec: MirrorSpec) -> None:
    for name, text in units.units(spec).items():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment]
        parser.read_string(text)
        assert "{" not in text, name
        assert set(parser.sections()) <= {"Unit", "Service", "Path", "Timer", "Install"}
        assert parser["Unit"]["Description"]


def test_the_watch_sees_every_change_and_never_gives_up() -> None:
    path = lines(SPEC, "claude-creds-mirror.path")
    assert "PathChanged=/home/dev/.claude/.credentials.json" in path
    assert not [line for line in path if line.startswith(("PathModified", "PathExists"))]
    assert {"StartLimitIntervalSec=0", "TriggerLimitIntervalSec=0", "Wants=claude-creds-mirror-verify.service"} <= set(
        path
    )


def test_a_change_before_the_watch_stands_again_is_seen_by_the_verify_service() -> None:
    service = set(lines(SPEC, "claude-creds-mirror.service"))
    verify = "claude-creds-mirror-verify.service"
    assert {f"OnSuccess={verify}", f"OnFailure={verify}", f"Conflicts={verify}", f"After={verify}"} <= service
    assert {"OnSuccessJobMode=replace", "OnFailureJobMode=replace", "StartLimitIntervalSec=0"} <= service
    assert {"Wants=claude-creds-mirror.path", "After=claude-creds-mirror.path"} <= set(lines(SPEC, verify))


def test_the_sandbox_binds_the_directory_of_the_source_and_never_the_file() -> None:
    linked = replace(SPEC, source=Source("/home/dev/.claude/.credentials.json", "/srv/logins/dev.json"))
    text = units.units(linked)["claude-creds-mirror.service"]
    assert "BindReadOnlyPaths=-/home/dev/.claude\n" in text and "BindReadOnlyPaths=-/srv/logins\n" in text
    assert "credentials.json" not in text
    assert "PathChanged=/srv/logins/dev.json\n" in units.units(linked)["claude-creds-mirror.path"]
    # One bind for both directories: a rename across two is EXDEV.
    assert text.count("\nBindPaths=") == 1


def test_in_the_system_scope_root_resolves_no_path_of_the_users() -> None:
    """On 0.2.0 the host's systemd bound ~/.claude as root: a link there showed another's files (attacks.md, 9a)."""
    linked = replace(SYSTEM, source=Source("/home/dev/.claude/.credentials.json", "/home/dev/real/login.json"))
    for name, text in units.units(linked).items():
        text = UnitText(text.replace("TemporaryFileSystem=/dev:ro\n", ""))  # no path of the user's
        assert "Bind" not in text and "TemporaryFileSystem" not in text and "tmpfs" not in text, name
        if "rewatch" in name:
            assert "/home" not in text  # root's: it names units alone
        elif name.endswith(".service"):
            # The mount that makes it writable lies on the path's own end, and the process walks there as the user.
            assert "\nProtectHome=read-only\nReadWritePaths=/home/dev/.config/claude-hooks\n" in text
            assert "/home/dev/.claude" not in text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (
            "/home/dev/.config/claude-hooks/claude-credentials",
            r"home-dev-.config-claude\x2dhooks-claude\x2dcredentials",
        ),
        ("/.a/b c/é_1:2/", r"\x2ea-b\x20c-\xc3\xa9_1:2"),
    ],
)
def test_the_guards_unit_has_the_name_that_systemd_demands(path: str, name: str) -> None:
    assert escaped_name(path.strip("/")) == name
    escape = shutil.which("systemd-escape")
    if escape:
        answer = subprocess.run([escape, "--path", path], check=True, capture_output=True, text=True).stdout
        assert answer.strip() == name


def test_the_guard_lies_in_a_private_view_of_its_own() -> None:
    (view_name, view), (guard_name, guard) = units.guard_units(replace(SPEC, root="/srv/50%")).items()
    assert view_name == r"run-creds\x2dmirror-dev-claude.mount"
    assert guard_name == r"run-creds\x2dmirror-dev-claude-claude\x2dcredentials.mount"
    for line in ("What=/srv/50%%", "Where=/run/creds-mirror/dev/claude", "Options=bind,private"):
        assert f"\n{line}\n" in view
    for line in ("What=/srv/50%%/claude-credentials", "Where=/run/creds-mirror/dev/claude/claude-credentials"):
        assert f"\n{line}\n" in guard
    # The user can put a link there until the next boot, and nobody else looks through what root mounts then.
    for path in ("/srv", "/srv/50%%", "/srv/50%%/claude-credentials"):
        assert f"\nConditionPathIsSymbolicLink=!{path}\n" in view
    assert "\nDirectoryMode=0700\n" in view
    assert "\nConditionPathIsDirectory=/run/creds-mirror/dev/claude/claude-credentials\n" in guard


def test_without_user_namespaces_only_what_needs_none_is_used() -> None:
    text = units.units(replace(SPEC, sandbox=False))["claude-creds-mirror.service"]
    assert "NoNewPrivileges=yes" in text and "SystemCallFilter" in text
    for directive in ("Protect", "Private", "Bind", "CapabilityBoundingSet"):
        assert f"\n{directive}" not in text


def test_the_system_scope_runs_as_the_user_under_names_of_the_user() -> None:
    texts = units.units(SYSTEM)
    assert sorted(texts) == [
        "claude-creds-mirror-verify@dev.service",
        "claude-creds-mirror-verify@dev.timer",
        "claude-creds-mirror@dev.path",
        "claude-creds-mirror@dev.service",
        "claude-creds-rewatch@dev.service",
    ]
    # What only restarts the watch is root's, as the watch is.
    services = [text for name, text in texts.items() if name.endswith(".service") and "rewatch" not in name]
    assert all("\nUser=1000\n" in text for text in services)


def test_the_path_of_the_client_is_one_word() -> None:
    spec = replace(SPEC, keep_warm=True, user=replace(DEV, home="/home/My Files 100%/j.doe"))
    (line,) = [line for line in lines(spec, "claude-creds-keep-warm.service") if line.startswith("Environment=")]
    assert line.startswith('Environment="PATH=/home/My Files 100%%/j.doe/.local/bin:') and line.endswith(':/bin"')


@pytest.mark.parametrize(
    ("path", "escaped"),
    [("/home/a b/login", '"-/home/a b"'), ("/home/50%/login", "-/home/50%%"), ("/home/a:b/login", "-/home/a\\:b")],
)
def test_paths_are_escaped(path: str, escaped: str) -> None:
    texts = units.units(replace(SPEC, source=Source(path, path)))
    assert f"BindReadOnlyPaths={escaped}\n" in texts["claude-creds-mirror.service"]
    assert f"PathChanged={path.replace('%', '%%')}\n" in texts["claude-creds-mirror.path"]


def test_a_person_is_called_by_a_unit_of_its_own_and_the_mirror_has_no_network() -> None:
    spec = replace(SPEC, notify=("/usr/local/bin/call me", "%h"))
    service = lines(spec, "claude-creds-notify.service")
    assert not [line for line in service if "call me" in line], "the command stands in the configuration alone"
    assert not [line for line in service if line.startswith(("PrivateNetwork", "RestrictAddressFamilies"))]
    assert "PrivateNetwork=yes" in lines(spec, "claude-creds-mirror.service")
    assert "claude-creds-notify.timer" in spec.watching and "claude-creds-notify.timer" not in SPEC.watching
    assert "Environment=XDG_RUNTIME_DIR=/run/user/1000" in lines(
        replace(SYSTEM, notify=("x",)), "claude-creds-notify@dev.service"
    )


def test_a_watch_that_was_blind_looks_anew() -> None:
    for spec, systemctl, unit in (
        (SPEC, "systemctl --user", "claude-creds-mirror.path"),
        (SYSTEM, "systemctl", "claude-creds-mirror@dev.path"),
    ):
        rewatch = spec.unit("rewatch", "service")
        assert f"OnFailure={rewatch}" in lines(spec, spec.verify_service)
        (line,) = [line for line in lines(spec, rewatch) if line.startswith("ExecStart=")]
        assert f"exec {systemctl} --no-block restart" in line and line.endswith(f" {unit}")


def test_root_revives_the_systemd_of_the_user_and_the_rest_with_the_users_rights() -> None:
    service, timer = units.revive_units(SPEC).items()
    assert (service[0], timer[0]) == ("claude-creds-revive@dev.service", "claude-creds-revive@dev.timer")
    commands = [line for line in service[1].splitlines() if line.startswith("ExecStart=")]
    assert commands[0] == "ExecStart=+/bin/systemctl start user@1000.service"
    assert "User=1000" in service[1].splitlines() and "+" not in commands[1]
    assert "ConditionPathExists=/var/lib/systemd/linger/dev" in service[1].splitlines()
    for watching in SPEC.watching:
        assert watching in service[1]
