# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen on many hosts → one report: a row for each login, those that need a person first. Pure."""

from __future__ import annotations

import datetime
import enum
from dataclasses import asdict, dataclass
from typing import Any, Iterable, Mapping, Sequence

from .._base.printable import printable

FORMAT = 1
"""Of the JSON file; a file of another format is not merged."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_STANDINGS = ("works", "fails", "not_proven", "deferred", "stopped", "absent")
_NEEDS_LOGIN = ("ended", "logged_out", "none", "log_in")
_STATES = (*_NEEDS_LOGIN, "good", "ending")


class Level(enum.Enum):
    """How much a login needs a person."""

    NOW = "now"
    SOON = "soon"
    FINE = "fine"


@dataclass(frozen=True)
class Agent:
    """One agent: how it stands, and the sentence about it without its name."""

    name: str
    standing: str
    sentence: str
    fresh: bool
    exposed: bool


@dataclass(frozen=True)
class Login:
    """One login of a host, and the agents that have it, if any has. Its ends are ISO 8601 in UTC, or ``None``."""

    cli: str
    state: str
    sentence: str
    well: bool
    ends_at: str | None
    refresh_ends_at: str | None
    agents: tuple[Agent, ...]


@dataclass(frozen=True)
class HostSeen:
    """One user of one host. ``failure`` says why it was not looked at, or not wholly."""

    host: str
    user: str
    looked_at: str
    unreachable: bool
    failure: str | None
    logins: tuple[Login, ...]


@dataclass(frozen=True)
class Settings:
    """What the operator asks of a report."""

    now: datetime.datetime
    warning_days: float = 3
    stale_hours: float = 26
    allow_absent: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the report. ``problems`` say what is wrong and what to do, ``notes`` what is to be known."""

    level: Level
    host: str
    user: str
    cli: str
    state: str
    ends_at: str | None
    refresh_ends_at: str | None
    fresh: int
    total: int
    exposed: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_login(self) -> bool:
        """False for the line of a host of which nothing is known."""
        return self.cli != "-"


@dataclass(frozen=True)
class Report:
    """The whole report, its rows in the order in which people should read them."""

    generated_at: str
    hosts: tuple[HostSeen, ...]
    rows: tuple[Row, ...]

    def count(self, level: Level) -> int:
        return sum(row.level is level for row in self.rows)

    @property
    def needs_a_person(self) -> int:
        return len(self.rows) - self.count(Level.FINE)

    @property
    def unreachable(self) -> int:
        return sum(host.unreachable for host in self.hosts)

    @property
    def sentence(self) -> str:
        """One sentence that counts."""
        logins, whole = [row for row in self.rows if row.is_login], len({host.host for host in self.hosts})
        bad = sum(row.level is not Level.FINE for row in logins)
        counted = (
            f"{bad} of {_plural(len(logins), 'login')} on {_plural(whole, 'host')} need{'s' * (bad == 1)} a person"
        )
        levels = [f"{self.count(level)} {level.value}" for level in (Level.NOW, Level.SOON) if self.count(level)]
        blind = len(self.rows) - len(logins)
        if blind:
            counted += f", and {_plural(blind, 'host')} of which nothing is known ({self.unreachable} unreachable)"
        return f"{counted}: {', '.join(levels)}." if levels else f"{counted}."

    def document(self) -> dict[str, Any]:
        """The JSON file."""
        return {
            "format": FORMAT,
            "generated_at": self.generated_at,
            "sentence": self.sentence,
            "needs_a_person": self.needs_a_person,
            "rows": [{**asdict(row), "level": row.level.value} for row in self.rows],
            "hosts": [asdict(host) for host in self.hosts],
        }


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


# ---------------------------------------------------------------------------------------------------------------------
# What a host has told. It may have been written by whoever has the host: nothing of it is trusted to have its form.


def _text(value: Any) -> str:
    return printable(value) if isinstance(value, str) else ""


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def moment(value: Any) -> datetime.datetime | None:
    """A time as hosts tell it; ``None`` for what is none."""
    try:
        return datetime.datetime.strptime(value, _TIME).replace(tzinfo=datetime.timezone.utc)
    except (TypeError, ValueError):
        return None


def _end(value: Any) -> str | None:
    return str(value) if moment(value) else None


def seen(host: str, user: str, result: Any, now: datetime.datetime) -> HostSeen:
    """One host of this run.

    :param user: the user as the inventory names it, for a host that does not answer.
    :param result: what ``agent_mounts_info`` returned there, or what Ansible said in its place.
    """
    result, unreachable = _dict(result), bool(_dict(result).get("unreachable"))
    agents = {str(name): _dict(agent) for name, agent in _dict(result.get("agents")).items()}
    unused = [_dict(login) for login in _list(result.get("unused_logins"))]
    failure = None
    if unreachable:
        failure = _message(result) or "it does not answer"
    elif not agents and not unused:
        failure = _message(result) or ("no agents are configured" if "agents" in result else "nothing is known")
    groups: dict[tuple[str, ...], list[tuple[str, Mapping[str, Any]]]] = {}
    for name, agent in agents.items():
        key = tuple(_text(agent.get(field)) for field in ("cli", "mode", "directory"))
        groups.setdefault(key, []).append((name, agent))
    return HostSeen(
        host=printable(host),
        user=_text(result.get("user")) or printable(user),
        looked_at=now.strftime(_TIME),
        unreachable=unreachable,
        failure=failure,
        logins=(*(_login(group[0][1], group) for group in groups.values()), *(_login(login) for login in unused)),
    )


