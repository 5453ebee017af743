#!/usr/bin/env python3
"""What a further host costs the controller: ping, site again, verify and report over fleets of several sizes.

    benchmarks/fleet.py [--hosts 1,5,10,20] [--forks 5,20] [--tries 3]

A host of the fleet is a user of one of the throwaway hosts that are started (AGENTOPS_HOSTS), under an inventory name
of its own: the controller does the same for it, and memory is spared. Printed are the median of the wall time and the
controller's CPU time, and the CPU of each further host as a multiple of that of a play with only ansible.builtin.ping.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
PING = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n"
PREPARE = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.user: {name: "{{ creds_mirror_user }}"}
    - ansible.builtin.copy: {src: %s, dest: /usr/local/bin/fake-login, mode: "0755"}
    - ansible.builtin.command:
        argv: [runuser, -u, "{{ creds_mirror_user }}", --, fake-login,
               "/home/{{ creds_mirror_user }}/.claude/.credentials.json", atomic_rename, "1"]
    - ansible.builtin.shell: |
        docker rm --force --volumes {{ creds_mirror_user }} 2>&1
        docker run --detach --name {{ creds_mirror_user }} --user 0 agentops-agent
"""


def fleet(number: int) -> dict[str, object]:
    """An inventory of so many users, spread over the hosts that were started."""
    listing = subprocess.run(["testbed/inventory"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    real = list(json.loads(listing)["_meta"]["hostvars"].values())
    agents = {
        "boss": {
            "container": {"name": "{{ creds_mirror_user }}", "credentials_host_path": "~/.claude/.credentials.json"}
        }
    }
    variables = {"agent_containers_agents": agents, "creds_mirror_keep_warm": False}
    hosts = {
        f"fleet-{at:03}": {**host, "creds_mirror_user": f"fleet-{at:03}"}
        for at, host in zip(range(number), itertools.cycle(real))
    }
    return {"all": {"hosts": hosts, "vars": variables}}


def play(inventory: pathlib.Path, playbook: str, forks: int) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    command = ["ansible-playbook", "-i", str(inventory), "--forks", str(forks), playbook]
    command += ["-e", f"report_directory={inventory.parent}"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_PIPELINING": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("hosts", "1,5,10,20"), ("forks", "5,20"), ("tries", "3")):
        parser.add_argument(f"--{name}", default=default)
    given = parser.parse_args()
    sizes, forks = ([int(one) for one in text.split(",")] for text in (given.hosts, given.forks))
    with tempfile.TemporaryDirectory() as directory:
        top = pathlib.Path(directory)
        (top / "ping.yml").write_text(PING)
        (top / "prepare.yml").write_text(PREPARE % (CHECKOUT / "testbed/fake-login"))
        inventory = top / "inventory.json"
        inventory.write_text(json.dumps(fleet(max(sizes))))
        play(inventory, str(top / "prepare.yml"), 5)
        play(inventory, "agentops.credentials.site", 5)
        ping, runs = str(top / "ping.yml"), ("site", "verify", "report")
        playbooks = {"ping": ping, **{name: f"agentops.credentials.{name}" for name in runs}}
        for fork in forks:
            cpu: dict[str, list[float]] = {name: [] for name in playbooks}
            for size, (name, playbook) in itertools.product(sizes, playbooks.items()):
                inventory.write_text(json.dumps(fleet(size)))
                tries = [play(inventory, playbook, fork) for _try in range(int(given.tries))]
                wall, spent = (statistics.median(values) for values in zip(*tries, strict=True))
                cpu[name].append(spent)
                print(f"forks {fork:2}  hosts {size:3}  {name:7} {wall:6.2f} s  CPU {spent:6.2f} s", flush=True)
            if len(sizes) > 1:
                further = {name: (all_[-1] - all_[0]) / (sizes[-1] - sizes[0]) for name, all_ in cpu.items()}
                told = (f"{name} {each:.2f} s ({each / further['ping']:.1f} x)" for name, each in further.items())
                print(f"forks {fork:2}  each further host: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
