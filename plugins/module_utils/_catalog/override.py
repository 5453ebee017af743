# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the user's own over the catalogue. Pure."""

from __future__ import annotations

import re
from dataclasses import MISSING, asdict, fields
from typing import Any, Callable, Mapping

from .._base.errors import ConfigError
from .cli import PLACEMENTS, RELOADS, UNITS, AgentCli, MirrorRules, VersionLimit


def with_overrides(
    catalog: Mapping[str, AgentCli], overrides: Mapping[str, Any], option: str = "catalog"
) -> dict[str, AgentCli]:
    """Lay rows of the user's own over ``catalog``: those of a known name override single fields, others are new rows.

    :param overrides: name → the fields to set, in the form of :func:`as_dict`.
    :param option: what the user calls it, for messages.
    :raises ConfigError: with every fault of every row.
    """
    result = dict(catalog)
    faults: list[str] = []
    for name, settings in overrides.items():
        where = f"{option}.{name}"
        try:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
                raise ConfigError(f"{where}: a name becomes part of unit names; make it of a-z, 0-9 and - only.")
            result[name] = _row(name, catalog.get(name), settings, where)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(*faults)
    return result


def _row(name: str, known: AgentCli | None, settings: Any, where: str) -> AgentCli:
    base: dict[str, Any] = asdict(known) if known else {"commands": [name]}
    values = _merged(AgentCli, _ROW, {**base, "name": name}, settings, where, computed=("file",))
    rules = settings.get("mirror") or {}
    values["mirror"] = MirrorRules(**_merged(MirrorRules, _RULES, base.get("mirror") or {}, rules, f"{where}.mirror"))
    row = AgentCli(**values)
    _check(row, where)
    return row


def _merged(
    kind: type,
    converters: Mapping[str, _Converter],
    base: Mapping[str, Any],
    settings: Any,
    where: str,
    computed: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The fields of a dataclass: those that are set over those of ``base``, each converted from plain data."""
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where} is not a dictionary; write the fields to set below it.")
    known = [one.name for one in fields(kind)]
    unknown = sorted(str(key) for key in set(settings) - set(known) - set(computed))
    if unknown:
        raise ConfigError(f"{where} has the unknown field {', '.join(unknown)}; the fields are {', '.join(known)}.")
    given = {**base, **settings}
    required = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    missing = [name for name in required if name not in given]
    if missing:
        raise ConfigError(f"{where} is a new row and lacks {', '.join(missing)}; set each of them.")
    return {
        name: converters[name](given[name], f"{where}.{name}") for name in known if name in given and name in converters
    }


# Each converts a value of plain data, or says in one sentence what it must be.


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} is not a string; write one.")
    return value


def _string_or_none(value: Any, where: str) -> str | None:
    return _string(value, where) or None if value is not None else None


def _boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} is not true or false; write one of them.")
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{where} is not a list of strings; write one.")
    return tuple(value)


def _texts(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise ConfigError(f"{where} is not a dictionary of strings; write one.")
    return {str(key): item for key, item in value.items()}


def _limits(value: Any, where: str) -> tuple[VersionLimit, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{where} is not a list of dictionaries; write one.")
    return tuple(
        VersionLimit(**_merged(VersionLimit, _LIMIT, {}, item, f"{where}[{index}]")) for index, item in enumerate(value)
    )


_Converter = Callable[[Any, str], Any]
_LIMIT: dict[str, _Converter] = {"placement": _string, "minimum": _string, "effect": _string}
_RULES: dict[str, _Converter] = {
    "require": _strings,
    "scopes": _string_or_none,
    "keep": _strings,
    "drop": _strings,
    "blank": _strings,
    "refresh": _strings,
    "expires": _string_or_none,
    "refresh_expires": _string_or_none,
    "expires_unit": _string,
    "comments": _boolean,
    "keep_warm": _strings,
    "keep_warm_since": _string_or_none,
    "keep_warm_install": _string_or_none,
    "keep_warm_rejected": _strings,
    "keep_warm_variables": _texts,
}
_ROW: dict[str, _Converter] = {
    "name": _string,
    "source": _string,
    "credential": _string,
    "config_dir": _string,
    "measured": _string,
    "commands": _strings,
    "config_dir_variable": _string_or_none,
    "config_dir_suffix": _string,
    "store_variable": _string_or_none,
    "store_variable_since": _string_or_none,
    "placements": _strings,
    "limits": _limits,
    "reload": _string,
    "reload_since": _string_or_none,
    "start": _string_or_none,
    "passwd": _string_or_none,
    "masking_variables": _strings,
    "shared_dir": _string_or_none,
    "seeds": _texts,
}


def _check(row: AgentCli, where: str) -> None:
    faults = []
    for name in ("source", "credential", "config_dir", "shared_dir"):
        path = getattr(row, name)
        if name == "shared_dir" and path is None:
            continue
        if not path or path.startswith("/") or ".." in path.split("/") or set(path) & set(',:"\n'):
            faults.append(
                f"{where}.{name}: {path!r} is not a path below the home directory; write it relative to that."
            )
    if row.shared_dir is not None and row.config_dir != f"{row.shared_dir}/{row.config_dir_suffix}":
        faults.append(
            f"{where}.shared_dir: {row.shared_dir} with config_dir_suffix is not config_dir; name the directory that "
            f"config_dir_variable moves."
        )
    wrong: list[str] = [placement for placement in row.placements if placement not in PLACEMENTS]
    if wrong or not row.placements:
        faults.append(f"{where}.placements: {', '.join(wrong) or 'none'} is not known; use {', '.join(PLACEMENTS)}.")
    if row.reload not in RELOADS:
        faults.append(f"{where}.reload: {row.reload} is not known; use {', '.join(RELOADS)}.")
    if row.mirror.expires_unit not in UNITS:
        faults.append(f"{where}.mirror.expires_unit: {row.mirror.expires_unit} is not known; use ms or s.")
    if not row.mirror.require:
        faults.append(f"{where}.mirror.require is empty; name a path that every login holds, so that a logout is seen.")
    if faults:
        raise ConfigError(*faults)
