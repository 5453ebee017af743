# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module creds_mirror's order of work: as root what is the host's, as the user what is the user's."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import Any, Mapping

from .._base.changes import Changes
from .._base.errors import ConfigError, HostError
from .._base.paths import is_below
from .._catalog.mirror_paths import mirror_root, source_of
from .._catalog.override import with_overrides
from .._catalog.rows import CATALOG
from .._host.acl import Readers
from .._host.files import ensure_file, remove_directory, remove_file
from .._host.systemd import Manager, ensure_user_manager
from .._host.users import User, as_user, find_user, look_as
from . import guard, install, place, revive, state
from .check import require
from .spec import SCOPES, MirrorSpec, Scope, Source, configuration, paths

_Options = Mapping[str, Any]


def run(options: _Options, changes: Changes) -> dict[str, Any]:
    """Bring the host to what the module's options ask for, and return what the module returns as ``mirrors``.

    :raises AgentMountsError: nothing, or only part, could be done; the sentence says what.
    """
    user = find_user(options["user"])
    specs = specifications(options, user)
    require(specs)
    if options["state"] == "absent":
        _remove(specs, options, changes)
        return {}
    return _install(specs, options, changes)


def specifications(options: _Options, user: User) -> list[MirrorSpec]:
    """:raises ConfigError: an agent CLI is not in the catalogue, or a row of the user's own has a fault."""
    sources = options["sources"]
    catalog = with_overrides(CATALOG, options["catalog"], "creds_mirror_catalog")
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
                source=Source(path, path),
                publish=options["publish"],
                readers=readers,
                on_logout=options["on_logout"],
                logout_grace=options["logout_grace"],
                keep_warm=options["keep_warm"] and bool(row.mirror.keep_warm),
                keep_warm_environment=tuple(
                    (str(name), str(value)) for name, value in sorted(options["keep_warm_environment"].items())
                ),
                notify=tuple(options["notify"]),
                metrics=options["metrics_directory"] and f"{options['metrics_directory'].rstrip('/')}/{user.name}",
            )
        )
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Present


def _install(specs: list[MirrorSpec], options: _Options, changes: Changes) -> dict[str, Any]:
    user, scope = specs[0].user, specs[0].scope
    _require_rights(specs, options)
    specs = _resolved(specs)
    require(specs)  # once more, for the user decides where his links lead
    manager = Manager(user, is_users=scope == "user")
    if scope == "user":
        ensure_user_manager(changes, manager)  # first: where it may not, nothing else is touched
        sandbox = as_user(user, lambda own: install.can_sandbox(own, specs[0], manager), changes)
        specs = [replace(spec, sandbox=sandbox) for spec in specs]
    released = [spec for spec in specs if guard.release(changes, spec)]
    try:
        place.ensure(changes, specs, options["foreign_files"], options["root"])
    except HostError:
        for spec in released:
            guard.hold_again(spec)
        raise
    place.ensure_metrics(changes, specs)
    as_user(user, partial(_ensure_directories, specs, options), changes)
    for spec in specs:
        if options["guard_directory"]:
            guard.ensure_guard(changes, spec, is_released=spec in released)
        else:
            guard.remove_guard(changes, spec)
    if scope == "user":
        as_user(user, partial(_ensure_units, specs, options, manager, bool(changes.changes)), changes)
    else:
        _ensure_units(specs, options, manager, bool(changes.changes), changes)
    revive.ensure(changes, specs)
    # What worked until now goes last.
    _remove_scope(specs, "system" if scope == "user" else "user", changes)
    if scope == "system":
        for spec in specs:
            install.remove_units(changes, manager, spec.paths.units, spec.former_units)
    place.keep_former(changes, specs, options["root"])
    place.warn_of_redirection(changes, specs)
    if not all(spec.sandbox for spec in specs):
        changes.warnings.append(
            f"this host forbids {user.name} user namespaces: the mirror's services run without mount sandbox;"
            " set creds_mirror_scope to system for the whole sandbox"
        )
    return _result(specs, changes)


def _require_rights(specs: list[MirrorSpec], options: _Options) -> None:
    is_root = os.geteuid() == 0
    if specs[0].scope == "system" and not is_root:
        raise HostError("creds_mirror_scope: system needs root; set become, or choose the scope user.")
    if options["guard_directory"]:
        if not is_root:
            raise HostError("creds_mirror_guard_directory: a mount needs root; set become, or leave the guard out.")
        for spec in specs:
            guard.require_guardable(spec)


def _resolved(specs: list[MirrorSpec]) -> list[MirrorSpec]:
    """The specifications with what links at the sources lead to, looked at with the user's rights."""
    user = specs[0].user
    real = look_as(user, lambda: _real_sources([spec.source.path for spec in specs], user.home))
    if real is None:
        raise HostError(
            f"creds_mirror_user: {user.name} has no home directory ({user.home or '/'} is none); make it, or name"
            f" another user."
        )
    return [replace(spec, source=Source(spec.source.path, path)) for spec, path in zip(specs, real)]


