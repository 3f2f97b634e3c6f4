"""`make run` as people call it: the real Makefile, tools/setup and tools/run in a tree of their own,
with the program under test in place of a build. What set-up would install with is not there."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

import serving

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = "".join(f"w{i:06} " for i in range(12)).strip()  # what the mock says
INSTALLERS = ("apt-get", "npm", "sudo", "dpkg")
LOCKS = {"venv": "tests/requirements.lock", "node": "tests/clients/package-lock.json",
         "go": "tests/clients/go/go.sum", "engine": "tools/packages/engine.lock"}
ADMIN = r"^  admin +(http://\S+)/metrics$"
BANNER = r"(?s)^  admin +\S+/metrics\n(?:  loading[^\n]*\n)?\n(.*\n)(?=\n)"


class Tree:
    """A clone, so far as it takes part in `make run`."""

    def __init__(self, directory, binary, cache=None):
        self.root, self.log = directory / "clone", directory / "installed"
        for path in ("Makefile", "tools/setup", "tools/run", "tools/llama-server", *LOCKS.values(),
                     "tests/clients/go/go.mod", "tests/clients/go/main.go",
                     *(f"tools/packages/{p.name}" for p in (ROOT / "tools/packages").iterdir())):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.root / path)
        (self.root / "build/release/src").mkdir(parents=True)
        (self.root / "build/release/src/lamplighter").symlink_to(binary)
        (self.root / "build/lamplighter").symlink_to("release/src/lamplighter")
        self.script(self.root / "tools/build", "exit 0")
        for name in INSTALLERS:
            self.script(directory / "bin" / name, f"echo {name} \"$@\" >>{self.log}; exit 1")
        kept = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH", "XDG_CACHE_HOME")
        self.env = {"PATH": f"{directory}/bin:{os.environ['PATH']}", "HOME": os.environ["HOME"],
                    "XDG_STATE_HOME": str(directory / "state"), "PIP_NO_INDEX": "1",
                    **{name: os.environ[name] for name in kept if name in os.environ}}
        if cache:
            self.env["XDG_CACHE_HOME"] = str(cache)

    @staticmethod
    def script(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def call(self, *command, **env):
        return subprocess.run(command, cwd=self.root, env={**self.env, **env}, text=True,
                              capture_output=True, timeout=50)

    def setup(self, *words, **env):
        return self.call("tools/setup", *words, **env)

    def files(self):
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*")}

    def installed(self):
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def tree(binary, tmp_path):
    return Tree(tmp_path, binary, tmp_path / "cache")


@pytest.fixture
def start():
    """start(command, directory, name, env): as a terminal does, in a group of its own."""
    running = []

    def begin(*args):
        running.append(serving.Server(*args, start_new_session=True))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def interrupt(server):
    """Ctrl-C; nobody of its group stays behind."""
    os.killpg(server.pid, signal.SIGINT)
    server.wait()
    serving.wait_for(lambda: not members(server.pid), 20)


def members(group):
    pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()]
    return [pid for pid in pids if serving.alive(pid) and group_of(pid) == group]


def group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def paste(text, directory):
    """Run the curl line and the snippet of Python: what they print."""
    shell, python = text.split("\nfrom ")
    shell = shell.replace("curl ", "curl -sS --noproxy '*' ")
    for command in (["sh", "-c", shell], [sys.executable, "-c", "from " + python]):
        run = subprocess.run(command, cwd=directory, text=True, capture_output=True, timeout=150,
                             env={"PATH": os.environ["PATH"], "NO_PROXY": "*"})
        assert run.returncode == 0, run.stderr
        yield run.stdout


@pytest.mark.timeout(400)
def test_run_twice(start, engine, binary, tmp_path):
    """What it prints can be pasted, and the real model answers. The second time nothing is set up."""
    tree = Tree(tmp_path, binary)
    for time_ in ("first", "second"):
        made = start(["make", "run"], tree.root, time_, tree.env)
        banner = made.find(BANNER)
        admin = made.find(ADMIN)
        serving.wait_for(lambda: "ready" in [row["state"] for row in json.loads(
            serving.get(admin + "/api/v1/status"))["engines"]], 45, 0.1)
        short = banner.replace('"messages":', '"max_tokens":8,"messages":').replace(
            "model=", "max_tokens=8, model=")  # how long it would talk is chance
        whole, said = paste(short + "\n", tmp_path)
        assert json.loads(whole)["choices"][0]["message"]["content"] and said.strip()
        interrupt(made)
        assert "setup:" not in made.output() and tree.installed() == ""


def test_without_an_engine_the_mock_is_offered(start, tree, tmp_path):
    """The lines that are printed then can be pasted, too."""
    alone = start(["tools/run"], tree.root, "alone", tree.env)
    alone.find(ADMIN)
    said = alone.output()
    assert "No local engine can be had on this machine" in said
    mock, gateway = re.search(r"without any: (build/\S+ mock .*), and\n +(\S.* run)\n", said).groups()
    interrupt(alone)
    port = serving.free_port()  # another's may be 9000
    assert "127.0.0.1:9000" in mock and "127.0.0.1:9000" in gateway
    mock, gateway = (line.replace(":9000", f":{port}") for line in (mock, gateway))
    provider = start(["sh", "-c", f"exec {mock}"], tree.root, "mock", tree.env)
    provider.wait_port(port)
    served = start(["sh", "-c", gateway], tree.root, "gateway", tree.env)
    whole, said = paste(served.find(BANNER) + "\n", tmp_path)
    assert TEXT in whole and said.strip() == TEXT
    interrupt(served)
    interrupt(provider)
    assert tree.installed() == ""


def test_an_engine_that_cannot_be_had_is_not_tried_again_at_once(tree):
    """The rest works without it, so that is no failure; within the hour `make run` starts at once."""
    before = tree.files()
    first = tree.setup("run")
    assert first.returncode == 0
    assert "no local model: its packages cannot be had" in first.stderr
    failed, = re.findall(r"to try again within the hour: rm (\S+)", first.stderr)
    again = tree.setup("run")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    os.utime(failed, (1, 1))
    assert "no local model" in tree.setup("run").stderr
    assert tree.files() == before and tree.installed() == ""


def test_downloads_live_in_the_cache_under_their_lock(tree):
    """Never in the clone, nor under a path that is relative to it."""
    places = {name: tree.setup("--where", name).stdout.strip() for name in LOCKS}
    assert len(set(places.values())) == len(LOCKS)
    cache = tree.env["XDG_CACHE_HOME"]
    for name, place in places.items():
        assert re.fullmatch(rf"{cache}/lamplighter/{name}-[0-9a-f]{{16}}", place)
        for odd in ("", "cache", "./cache"):
            home = tree.setup("--where", name, XDG_CACHE_HOME=odd, HOME="/somebody").stdout.strip()
            assert home == place.replace(cache, "/somebody/.cache")
    for name, lock in LOCKS.items():
        with open(tree.root / lock, "a") as f:
            f.write("\n")
        after = {name: tree.setup("--where", name).stdout.strip() for name in LOCKS}
        assert {n for n in LOCKS if after[n] != places[n]} == {name}
        places = after
