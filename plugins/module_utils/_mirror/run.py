# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module creds_mirror's order of work: as root what is the host's, as the user what is the user's."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, Mapping

from .._base.changes import Record
from .._base.errors import ConfigError, HostError
from .._base.paths import is_below
from .._catalog.mirror_paths import mirror_root, source_of
from .._catalog.override import extended
from .._catalog.rows import CATALOG
from .._host import files
from .._host.acl import Readers
from .._host.systemd import Manager, ensure_linger
from .._host.users import User, as_user, find_user
from . import install as host
from . import place
from . import spec as _mirror
from .spec import MirrorSpec

_Options = Mapping[str, Any]


def run(options: _Options, record: Record) -> dict[str, Any]:
    """Bring the host to what the module's options ask for; what the module returns as ``mirrors``.

    :raises AgentMountsError: nothing, or only part, could be done; the sentence tells what.
    """
    user = find_user(options["user"])
    specs = specifications(options, user)
    _mirror.require(specs)
    if options["state"] == "absent":
        _remove(specs, user, options, record)
        return {}
    return _install(specs, user, options, record)


def specifications(options: _Options, user: User) -> list[MirrorSpec]:
    """:raises ConfigError: an agent CLI is not in the catalogue, or a row of the user's own has a fault."""
    sources = options["sources"]
    catalog = extended(CATALOG, options["catalog"], "creds_mirror_catalog")
    unknown = [name for name in [*options["clis"], *sources] if name not in catalog]
    if unknown:
        known = ", ".join(catalog)
        raise ConfigError(
            *(f"creds_mirror_clis: no agent CLI is named {name}; choose from {known}." for name in unknown)
        )
    readers = Readers(*(tuple(options["readers"].get(key) or ()) for key in ("uids", "gids")))
    result = []
    for name in dict.fromkeys(options["clis"]):
        row = catalog[name]
        path = source_of(row, sources, user.home)
        result.append(
            MirrorSpec(
                cli=row,
                user=user,
                scope=options["scope"],
                root=mirror_root(options["place"], options["root"], user.name, user.home),
                place=options["place"],
                source=_mirror.Source(path, path),
                publish=options["publish"],
                readers=readers,
                on_logout=options["on_logout"],
                logout_grace=options["logout_grace"],
                keep_warm=options["keep_warm"] and bool(row.mirror.keep_warm),
            )
        )
    if options["keep_warm"] and not any(spec.keep_warm for spec in result):
        raise ConfigError("creds_mirror_keep_warm: none of these agent CLIs can refresh its login; set it to false.")
    return result


def _install(specs: list[MirrorSpec], user: User, options: _Options, record: Record) -> dict[str, Any]:
    scope = options["scope"]
    if scope == "system" and os.geteuid() != 0:
        raise HostError("creds_mirror_scope: system needs root; set become, or choose the scope user.")
    if options["guard_directory"] and os.geteuid() != 0:
        raise HostError("creds_mirror_guard_directory: a mount needs root; set become, or leave the guard out.")
    if options["guard_directory"]:
        for spec in specs:
            host.require_guardable(spec)

    def sources(_own: Record) -> list[str]:
        return [_real(spec.source.path, user.home) for spec in specs]

    def directories(own: Record) -> None:
        for spec in specs:
            host.ensure_directories(own, spec, options["foreign_files"])

    real = as_user(user, sources, record)
    specs = [replace(spec, source=_mirror.Source(spec.source.path, path)) for spec, path in zip(specs, real)]
    _mirror.require(specs)  # once more, for the user decides where his links lead
    if scope == "user":
        ensure_linger(record, user)  # first: where it may not, nothing else is touched
        manager = Manager(scope, user)
        sandbox = as_user(user, lambda own: host.can_sandbox(own, specs[0], manager), record)
        specs = [replace(spec, sandbox=sandbox) for spec in specs]
    place.ensure(record, specs, options["foreign_files"])
    as_user(user, directories, record)
    for spec in specs:
        if options["guard_directory"]:
            host.ensure_guard(record, spec)
        else:
            host.remove_guard(record, spec)
    _remove_scope(specs, user, "system" if scope == "user" else "user", record)

    def units(own: Record) -> None:
        _install_units(specs, user, options, own)

    if scope == "user":
        as_user(user, units, record)
    else:
        units(record)
    place.remove_former(record, specs, options["root"])
    place.warn_of_redirection(record, specs)
    if not all(spec.sandbox for spec in specs):
        record.warnings.append(
            f"this host forbids {user.name} user namespaces: the mirror's services run without mount sandbox;"
            " set creds_mirror_scope to system for the whole sandbox"
        )
    return _result(specs, user, record)


