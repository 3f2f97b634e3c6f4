"""What the tools share: where the tree is, which files and rooms it has, how a check ends."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def place(name):
    """Where tools/setup has put venv, node, go or engine."""
    out = subprocess.run([ROOT / "tools/setup", "--where", name], check=True, capture_output=True,
                         text=True)
    return pathlib.Path(out.stdout.strip())


def tracked():
    """Every file of the tree that is or could be committed, as paths relative to ROOT."""
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"],
                         cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (pathlib.Path(p) for p in sorted(set(out.split("\0"))) if p)
    return [p for p in paths if (ROOT / p).is_file()]


def c_files(*tops, suffixes=(".c", ".h")):
    """The C files under the named top directories; all when none is named."""
    return [p for p in tracked() if p.suffix in suffixes and (not tops or p.parts[0] in tops)]


def rooms():
    """The table of src/meson.build, in its order: {room: [rooms it may include]}."""
    table = {}
    text = (ROOT / "src/meson.build").read_text()
    for name, uses in re.findall(r"^  \['(\w+)', '([\w ]*)'\],$", text, re.M):
        table[name] = list(table) if uses == "all" else uses.split()
    return table


def waivers(name, columns):
    """The rows of tools/<name>: whitespace-separated columns, the last one is the reason."""
    rows = []
    for number, line in enumerate((ROOT / "tools" / name).read_text().splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        row = line.split(None, columns - 1)
        if len(row) != columns:
            sys.exit(f"tools/{name}:{number}: needs {columns} columns, the last is the reason")
        rows.append(row)
    return rows


def finish(name, faults, looked_at):
    """Print the faults and end: 0 when there are none."""
    for fault in faults:
        print(fault)
    print(f"{name}: {looked_at}, {len(faults)} faults")
    sys.exit(1 if faults else 0)
