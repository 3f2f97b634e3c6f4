"""The programs that a test runs: a mock of the providers, and a gateway before it.

Both choose free ports and say which; both are stopped by SIGTERM and must end with status 0,
without a word from a sanitizer. Nothing sleeps: what is waited for is asked for, often.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import wire

START_SECONDS = 20
STOP_SECONDS = 20
TELL_TALES = re.compile(rb"Sanitizer|runtime error:|MUST\(|EXPECT\(|died of signal|exited with|"
                        rb"panic|silent for")


def program():
    """Where the lamplighter under test lies."""
    return pathlib.Path(os.environ.get("LAMPLIGHTER_BIN") or "build/release/src/lamplighter").resolve()


def sanitized(binary):
    return b"__asan_init" in binary.read_bytes()


def wait_for(what, seconds=5, every=0.005):
    """what() until it is true; its value. The last false value fails the test."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}: {value!r}"
        time.sleep(every)


class JsonLines:
    """The whole lines of a log that grows; each is read once, whichever thread asks."""

    def __init__(self, path):
        self.path, self.at, self.rows, self.reading = path, 0, [], threading.Lock()

    def read(self):
        with self.reading:
            if self.path.exists():
                with open(self.path, "rb") as f:
                    f.seek(self.at)
                    text, newline, _ = f.read().rpartition(b"\n")
                self.at += len(text) + len(newline)
                self.rows += [json.loads(line) for line in text.split(b"\n") if line]
            return list(self.rows)


class Program:
    """A child with its output in files."""

    def __init__(self, place, name, command, env=None):
        self.out, self.err = place / f"{name}.out", place / f"{name}.err"
        self.stopped = False
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out,
                                            stderr=err, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        return self.err.read_text(errors="replace")

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=STOP_SECONDS):
        return self.process.wait(seconds)

    def find(self, file, pattern, seconds=START_SECONDS):
        """What the first group matches in the output, once it is there."""
        def look():
            found = re.search(pattern, file.read_text(errors="replace"))
            if not found:
                assert self.process.poll() is None, f"ended early: {self.said()}"
            return found
        return wait_for(look, seconds)[1]

    def stop(self, expected=0, blame=TELL_TALES):
        self.stopped = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop: {self.said()}") from None
        said = self.err.read_bytes()
        assert not (blame and blame.search(said)), said.decode(errors="replace")
        assert status == expected, f"status {status}: {said.decode(errors='replace')}"


ENGINES = ("vllm", "sglang", "llama.cpp", "tgi", "tensorrt-llm", "ollama")


class Mock(Program):
    """`lamplighter mock`. One model name a test keeps their requests apart in its log."""

    def __init__(self, binary, place, *args, name="mock"):
        self.log_file = place / f"{name}.log"
        self.lines = JsonLines(self.log_file)
        super().__init__(place, name, [binary, "mock", "--listen", "127.0.0.1:0", "--log",
                                       self.log_file, *args])
        self.addr = self.find(self.out, r"mock listening on http://(\S+)")

    def log(self, model=None, ev=None):
        """Lines about requests of that model (without its behaviours)."""
        lines = self.lines.read()
        if model is not None:
            numbers = {line["n"] for line in lines
                       if line["ev"] == "request" and line["model"].split(";")[0] == model}
            lines = [line for line in lines if line.get("n") in numbers]
        return [line for line in lines if ev in (None, line["ev"])]

    def requests(self, model=None):
        return self.log(model, "request")

    def ends(self, model, count=1):
        """The ends of the model's requests, once there are so many."""
        wait_for(lambda: len(self.log(model, "end")) >= count)
        return self.log(model, "end")


