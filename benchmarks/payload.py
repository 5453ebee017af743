#!/usr/bin/env python3
"""What Ansible packs of a module, and what its import compiles: a row for each, ping beside them. Prints Markdown.

    benchmarks/payload.py [--tries 9] [--checkout PATH]

Ansible packs whatever a module imports, late imports among it, and sends it to each host as source. There Python
compiles what is imported at once, in each run. Seconds are the processor's, the least of the tries, on this machine.
"""

from __future__ import annotations

import argparse
import datetime
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
OURS = "ansible_collections.agentops.credentials.plugins.modules"
IMPORT = """\
import sys, time
sys.path.insert(0, {archive!r})
sys.dont_write_bytecode = True
began = time.process_time()
import {module}
took = time.process_time() - began
loaded = {{name.replace(".", "/") for name in sys.modules if ".agentops." in name}}
print(took, *loaded)
"""


def packed(module: str, path: pathlib.Path) -> bytes:
    """The archive of a module, as ansible-core makes it."""
    from ansible._internal._ansiballz import _builder
    from ansible.executor import module_common

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        found = _builder.ExtensionManager.create(task_vars={})
        name, now = module.rpartition(".")[2], datetime.datetime.now(datetime.UTC)
        module_common.recursive_finder(name, module, path.read_bytes(), archive, now, found)
        if module.startswith("ansible_collections"):
            package = module.rpartition(".")[0].replace(".", "/")
            archive.writestr(f"{package}/__init__.py", "")
            archive.write(path, f"{package}/{name}.py")
    return buffer.getvalue()


def row(module: str, path: pathlib.Path, tries: int) -> str:
    content = packed(module, path)
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(content)
        file.flush()
        command = [sys.executable, "-I", "-c", IMPORT.format(archive=file.name, module=module)]
        answers = [
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _try in range(tries)
        ]
    sizes = {one.filename: one.file_size for one in zipfile.ZipFile(io.BytesIO(content)).infolist()}
    loaded = [size for name in answers[0][1:] for end in (".py", "/__init__.py") if (size := sizes.get(name + end))]
    seconds = min(float(answer[0]) for answer in answers)
    whole = sum(size for name, size in sizes.items() if "/agentops/" in name)
    name = module.rpartition(".")[2]
    return f"| `{name}` | {len(content) >> 10} | {whole >> 10} | {sum(loaded) >> 10} | {len(loaded)} | {seconds:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=9)
    parser.add_argument("--checkout", type=pathlib.Path, default=CHECKOUT)
    given = parser.parse_args()
    collections = str(given.checkout.resolve() / ".ansible/collections")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = collections
    import ansible.modules
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([collections])
    print("| module | packed, KB | of it ours, unpacked | imported of ours, KB | files | seconds of import |")
    print("|---|---|---|---|---|---|")
    ping = pathlib.Path(ansible.modules.__path__[0], "ping.py")
    print(row("ansible.modules.ping", ping, given.tries))
    for name in ("agent_mounts", "agent_mounts_info", "creds_mirror"):
        print(row(f"{OURS}.{name}", given.checkout / f"plugins/modules/{name}.py", given.tries), flush=True)


if __name__ == "__main__":
    main()
