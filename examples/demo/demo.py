"""The main job on real parts: three agent containers with stale logins, cured by site.yml, and three new logins.

Run it by `make demo`. The host (systemd, Docker engine, user, agent containers) is a throwaway container on this
machine; logins and tokens are fabricated.

Environment: PICTURE (a path): what steps 2 to 5 print is kept there as an SVG, which README shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from host import CHECKOUT, INVENTORY, LOGS, DemoError, Host, PlaybookRun
from rich.console import Console
from rich.table import Table

SOURCE = "/home/dev/.claude/.credentials.json"
PATH_INSIDE = "/home/claude/.claude/.credentials.json"
AGENTS_JSON = "/home/dev/config/agents.json"
AGENTS = tuple(json.loads((Path(__file__).parent / "agents.json").read_text())["agents"])
SITE = [
    "playbooks/site.yml",
    "--extra-vars",
    "creds_mirror_user=dev",
    "--extra-vars",
    f"agent_containers_path={AGENTS_JSON}",
]
LOGINS = {
    "atomic_rename": "new file renamed over the old",
    "in_place": "rewritten in place",
    "delete_and_create": "deleted and created anew",
}

PICTURE = os.environ.get("PICTURE", "")
# Not rich's own form, which fetches a font from elsewhere.
PICTURE_FORM = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="What make demo prints">
<!-- made by make demo-picture of SOURCES -->
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""

console = Console(
    highlight=False,
    record=bool(PICTURE),
    force_terminal=True if PICTURE else None,
    width=136 if PICTURE else None if sys.stdout.isatty() else 120,
)


def sources() -> str:
    """A fingerprint of what decides on what the demo prints: a picture of another one is out of date."""
    files = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".py", ".json"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def keep_picture() -> None:
    form = PICTURE_FORM.replace("SOURCES", sources())
    svg = console.export_svg(title="make demo", code_format=form, unique_id="demo")
    Path(PICTURE).write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


def step(title: str) -> None:
    console.print()
    console.rule(f"[bold]{title}", align="left")


def prepare_host() -> Host:
    """A host as people have it today: a login, agents.json, and agents with the credential FILE mounted."""
    step("1. A throwaway host: systemd, a Docker engine of its own, a user who is logged in")
    host = Host.named("demo", "bookworm")
    for playbook in ("testbed/stop.yml", "testbed/start.yml"):
        run = host.playbook([playbook], log="demo-host.log")
        if run.failed:
            raise DemoError(f"The host did not start. {run.error} See {LOGS.relative_to(CHECKOUT)}/demo-host.log")
    console.print(f"host [bold]{host.container}[/]: {host.run('systemctl', 'is-system-running').strip()}")
    host.write("/usr/local/bin/fake-login", (CHECKOUT / "testbed/fake-login").read_bytes(), "755")
    host.run("fake-login", SOURCE, "in_place", "1", user="dev")
    host.write(AGENTS_JSON, (Path(__file__).parent / "agents.json").read_bytes(), "644", user="dev")
    console.print(f"login {SOURCE} (fabricated), agents in {AGENTS_JSON}")

    console.print("the agents are started the OLD way, with a file mount:")
    for name in AGENTS:
        command = [
            "docker",
            "run",
            "--detach",
            "--name",
            name,
            "--volume",
            f"{SOURCE}:{PATH_INSIDE}:ro",
            "agentops-agent",
        ]
        console.print(f"  [dim]$ {' '.join(command)}", soft_wrap=True)
        host.run(*command, user="dev")
    return host


def observe(host: Host, *options: str) -> dict:
    """The report of observe.py, run in the host."""
    program = (Path(__file__).parent / "observe.py").read_text()
    return json.loads(host.run("python3", "-", SOURCE, PATH_INSIDE, *AGENTS, *options, stdin=program))


def log_in(host: Host, way: str, serial: int, wait: float) -> dict:
    return observe(host, "--login", way, str(serial), "--wait", str(wait))


def show_illness(host: Host) -> dict:
    step("2. The illness: the user logs in again, and the CLI renames a new file over the old one")
    report = log_in(host, "atomic_rename", 2, wait=2)
    for name, agent in report["containers"].items():
        fresh = agent["fingerprint"] == report["host"]
        verdict = "[green]fresh" if fresh else "[red]STALE: the mount pins the old file"
        console.print(f"  {name:<9} host {report['host']}   inside {agent['fingerprint']}   {verdict}")
    return report


def run_site(host: Host, log: str) -> PlaybookRun:
    console.print(
        f"[dim]$ ansible-playbook -i {INVENTORY} {' '.join(SITE).replace('--extra-vars', '-e')}", soft_wrap=True
    )

    def on_task(task: str, outcome: str) -> None:
        colour = {"ok": "dim", "changed": "yellow"}.get(outcome, "red")
        console.print(f"  [{colour}]{outcome:<8}{task}", soft_wrap=True)

    run = host.playbook(SITE, log=log, on_task=on_task)
    where = f"{LOGS.relative_to(CHECKOUT)}/{log}"
    console.print(f"changed={run.changed} failed={run.failed}, {run.seconds:.0f} s (all of its words: {where})")
    if run.failed:
        raise DemoError(f"site.yml failed. {run.error} See {where}")
    return run


def log_in_three_ways(host: Host) -> list[dict]:
    step("4. Three more logins, each saved in another way, while the agents run")
    reports = []
    for serial, (way, words) in enumerate(LOGINS.items(), start=3):
        report = log_in(host, way, serial, wait=15)
        times = [agent["seconds"] for agent in report["containers"].values()]
        seen = "[red]not seen within 15 s" if None in times else f"[green]seen by all after {max(times):.2f} s"
        console.print(f"  {words:<32} {seen}")
        reports.append(report)
    return reports


def show_result(before: dict, cured: dict, reports: list[dict]) -> bool:
    """The table; true when every container saw every login without a restart."""
    last = reports[-1]
    table = Table(title=f"The host's login is now {last['host']}", title_justify="left")
    for heading in ("container", "mount before", "mount now", "login inside", "seen after (s)", "restarted since"):
        table.add_column(heading)
    good = True
    for name, agent in last["containers"].items():
        times = [report["containers"][name]["seconds"] for report in reports]
        restarted = agent["started_at"] != cured["containers"][name]["started_at"]
        good = good and None not in times and not restarted
        table.add_row(
            name,
            before["containers"][name]["mount"][0],
            agent["mount"][0],
            agent["fingerprint"],
            ", ".join("never" if seconds is None else f"{seconds:.2f}" for seconds in times),
            "[red]yes" if restarted else f"no, runs since {agent['started_at'][11:19]}",
        )
    console.print(table)
    for time, report in {"before": before, "now": last}.items():
        kind, target = report["containers"][AGENTS[0]]["mount"]
        console.print(f"{time + ':':<7} {kind}, at {target}")
    return good


def say_what_next(host: Host) -> None:
    step("What to try next")
    variables = " ".join(SITE[1:]).replace("--extra-vars", "-e")
    console.print(
        f"""\
