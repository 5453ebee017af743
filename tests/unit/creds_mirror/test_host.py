# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mirror consists of on its host, and how a host is brought to it."""

from __future__ import annotations

import configparser
import json
import os
import pathlib
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.agentops.credentials.plugins.module_utils._base.changes import Record
from ansible_collections.agentops.credentials.plugins.module_utils._base.errors import ConfigError, HostError
from ansible_collections.agentops.credentials.plugins.module_utils._catalog.rows import CATALOG
from ansible_collections.agentops.credentials.plugins.module_utils._host import acl as _access
from ansible_collections.agentops.credentials.plugins.module_utils._host import files as _host_files
from ansible_collections.agentops.credentials.plugins.module_utils._host.acl import Readers
from ansible_collections.agentops.credentials.plugins.module_utils._host.users import User
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import install as _mirror_host
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import run as _mirror_run
from ansible_collections.agentops.credentials.plugins.module_utils._mirror import spec as _mirror
from ansible_collections.agentops.credentials.plugins.module_utils._mirror.spec import MirrorSpec, Source

DEV = User("dev", 1000, 1000, "/home/dev")
SPEC = MirrorSpec(
    cli=CATALOG["claude"],
    user=DEV,
    scope="user",
    root="/home/dev/.config/claude-hooks",
    source=Source("/home/dev/.claude/.credentials.json", "/home/dev/.claude/.credentials.json"),
)
SYSTEM = replace(SPEC, scope="system")
OPTIONS: dict[str, Any] = {
    "clis": ["claude"],
    "sources": {},
    "readers": {},
    "scope": "user",
    "place": "home",
    "root": "~/.config/claude-hooks",
    "publish": "access_only",
    "on_logout": "keep",
    "logout_grace": 60,
    "keep_warm": False,
    "guard_directory": False,
    "catalog": {},
}


def lines(spec: MirrorSpec, unit: str) -> list[str]:
    return _mirror.units(spec)[unit].splitlines()


@pytest.mark.parametrize("spec", [SPEC, SYSTEM, replace(SPEC, keep_warm=True), replace(SPEC, sandbox=False)])
def test_every_unit_is_well_formed(spec: MirrorSpec) -> None:
    for name, text in _mirror.units(spec).items():
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
    text = _mirror.units(linked)["claude-creds-mirror.service"]
    assert "BindReadOnlyPaths=-/home/dev/.claude\n" in text and "BindReadOnlyPaths=-/srv/logins\n" in text
    assert "credentials.json" not in text
    assert "PathChanged=/srv/logins/dev.json\n" in _mirror.units(linked)["claude-creds-mirror.path"]
    # One bind for both directories: a rename across two is EXDEV.
    assert text.count("\nBindPaths=") == 1


def test_in_the_system_scope_root_resolves_no_path_of_the_users() -> None:
    """On 0.2.0 the host's systemd bound ~/.claude as root: a link there showed another's files (attacks.md, 9a)."""
    linked = replace(SYSTEM, source=Source("/home/dev/.claude/.credentials.json", "/home/dev/real/login.json"))
    for name, text in _mirror.units(linked).items():
        assert "Bind" not in text and "TemporaryFileSystem" not in text and "tmpfs" not in text, name
        if name.endswith(".service"):
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
    assert _mirror.escaped_path(path) == name
    escape = shutil.which("systemd-escape")
    if escape:
        answer = subprocess.run([escape, "--path", path], check=True, capture_output=True, text=True).stdout
        assert answer.strip() == name


def test_the_guard_lies_in_a_private_view_of_its_own() -> None:
    (view_name, view), (guard_name, guard) = _mirror.guard_units(replace(SPEC, root="/srv/50%")).items()
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
    text = _mirror.units(replace(SPEC, sandbox=False))["claude-creds-mirror.service"]
    assert "NoNewPrivileges=yes" in text and "SystemCallFilter" in text
    for directive in ("Protect", "Private", "Bind", "CapabilityBoundingSet"):
        assert f"\n{directive}" not in text


def test_the_system_scope_runs_as_the_user_under_names_of_the_user() -> None:
    units = _mirror.units(SYSTEM)
    assert sorted(units) == [
        "claude-creds-mirror-verify@dev.service",
        "claude-creds-mirror-verify@dev.timer",
        "claude-creds-mirror@dev.path",
        "claude-creds-mirror@dev.service",
    ]
    assert all("\nUser=1000\n" in text for name, text in units.items() if name.endswith(".service"))