def _real_sources(paths_of_sources: list[str], home: str) -> list[str] | None:
    """Where links at the sources lead to; ``None`` where there is no home."""
    if not home or not os.path.isdir(home):
        return None
    return [_real(path, home) for path in paths_of_sources]


def _real(path: str, home: str) -> str:
    """Where a link at the source leads to; the path itself if it is none (its directories may be links).

    What lies in the home is named from there, also where the home's own path leads through a link.
    """
    if not os.path.islink(path):
        return path
    real, real_home = os.path.realpath(path), os.path.realpath(home)
    return home + real[len(real_home) :] if is_below(real, real_home) else real


def _ensure_directories(specs: list[MirrorSpec], options: _Options, own: Changes) -> None:
    for spec in specs:
        install.ensure_directories(own, spec, options["foreign_files"])


def _ensure_units(specs: list[MirrorSpec], options: _Options, manager: Manager, is_changed: bool, own: Changes) -> None:
    """:param is_changed: whether anything before this has been changed."""
    before = len(own.changes)
    install.ensure_program(own, specs[0].paths, options["program"], options["start"])
    for spec in specs:
        ensure_file(own, spec.config, configuration(spec), 0o600 if spec.scope == "user" else 0o644)
        install.ensure_units(own, spec, manager)
    if (is_changed or len(own.changes) > before) and not own.check_mode:
        for spec in specs:
            install.verify_now(spec, manager)


def _result(specs: list[MirrorSpec], changes: Changes) -> dict[str, Any]:
    user = specs[0].user
    if not changes.check_mode:
        as_user(user, partial(_look_for_clients, specs), changes)
    result: dict[str, Any] = as_user(user, partial(_observe, specs), changes)
    for spec in specs:
        changes.warnings += state.warnings(spec, result[spec.cli.name])
    return result


def _look_for_clients(specs: list[MirrorSpec], _own: Changes) -> None:
    """Have it known which program renews each login; one that is known and there is not looked for again."""
    for spec in specs:
        if spec.keep_warm and not state.has_client(spec):
            install.look_for_client(spec)


def _observe(specs: list[MirrorSpec], _own: Changes) -> dict[str, Any]:
    return {spec.cli.name: state.observe(spec) for spec in specs}


# ---------------------------------------------------------------------------------------------------------------------
# Absent


def _remove(specs: list[MirrorSpec], options: _Options, changes: Changes) -> None:
    for scope in SCOPES:
        _remove_scope(specs, scope, changes)
    for spec in specs:
        guard.remove_guard(changes, spec)
        revive.remove(changes, spec)
    if os.geteuid() == 0 and options["place"] == "home":
        place.ensure_owner(changes, specs)
    place.remove_metrics(changes, specs)
    place.remove(changes, specs)
    place.remove_former(changes, specs, options["root"])
    as_user(specs[0].user, partial(_remove_empty, specs, changes.gone), changes)


def _remove_empty(specs: list[MirrorSpec], gone: set[str], own: Changes) -> None:
    """:param gone: what was removed until now."""
    user = specs[0].user
    where = paths("user", user)
    ours = (where.command, where.program, f"{where.units}/", *(spec.config for spec in specs))
    install.remove_empty_above(
        own, user.home, *ours, *(spec.directory for spec in specs if spec.place == "home"), gone=gone
    )


def _remove_scope(specs: list[MirrorSpec], scope: Scope, changes: Changes) -> None:
    """Remove what mirrors have in one scope: units, configurations, and the program if nothing else uses it."""
    user = specs[0].user
    specs = [replace(spec, scope=scope) for spec in specs]
    units = paths(scope, user).units
    if scope == "user":
        as_user(user, partial(_remove_files, specs), changes)
    elif os.geteuid() == 0:
        _remove_files(specs, changes)
    elif any(os.path.lexists(f"{units}/{name}") for spec in specs for name in _names(spec)):
        raise HostError(
            f"{units}: {user.name} has mirrors of the system scope, which only root can remove them; set become."
        )


def _names(spec: MirrorSpec) -> tuple[str, ...]:
    return (*spec.all_units, *spec.former_units)


def _remove_files(specs: list[MirrorSpec], own: Changes) -> None:
    user, scope = specs[0].user, specs[0].scope
    where = paths(scope, user)
    for spec in specs:
        install.remove_units(own, Manager(user, is_users=scope == "user"), where.units, _names(spec))
        remove_file(own, spec.config)
    unused = remove_directory(own, where.configs, {os.path.basename(spec.config) for spec in specs})
    if scope == "system":
        # The program is shared by all users who have mirrors.
        top, name = os.path.split(where.configs)
        unused = remove_directory(own, top, {name} if unused else set())
    if unused:
        remove_file(own, where.command)
        for path in where.library_files:
            remove_file(own, path)
        remove_directory(own, where.library, {os.path.basename(path) for path in where.library_files})