The host stays until you remove it. In it, be the user (systemctl --user status, docker ps, creds-mirror status):
  docker exec -it {host.container} su - dev
Log in once more, and run the drill: does every agent see the current login?
  docker exec -u dev {host.container} fake-login {SOURCE} atomic_rename 99
  AGENTOPS_HOSTS=demo:bookworm .venv/bin/ansible-playbook -i {INVENTORY} playbooks/verify.yml {variables}
Remove everything that the demo made, or run all tests:
  make clean
  make test
Your own hosts: README.md""",
        soft_wrap=True,
    )


def main() -> None:
    host = prepare_host()
    if PICTURE:
        console.export_text()  # forget step 1
    before = show_illness(host)
    step("3. The cure: playbooks/site.yml against that host")
    run_site(host, "demo-site-1.log")
    cured = observe(host)
    reports = log_in_three_ways(host)
    console.print()
    good = show_result(before, cured, reports)
    step("5. site.yml a second time: nothing to do")
    changed = run_site(host, "demo-site-2.log").changed
    if PICTURE:
        keep_picture()
    say_what_next(host)
    if not good:
        raise DemoError("Not every container saw every login without a restart: see the table above.")
    if changed:
        raise DemoError(f"The second run of site.yml changed {changed} things; it should change none.")


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(str(error))