class Gateway(Program):
    """`lamplighter run`. The configuration is a dict: JSON is valid input."""

    def __init__(self, binary, place, conf, *args, name="gateway", env=None, ready=True):
        self.file = place / f"{name}.yaml"
        self.configure(conf)
        super().__init__(place, name, [binary, "run", "-c", self.file, *args], env)
        self.access = self.out
        self.lines = JsonLines(self.out)
        self.addr = self.find(self.err, r"  clients   https?://(\S+)/v1")
        self.admin = self.find(self.err, r"  admin     http://(\S+)/metrics")
        if ready:
            wait_for(self.ready, START_SECONDS, every=0.02)

    def configure(self, conf):
        """Write the file as an editor does: whole or not at all. Engines are asked how they are where the
        test says so: most count what they are asked."""
        if isinstance(conf, dict):
            conf = {**conf, "providers": {name: {"poll": "0s", **p} if p.get("type") in ENGINES else p
                                          for name, p in conf.get("providers", {}).items()}}
        text = conf if isinstance(conf, str) else json.dumps(conf, indent=1)
        new = pathlib.Path(f"{self.file}.new")
        new.write_text(text)
        new.replace(self.file)

    def ready(self):
        try:
            return wire.ask(self.admin, "GET", "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def ask(self, path, body=b"", headers=None, method="POST", timeout=10):
        return wire.ask(self.addr, method, path, body, headers, timeout)

    def chat(self, model, stream=False, timeout=10, **more):
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        if stream:
            body["stream"] = True
        return self.ask("/v1/chat/completions", body, timeout=timeout)

    def records(self, request_id=None):
        return [r for r in self.lines.read() if request_id in (None, r["id"])]

    def record(self, answer):
        """The one line about this answer."""
        request_id = answer["x-lamplighter-request-id"]
        wait_for(lambda: self.records(request_id))
        found = self.records(request_id)
        assert len(found) == 1, found
        return found[0]

    def record_of(self, model):
        """The one line about this model, for requests whose answer never came."""
        def mine():
            return [r for r in self.records() if r.get("model", "").split(";")[0] == model]
        wait_for(mine)
        assert len(mine()) == 1, mine()
        return mine()[0]

    def metrics(self):
        """{'name{labels}': value}"""
        text = wire.ask(self.admin, "GET", "/metrics").text.decode()
        pairs = (line.rsplit(" ", 1) for line in text.split("\n") if line[:1] not in ("#", ""))
        return {name: float(value) for name, value in pairs}

    def status(self):
        return wire.ask(self.admin, "GET", "/api/v1/status").json()

    def children(self):
        """{'worker 0': pid, ..., 'keeper': pid, 'clerk': pid}, by the order of their birth: right
        only while none has been replaced."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as f:
            pids = [int(word) for word in f.read().split()]
        workers = self.workers()
        assert pids[:len(workers)] == workers and len(pids) == len(workers) + 2
        names = [f"worker {i}" for i in range(len(workers))] + ["keeper", "clerk"]
        return dict(zip(names, pids))

    def workers(self):
        """Pids of the workers, by slot."""
        return [w["pid"] for w in self.status()["workers"]]


def rss_bytes(pid, name="VmRSS"):
    """What it holds; VmHWM: the most that it ever held."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"{name}:\s+(\d+) kB", f.read())[1]) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cost:
    """Memory and CPU of a gateway's workers since the last look."""

    def __init__(self, gateway):
        self.pids = gateway.workers()
        self.rss, self.cpu = self.now()
        self.most = self.highest()

    def now(self):
        return [rss_bytes(pid) for pid in self.pids], [cpu_seconds(pid) for pid in self.pids]

    def highest(self):
        return [rss_bytes(pid, "VmHWM") for pid in self.pids]

    def grown(self):
        """Bytes, of all workers together."""
        return sum(now - then for now, then in zip(self.now()[0], self.rss))

    def peak(self):
        """The most that grown() has been; what a worker had held before the first look, it may have
        held again unseen."""
        return sum((most if most > before else now) - then for most, before, now, then
                   in zip(self.highest(), self.most, self.now()[0], self.rss))

    def cpu_used(self):
        return sum(now - then for now, then in zip(self.now()[1], self.cpu))


def healthy(gateway):
    answer = gateway.chat("gen/healthy")
    assert answer.status == 200 and answer.end == "whole"


def settle(at):
    """No connection to that address is on its way out: what was sent on them has been seen."""
    port = f":{int(at.rpartition(':')[2]):04X}"

    def quiet():
        with open("/proc/net/tcp", encoding="ascii") as f:
            lines = [line.split() for line in f.readlines()[1:]]
        mine = [w for w in lines if w[2].endswith(port)]  # the gateway's ends: remote is the mock
        return all(w[3] == "01" and w[4].endswith(":00000000") for w in mine if w[3] != "06")
    wait_for(quiet)


def sparing():
    """The environment of a gateway whose memory is measured: a sanitizer keeps little of what was
    freed."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {**KEYS, "ASAN_OPTIONS": f"{options}:quarantine_size_mb=1"}


def provider(kind, mock, path="/v1", **more):
    """A provider's row that points to the mock."""
    return {"type": kind, "endpoints": f"http://{mock}{path}", "private": True, **more}


def basic(mock, **server):
    """Providers of all dialects before one mock; patience is short where nothing waits."""
    return {
        "version": 1,
        "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "workers": 2, "drain": "5s",
                   **server},
        "providers": {
            "oai": provider("openai", mock, key="env:OAI_KEY"),
            "ant": provider("anthropic", mock, path="", key="env:ANT_KEY"),
            "gen": provider("openai-compatible", mock),
            "fin": provider("openai-compatible", mock, terminal="finish"),
            "vllm": provider("vllm", mock),
        },
        "defaults": {"timeout": {"connect": "5s", "first_token": "20s", "idle": "10s",
                                 "total": "30s"},
                     # a test's failures are its own: the next one asks the same providers
                     "retry": {"same_target": 0}, "breaker": False, "rate_limits": False},
        "reload": {"slice": "0%"},  # what a test reloads counts at once; trials are test_trial.py's
    }


KEYS = {"OAI_KEY": "sk-oai-secret", "ANT_KEY": "sk-ant-secret"}