def _message(result: Mapping[str, Any]) -> str:
    """What Ansible or the module says, without the words that ansible-core 2.19 puts in front of all."""
    words = _text(result.get("msg"))
    return words[len("Task failed: ") :] if words.startswith("Task failed: ") else words


def _login(first: Mapping[str, Any], agents: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> Login:
    """:param first: what is told of the login, as by the first of its agents."""
    mirror = _dict(first.get("mirror"))
    life, login = _dict(mirror.get("life")), _dict(mirror.get("login"))
    shared = first.get("mode") == "shared"
    state = _text(life.get("state"))
    return Login(
        cli=_cli(first),
        state=state if state in _STATES else "shared" if shared else "unknown",
        sentence=_text(life.get("sentence")),
        well=life.get("well") is not False,
        ends_at=_end(login.get("ends_at")) or _end(_dict(first.get("published")).get("expires_at")),
        refresh_ends_at=_end(login.get("refresh_ends_at")),
        agents=tuple(_agent(name, agent) for name, agent in agents),
    )


def _cli(login: Mapping[str, Any]) -> str:
    name = _text(login.get("cli"))
    return name if name not in ("", "-") else "?"


def _agent(name: str, agent: Mapping[str, Any]) -> Agent:
    standing, told = _text(agent.get("standing")), agent.get("judgement")
    if agent.get("failed"):
        standing, told = "fails", agent.get("failure")
    sentence = _text(told)
    prefix = f"{printable(name)}: "
    return Agent(
        name=printable(name),
        standing=standing if standing in _STANDINGS else "not_proven",
        sentence=(sentence[len(prefix) :] if sentence.startswith(prefix) else sentence).rstrip("."),
        fresh=agent.get("fresh") is True,
        exposed=bool(_list(agent.get("exposed"))) and agent.get("accept_exposure") is not True,
    )


class NotAReportError(ValueError):
    """A file that is merged is not a report of this format."""


def merged(document: Any) -> list[HostSeen]:
    """The hosts of a JSON file that a report has written.

    :raises NotAReportError: it is none.
    """
    document = _dict(document)
    if document.get("format") != FORMAT:
        raise NotAReportError(f"its format is {document.get('format')!r}, not {FORMAT}")
    return [_host(_dict(host)) for host in _list(document.get("hosts"))]


def _host(host: Mapping[str, Any]) -> HostSeen:
    return HostSeen(
        host=_text(host.get("host")) or "-",
        user=_text(host.get("user")),
        looked_at=_end(host.get("looked_at")) or "1970-01-01T00:00:00Z",
        unreachable=host.get("unreachable") is True,
        failure=_text(host.get("failure")) or None,
        logins=tuple(_login_again(_dict(login)) for login in _list(host.get("logins"))),
    )


def _login_again(login: Mapping[str, Any]) -> Login:
    state = login.get("state")
    return Login(
        cli=_cli(login),
        state=state if state in (*_STATES, "shared") else "unknown",
        sentence=_text(login.get("sentence")),
        well=login.get("well") is not False,
        ends_at=_end(login.get("ends_at")),
        refresh_ends_at=_end(login.get("refresh_ends_at")),
        agents=tuple(
            Agent(
                name=_text(agent.get("name")),
                standing=agent["standing"] if agent.get("standing") in _STANDINGS else "not_proven",
                sentence=_text(agent.get("sentence")),
                fresh=agent.get("fresh") is True,
                exposed=agent.get("exposed") is True,
            )
            for agent in map(_dict, _list(login.get("agents")))
        ),
    )


# ---------------------------------------------------------------------------------------------------------------------
# The report


def report(hosts: Iterable[HostSeen], settings: Settings) -> Report:
    """All hosts as a report. Of a user of a host that was looked at more than once, the last look counts."""
    newest: dict[tuple[str, str], HostSeen] = {}
    for host in hosts:
        key = (host.host, host.user)
        if key not in newest or newest[key].looked_at <= host.looked_at:
            newest[key] = host
    rows = [row for host in newest.values() for row in _rows(host, settings)]
    return Report(settings.now.strftime(_TIME), tuple(newest.values()), tuple(sorted(rows, key=_urgency)))


def _urgency(row: Row) -> tuple[Any, ...]:
    ends = min(filter(None, (row.ends_at, row.refresh_ends_at)), default="9")
    return list(Level).index(row.level), ends, row.host, row.user, row.cli


def _rows(host: HostSeen, settings: Settings) -> Iterable[Row]:
    looked = moment(host.looked_at)
    stale: tuple[str, ...] = ()
    if looked and settings.now - looked > datetime.timedelta(hours=settings.stale_hours):
        stale = (f"nothing was heard of it since {host.looked_at}: see why its report does not come",)
    if host.failure is not None or not host.logins:
        state = "unreachable" if host.unreachable else "unknown"
        words = f"unreachable: {host.failure}" if host.unreachable else host.failure or "no agents are configured"
        yield Row(Level.NOW, host.host, host.user, "-", state, None, None, 0, 0, 0, (*stale, words), ())
    for login in host.logins:
        yield _row(host, login, stale, settings) if login.agents or stale else _unused_row(host, login)


def _unused_row(host: HostSeen, login: Login) -> Row:
    """Nobody is stopped by what befalls a login that no agent uses, so nobody is called."""
    known = (login.sentence,) if login.sentence and login.state != "good" else ()
    return Row(
        level=Level.FINE,
        host=host.host,
        user=host.user,
        cli=login.cli,
        state=login.state,
        ends_at=login.ends_at,
        refresh_ends_at=login.refresh_ends_at,
        fresh=0,
        total=0,
        exposed=0,
        problems=(),
        notes=("no agent uses it", *known),
    )


def _row(host: HostSeen, login: Login, stale: tuple[str, ...], settings: Settings) -> Row:
    state = login.state
    end, refresh_end = moment(login.ends_at), moment(login.refresh_ends_at)
    # The mirror may be dead, and its last word old.
    if end and end <= settings.now and state not in _NEEDS_LOGIN:
        state = "ended"
    whom = f"log in on {host.host}" + (f" as {host.user}" if host.user else "")
    now: list[str] = [*stale]
    soon: list[str] = []
    if state in ("ended", "logged_out", "none"):
        told = login.sentence if state == login.state else f"ended at {login.ends_at}"
        for advice in ("; log in again", ": log in on this host"):  # where that is, is said here
            told = told[: -len(advice)] if told.endswith(advice) else told
        now.append(f"{told or state}; {whom}")
    elif state == "log_in":
        (soon if login.well else now).append(f"{login.sentence or state}; {whom}")
    elif state == "ending" or not login.well:
        soon.append(f"{login.sentence or state}; {whom} before that")
    elif refresh_end and refresh_end - settings.now <= datetime.timedelta(days=settings.warning_days):
        soon.append(f"log in again before {login.refresh_ends_at}; {whom}")
    bad = ("fails", "not_proven") if settings.allow_absent else ("fails", "not_proven", "absent")
    # What is said of the login is not said once more of each of its agents.
    now += _together(agent for agent in login.agents if agent.standing in bad and not (now and _is_of_login(agent)))
    rest = [agent for agent in login.agents if agent.standing not in bad and agent.sentence]
    known = (*now, *soon)
    notes = [one for one in _together(rest) if not any(login.sentence and login.sentence in text for text in known)]
    return Row(
        level=Level.NOW if now else Level.SOON if soon else Level.FINE,
        host=host.host,
        user=host.user,
        cli=login.cli,
        state=state,
        ends_at=login.ends_at,
        refresh_ends_at=login.refresh_ends_at,
        fresh=sum(agent.fresh for agent in login.agents),
        total=len(login.agents),
        exposed=sum(agent.exposed for agent in login.agents),
        problems=(*now, *soon),
        notes=tuple(notes),
    )


def _is_of_login(agent: Agent) -> bool:
    return agent.sentence.startswith(("the login ", "no login is published "))


def _together(agents: Iterable[Agent]) -> list[str]:
    """A sentence for each thing that is said, after the names of the agents of which it is said."""
    names: dict[str, list[str]] = {}
    for agent in agents:
        names.setdefault(agent.sentence or agent.standing, []).append(agent.name)
    return [f"{', '.join(who)}: {sentence}" for sentence, who in names.items()]


# ---------------------------------------------------------------------------------------------------------------------
# For people


def span(seconds: float) -> str:
    """A length of time in one unit, rounded down."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def until(end: str | None, now: datetime.datetime) -> str:
    """When an end is, from now."""
    there = moment(end)
    if there is None:
        return "-"
    left = (there - now).total_seconds()
    return f"in {span(left)}" if left > 0 else f"{span(-left)} ago"


HEADING = ("NEEDS", "HOST", "USER", "CLI", "LOGIN", "ENDS", "REFRESH ENDS", "FRESH", "EXPOSED", "WHAT TO DO")


def table(told: Report) -> list[str]:
    """A heading, one line for each row, and the sentence that counts."""
    now = moment(told.generated_at) or datetime.datetime.now(datetime.timezone.utc)
    rows = [HEADING, *(_cells(row, now) for row in told.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADING))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return [*lines, told.sentence]


def _cells(row: Row, now: datetime.datetime) -> tuple[str, ...]:
    return (
        {Level.NOW: "NOW", Level.SOON: "soon", Level.FINE: "-"}[row.level],
        row.host,
        row.user or "-",
        row.cli,
        row.state,
        until(row.ends_at, now),
        until(row.refresh_ends_at, now),
        f"{row.fresh}/{row.total}",
        str(row.exposed or "-"),
        "; ".join((*row.problems, *row.notes)),
    )