def _real(path: str, home: str) -> str:
    """Where a link at the source leads to; the path itself if it is none (its directories may be links).

    What lies in the home is named from there, also where the home's own path leads through a link.
    """
    if not os.path.islink(path):
        return path
    real, real_home = os.path.realpath(path), os.path.realpath(home)
    return home + real[len(real_home) :] if is_below(real, real_home) else real


def _install_units(specs: list[MirrorSpec], user: User, options: _Options, record: Record) -> None:
    manager = Manager(specs[0].scope, user)
    before = len(record.changes)
    host.ensure_program(record, specs[0].paths, options["program"], options["start"])
    for spec in specs:
        mode = 0o600 if spec.scope == "user" else 0o644
        files.ensure_file(record, spec.config, _mirror.configuration(spec), mode)
        host.ensure_units(record, spec, manager)
    if len(record.changes) > before and not record.check_mode:
        for spec in specs:
            # After a reload or restart of the watch systemd may have missed a change. The program's own exit status
            # is told below, by its state file.
            manager.run("start", spec.verify_service, fails=True)


def _result(specs: list[MirrorSpec], user: User, record: Record) -> dict[str, Any]:
    def observe(_own: Record) -> dict[str, Any]:
        return {spec.cli.name: _mirror_result(spec) for spec in specs}

    result: dict[str, Any] = as_user(user, observe, record)
    for name, mirror in result.items():
        if not mirror["login"]:
            record.warnings.append(
                f"{name}: no login exists yet ({mirror['source']} does not exist); log in as {user.name},"
                f" and it is published at once"
            )
        elif mirror["refusal"]:
            record.warnings.append(f"{name}: {mirror['source']} is not published: {mirror['refusal']}")
    return result


def _mirror_result(spec: MirrorSpec) -> dict[str, Any]:
    try:
        with open(f"{spec.staging}/status.json", encoding="utf-8") as file:
            refusal = (json.load(file).get("refusal") or {}).get("reason")
    except (OSError, ValueError, AttributeError):
        refusal = None
    return {
        "source": spec.source.path,
        "directory": spec.directory,
        "login": os.path.lexists(spec.source.path),
        "refusal": refusal,
        "sandbox": spec.sandbox,
    }


def _remove(specs: list[MirrorSpec], user: User, options: _Options, record: Record) -> None:
    for scope in _mirror.SCOPES:
        _remove_scope(specs, user, scope, record)
    for spec in specs:
        host.remove_guard(record, spec)
    if os.geteuid() == 0 and options["place"] == "home":
        place.ensure(record, specs, "refuse")
    place.remove(record, specs)
    place.remove_former(record, specs, options["root"])


def _remove_scope(specs: list[MirrorSpec], user: User, scope: str, record: Record) -> None:
    """Remove what mirrors have in one scope: units, configurations, and the program if nothing else uses it."""
    specs = [replace(spec, scope=scope) for spec in specs]
    paths = _mirror.paths(scope, user)

    def remove(own: Record) -> None:
        manager = Manager(scope, user)
        for spec in specs:
            host.remove_units(own, manager, paths.units, spec.all_units)
            files.remove_file(own, spec.config)
        unused = files.remove_directory(own, paths.configs, {os.path.basename(spec.config) for spec in specs})
        if scope == "system":
            # The program is shared by all users who have mirrors.
            top, name = os.path.split(paths.configs)
            unused = files.remove_directory(own, top, {name} if unused else set())
        if unused:
            files.remove_file(own, paths.command)
            for path in paths.library_files:
                files.remove_file(own, path)
            files.remove_directory(own, paths.library, {os.path.basename(path) for path in paths.library_files})

    if scope == "user":
        as_user(user, remove, record)
    elif os.geteuid() == 0:
        remove(record)
    elif any(os.path.lexists(f"{paths.units}/{name}") for spec in specs for name in spec.all_units):
        raise HostError(
            f"{paths.units}: {user.name} has mirrors of the system scope, which only root can remove; set become."
        )
