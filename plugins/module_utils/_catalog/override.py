# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the user's own over the catalogue. Pure."""

from __future__ import annotations

import re
from dataclasses import MISSING, asdict, fields
from typing import Any, Mapping

from .._base.errors import ConfigError
from .cli import PLACEMENTS, RELOADS, AgentCli, MirrorRules, VersionLimit


def extended(
    catalog: Mapping[str, AgentCli], overrides: Mapping[str, Any], option: str = "catalog"
) -> dict[str, AgentCli]:
    """``catalog`` with rows of the user's own: those of a known name override single fields, others are new rows.

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
                raise ConfigError(
                    f"{where}: a name is made of a-z, 0-9 and -, for it becomes part of unit names; rename it."
                )
            base = asdict(catalog[name]) if name in catalog else {"commands": [name]}
            row: AgentCli = _built(AgentCli, {**base, "name": name}, settings, where)
            _check(row, where)
            result[name] = row
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(*faults)
    return result


def _built(kind: type, base: Mapping[str, Any], settings: Any, where: str) -> Any:
    """A dataclass out of plain data over ``base``."""
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{where} is not a dictionary; write the fields to set below it.")
    known = {one.name: one for one in fields(kind)}
    computed = {"file"} if kind is AgentCli else set()
    unknown = sorted(str(key) for key in set(settings) - set(known) - computed)
    if unknown:
        raise ConfigError(f"{where} has the unknown field {', '.join(unknown)}; the fields are {', '.join(known)}.")
    values = {}
    for name, one in known.items():
        if name in settings or name in base:
            here = f"{where}.{name}"
            if name == "mirror":
                values[name] = _built(MirrorRules, base.get(name) or {}, settings.get(name) or {}, here)
            else:
                values[name] = _value(str(one.type), settings.get(name, base.get(name)), here)
    missing = [
        name
        for name, one in known.items()
        if name not in values and one.default is MISSING and one.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"{where} is a new row and lacks {', '.join(missing)}; set each of them.")
    return kind(**values)


def _value(kind: str, value: Any, where: str) -> Any:
    """One field's value, by the text of its annotation."""
    strings = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    if kind == "str" and isinstance(value, str):
        return value
    if kind == "str | None" and (value is None or isinstance(value, str)):
        return value or None
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "tuple[str, ...]" and strings:
        return tuple(value)
    if kind == "tuple[VersionLimit, ...]" and isinstance(value, (list, tuple)):
        return tuple(_built(VersionLimit, {}, item, f"{where}[{index}]") for index, item in enumerate(value))
    if (
        kind == "Mapping[str, str]"
        and isinstance(value, Mapping)
        and all(isinstance(item, str) for item in value.values())
    ):
        return {str(key): item for key, item in value.items()}
    names = {
        "str": "a string",
        "str | None": "a string",
        "bool": "true or false",
        "tuple[str, ...]": "a list of strings",
    }
    wanted = names.get(kind, "a dictionary of strings" if kind.startswith("Mapping") else "a list of dictionaries")
    raise ConfigError(f"{where} is not {wanted}; write it so.")


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
    wrong = [placement for placement in row.placements if placement not in PLACEMENTS]
    if wrong or not row.placements:
        faults.append(f"{where}.placements: {', '.join(wrong) or 'none'} is not known; use {', '.join(PLACEMENTS)}.")
    if row.reload not in RELOADS:
        faults.append(f"{where}.reload: {row.reload} is not known; use {', '.join(RELOADS)}.")
    if row.mirror.expires_unit not in ("ms", "s"):
        faults.append(f"{where}.mirror.expires_unit: {row.mirror.expires_unit} is not known; use ms or s.")
    if not row.mirror.require:
        faults.append(f"{where}.mirror.require is empty; name a path that every login holds, so that a logout is told.")
    if faults:
        raise ConfigError(*faults)
