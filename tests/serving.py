"""Starts and stops what the tests of the whole binary talk to: the mock provider, the gateway,
and other servers on loopback. Everything is stopped by its pid, and has a time limit."""
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import bed

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
KEY = "a-client-key"
UPSTREAM_KEY = "an-upstream-key"


def sent_on(body, name):
    """What a provider gets of a client's body: the same text, but for the model's name, and asked
    for usage where a chat streams without asking."""
    assert body.count(json.dumps(name)) == 1
    due = body.replace(json.dumps(name), json.dumps(name.split("/", 1)[1]))
    if name.startswith("oai/") and '"stream":true' in due and "stream_options" not in due:
        due = due[:-1] + ',"stream_options":{"include_usage":true}}'
    return due


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, seconds=5.0, every=0.02):
    """The first true value of what(), or an AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(every)


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def get(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as f:
        return f.read()


class Server:
    """A program that runs until stop(). Its output goes to a file, where .output() reads it."""

    def __init__(self, command, directory, name, env=None, **options):
        self.directory = directory
        self.name = name
        self.log_path = directory / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL, cwd=directory,
                                            env=env, **options)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log_path.read_text(errors="replace")

    def find(self, pattern, seconds=START_SECONDS_MAX):
        """The first group of the pattern in the output, as soon as it is there."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.output(), re.M)
            if found:
                return found[1]
            assert self.process.poll() is None, f"{self.name} ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"{self.name} is late:\n{self.output()}"
            time.sleep(0.02)

    def wait_port(self, port):
        def ready():
            assert self.process.poll() is None, f"{self.name} ended:\n{self.output()}"
            return accepts(port)

        wait_for(ready, START_SECONDS_MAX)

    def wait(self, seconds=STOP_SECONDS_MAX):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM, and SIGKILL when that does not help. The exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Mock(Server):
    """lamplighter mock."""

    def __init__(self, binary, directory, *options):
        self.lines = bed.JsonLines(directory / "mock.jsonl")
        super().__init__([binary, "mock", "--log", self.lines.path, *options], directory, "mock")
        self.url = self.find(r"^mock listening on (http://\S+)$")
        self.port = int(self.url.rsplit(":", 1)[1])

    def requests(self, **match):
        return [r for r in self.lines.read() if r["ev"] == "request"
                and all(r.get(k) == v for k, v in match.items())]

    def end_of(self, number, seconds=5.0):
        """How the answer to request `number` ended, as soon as it has."""
        def ended():
            return next((r for r in self.lines.read() if r["ev"] == "end" and r["n"] == number), None)

        return wait_for(ended, seconds)


class Gateway(Server):
    """lamplighter run. `text` is the configuration; None: from the environment."""

    def __init__(self, binary, directory, text=None, options=(), env=None, name="gateway",
                 **popen):
        command = [binary, "run", *options]
        if text is not None:
            path = directory / f"{name}.yaml"
            path.write_text(text)
            command += ["-c", path]
        own = {"PATH": os.environ["PATH"], "HOME": str(directory), "UPSTREAM_KEY": UPSTREAM_KEY}
        for kept in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH"):
            if kept in os.environ:
                own[kept] = os.environ[kept]
        super().__init__(command, directory, name, {**own, **(env or {})}, **popen)
        self.base = self.find(r"^  clients +(https?://\S+)/v1$")
        self.admin = self.find(r"^  admin +(http://\S+)/metrics$")
        self.port = int(self.base.rsplit(":", 1)[1])
        wait_for(self.ready, START_SECONDS_MAX)

    def ready(self):
        assert self.process.poll() is None, f"gateway ended:\n{self.output()}"
        with contextlib.suppress(OSError):  # a 503 is one too
            return bool(get(self.admin + "/readyz"))
        return False

    def status(self):
        return json.loads(get(self.admin + "/api/v1/status"))

    def records(self):
        """The access log: one object a request. The last line may be half written."""
        lines = self.output().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def record(self, request_id, seconds=5.0):
        def written():
            return next((r for r in self.records() if r["id"] == request_id), None)

        return wait_for(written, seconds)


@contextlib.contextmanager
def passed_on(sink):
    """A connection that is reset on one side of a tap is so on the other."""
    try:
        yield
    except ConnectionResetError:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sink.shutdown(socket.SHUT_RD)  # who waits for it goes on, and lets go of it
        sink.close()


class Tap:
    """Passes connections on to a port, and keeps the request lines that came by."""

    LINE = re.compile(rb"((?:HEAD|GET|POST|PUT|DELETE|OPTIONS) \S+) HTTP/1\.1\r\n")

    def __init__(self, port):
        self.port = port
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink, is_request):
        tail = b""  # of what was read, in which no whole line was found
        with contextlib.suppress(OSError), passed_on(sink):
            while data := source.recv(65536):
                sink.sendall(data)
                if is_request:
                    tail = (tail + data)[-65536 - 4096:]
                    for found in self.LINE.finditer(tail):
                        self.lines.append(found[1].decode())
                    tail = self.LINE.split(tail)[-1]
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()


def providers_text(url, extra=""):
    """Two accounts, `oai` and `ant`, at a mock; `extra` goes below each of them."""
    rows = (("oai", "openai", url + "/v1"), ("ant", "anthropic", url))
    return "providers:\n" + "".join(
        f"  {name}:\n    type: {kind}\n    key: env:UPSTREAM_KEY\n    endpoints: {base}\n"
        f"    private: true\n{extra}" for name, kind, base in rows)


def config_text(url, extra="", more="", server=""):
    """A whole configuration with a client's key, on free ports. What is given goes below each
    provider, to the end, and into `server`."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    return ("version: 1\n"
            f"server: {{listen: 127.0.0.1:0, admin: 127.0.0.1:0, drain: 1s{server}}}\n"
            + providers_text(url, extra)
            # a test's failures are its own: the next one asks the same providers
            + "defaults: {retry: {same_target: 0}, breaker: false, rate_limits: false}\n"
            + "models:\n"
            "  chat: {targets: oai/mock}\n"
            "  claude: {targets: ant/mock}\n"
            f"keys: {{tests: {{hash: 'sha256:{digest}'}}}}\n" + more)


def alive(pid):
    """Does the process run? A zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def program(name):
    """Where a Debian program lies, or None; servers are in sbin, which users may not search."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)