def test_the_path_of_the_client_is_one_word() -> None:
    spec = replace(SPEC, keep_warm=True, user=replace(DEV, home="/home/My Files 100%/j.doe"))
    (line,) = [line for line in lines(spec, "claude-creds-keep-warm.service") if line.startswith("Environment=")]
    assert line.startswith('Environment="PATH=/home/My Files 100%%/j.doe/.local/bin:') and line.endswith(':/bin"')


@pytest.mark.parametrize(
    ("path", "escaped"),
    [("/home/a b/login", '"-/home/a b"'), ("/home/50%/login", "-/home/50%%"), ("/home/a:b/login", "-/home/a\\:b")],
)
def test_paths_are_escaped(path: str, escaped: str) -> None:
    units = _mirror.units(replace(SPEC, source=Source(path, path)))
    assert f"BindReadOnlyPaths={escaped}\n" in units["claude-creds-mirror.service"]
    assert f"PathChanged={path.replace('%', '%%')}\n" in units["claude-creds-mirror.path"]


def test_the_configuration_is_what_the_program_reads() -> None:
    document = json.loads(_mirror.configuration(replace(SPEC, keep_warm=True)))
    assert document["directory"] == SPEC.directory and document["file"] == ".credentials.json"
    assert "claudeAiOauth.accessToken" in document["rules"]["keep"]
    assert document["keep_warm"] == ["claude", "auth", "status"]
    assert json.loads(_mirror.configuration(SPEC))["keep_warm"] is None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown CLI": ({"clis": ["clod"]}, "creds_mirror_clis: no agent CLI is named clod; choose from claude, "),
    "unknown CLI's source": ({"sources": {"clod": "/x"}}, "no agent CLI is named clod"),
    "relative root": ({"root": "hooks"}, "claude: creds_mirror_root is the relative path hooks"),
    "relative source": ({"sources": {"claude": "x"}}, "claude: creds_mirror_sources.claude is the relative path x"),
    "line break": (
        {"root": "/a\nb"},
        r"claude: /a\x0ab/claude-credentials: it has a control character or line break in it",
    ),
    "nothing to keep warm": ({"clis": ["codex"], "keep_warm": True}, "creds_mirror_keep_warm: none of these"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_wrong_settings_are_told_in_one_sentence(case: str) -> None:
    changes, sentence = FAULTS[case]
    with pytest.raises(ConfigError) as error:
        _mirror.require(_mirror_run.specifications({**OPTIONS, **changes}, DEV))
    assert error.value.faults[0].startswith(sentence) or sentence in error.value.faults[0]


def test_all_faults_are_told_at_once() -> None:
    options = {**OPTIONS, "clis": ["claude", "codex"], "root": "x"}
    with pytest.raises(ConfigError) as error:
        _mirror.require(_mirror_run.specifications(options, DEV))
    assert len(error.value.faults) == 2


def test_sources_and_root_may_begin_with_the_home() -> None:
    (spec,) = _mirror_run.specifications({**OPTIONS, "root": "~/r/", "sources": {"claude": "~/s/../login"}}, DEV)
    assert (spec.root, spec.source.path) == ("/home/dev/r", "/home/dev/login")


@pytest.fixture
def spec(tmp_path: pathlib.Path) -> MirrorSpec:
    user = User("me", os.geteuid(), os.getegid(), str(tmp_path))
    return replace(SPEC, user=user, root=str(tmp_path / ".config" / "claude-hooks"))


def run(work: Callable[[Record], Any], *, check_mode: bool = False) -> list[str]:
    record = Record(check_mode)
    work(record)
    assert len(record.diff) == len(record.changes)
    return record.changes


def tree(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    return {str(entry): (entry.lstat().st_mode, entry.lstat().st_mtime_ns) for entry in sorted(path.rglob("*"))}


def break_mode(spec: MirrorSpec) -> None:
    os.chmod(spec.directory, 0o500)


def break_file(spec: MirrorSpec) -> None:
    pathlib.Path(spec.published).touch(mode=0o644)


def break_staging(spec: MirrorSpec) -> None:
    os.rmdir(spec.staging)


def nothing(_spec: MirrorSpec) -> None:
    return


def everything(spec: MirrorSpec) -> None:
    os.rmdir(spec.staging)
    os.rmdir(spec.directory)
    os.rmdir(spec.root)


@pytest.mark.parametrize("drift", [break_mode, break_file, break_staging, nothing, everything])
@pytest.mark.parametrize("readers", [Readers(), Readers(uids=(12345, 7), gids=(8,))])
def test_check_mode_foretells_what_a_run_does_and_does_nothing(
    spec: MirrorSpec, drift: Callable[[MirrorSpec], None], readers: Readers, tmp_path: pathlib.Path
) -> None:
    spec = replace(spec, readers=readers)

    def directories(record: Record) -> None:
        _mirror_host.ensure_directories(record, spec, "refuse")

    run(directories)
    drift(spec)
    before = tree(tmp_path)
    foretold = run(directories, check_mode=True)
    assert tree(tmp_path) == before
    done = run(directories)
    assert foretold == done
    assert bool(done) is (drift is not nothing)
    assert run(directories) == run(directories, check_mode=True) == []


def test_readers_get_exactly_their_rights(spec: MirrorSpec) -> None:
    spec = replace(spec, readers=Readers(uids=(12345,)))
    run(lambda record: _mirror_host.ensure_directories(record, spec, "refuse"))
    acl = os.getxattr(spec.directory, _access.ACL_ACCESS)
    assert acl == _access.encode(spec.readers, 7, _access.READ_ENTER)
    assert stat.S_IMODE(os.stat(spec.directory).st_mode) & 0o007 == 0
    run(lambda record: _mirror_host.ensure_directories(record, replace(spec, readers=Readers()), "refuse"))
    assert stat.S_IMODE(os.stat(spec.directory).st_mode) == 0o700
    assert not os.listxattr(spec.directory) and not os.listxattr(spec.staging)


def test_a_foreign_file_stops_the_run_or_is_moved_and_never_deleted(spec: MirrorSpec) -> None:
    def directories(foreign_files: str) -> Callable[[Record], None]:
        return lambda record: _mirror_host.ensure_directories(record, spec, foreign_files)

    run(directories("refuse"))
    notes = pathlib.Path(spec.directory, "notes")
    notes.write_text("mine")
    with pytest.raises(HostError, match=r"foreign notes in it; move it elsewhere, or set"):
        run(directories("refuse"))
    assert notes.read_text() == "mine"
    run(directories("move_aside"))
    notes.write_text("mine too")
    run(directories("move_aside"))
    aside = pathlib.Path(f"{spec.directory}.moved-aside")
    assert [path.read_text() for path in sorted(aside.iterdir())] == ["mine", "mine too"]


def test_a_link_in_the_place_of_the_credentials_directory_is_refused(spec: MirrorSpec, tmp_path: pathlib.Path) -> None:
    os.makedirs(spec.root)
    os.symlink(tmp_path, spec.directory)
    with pytest.raises(HostError, match="symbolic link stands where a directory belongs"):
        run(lambda record: _mirror_host.ensure_directories(record, spec, "refuse"))


def test_removing_leaves_foreign_files_and_the_source(spec: MirrorSpec) -> None:
    run(lambda record: _mirror_host.ensure_directories(record, spec, "refuse"))
    for path in (spec.published, f"{spec.staging}/status.json", f"{spec.directory}/notes"):
        pathlib.Path(path).write_text("x")
    record = Record(False)
    _mirror_host.remove_directories(record, spec)
    assert os.listdir(spec.directory) == ["notes"] and not os.path.exists(spec.staging)
    assert "holds the foreign notes" in record.warnings[0]
    assert run(lambda record: _mirror_host.remove_directories(record, spec)) == []


def test_a_file_is_written_once_and_a_link_at_its_place_is_not_followed(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other"
    other.write_text("other")
    path = tmp_path / "new" / "unit"

    def work(record: Record) -> None:
        _host_files.ensure_file(record, str(path), "text\n", 0o644)

    assert run(work, check_mode=True) == run(work) == [f"made the directory {path.parent}", f"wrote {path}"]
    assert run(work) == []
    path.unlink()
    path.symlink_to(other)
    assert run(work) == [f"repaired {path}"]
    assert other.read_text() == "other" and path.read_text() == "text\n" and not path.is_symlink()
    path.chmod(0o600)
    assert run(work) == [f"set the mode of {path} to 0644"]
