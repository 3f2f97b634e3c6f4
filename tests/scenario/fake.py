"""A mock provider under test, or standing in for one, and a reader of what it sends: raw bytes, so
that nothing is repaired on the way."""
import json
import signal
import socket
import subprocess
import time

CHAT = "/v1/chat/completions"


class Mock:
    def __init__(self, binary, path, *args):
        self.log_path = path / "mock.jsonl"
        self.process = subprocess.Popen(
            [binary, "mock", "--log", self.log_path, "--for", "120", *map(str, args)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ports = {}
        while "listening" not in self.ports:
            line = self.process.stdout.readline().decode()
            assert line, self.process.stderr.read().decode()
            self.ports[line.split()[1]] = int(line.strip().rsplit(":", 1)[1])

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=5)
        assert (self.process.returncode, err) == (0, b"")

    def log(self, ev=None):
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines()]
        return [line for line in lines if ev in (None, line["ev"])]

    def wait_log(self, ev, n):
        """The n-th line of that kind, as soon as it is there."""
        end = time.monotonic() + 3
        while time.monotonic() < end:
            lines = self.log(ev)
            if len(lines) >= n:
                return lines[n - 1]
            time.sleep(0.005)
        raise AssertionError(f"no {ev} line {n}: {self.log()}")

    def connect(self, port="listening"):
        s = socket.create_connection(("127.0.0.1", self.ports[port]), timeout=3)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def ask(self, how="", path=CHAT, model="m", stream=True, headers=(), **body):
        return Answer(self.send(self.connect(), how, path, model, stream, headers, **body))

    def send(self, s, how="", path=CHAT, model="m", stream=True, headers=(), **body):
        s.sendall(request(how, path, model, stream, headers, **body))
        return s

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def request(how="", path=CHAT, model="m", stream=True, headers=(), **body):
    data = json.dumps({"model": model, "stream": stream, "messages": [], **body}).encode()
    head = [f"POST {path} HTTP/1.1", "host: mock", f"content-length: {len(data)}", *headers]
    if how:
        head.append(f"x-mock: {how}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


class Answer:
    """All that comes until the connection ends or, by the framing, the answer does."""

    def __init__(self, sock, head_only=False):
        self.sock, self.raw, self.end = sock, b"", None
        while b"\r\n\r\n" not in self.raw and self.more():
            pass
        self.head, _, self.rest = self.raw.partition(b"\r\n\r\n")
        lines = self.head.decode("latin-1").split("\r\n")
        self.status_line = lines[0]
        self.fields = [line.split(": ", 1) for line in lines[1:]]
        self.headers = {f[0].lower(): f[1] for f in self.fields if len(f) == 2}
        self.chunks, self.chunked_end = [], False
        if not head_only:
            self.read_body()

    def more(self):
        """One read; False at the end, which is "fin", "rst" or "open" (nothing came)."""
        if self.end:
            return False
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            self.end = "rst"
            return False
        except TimeoutError:
            self.end = "open"
            return False
        if not data:
            self.end = "fin"
        self.raw += data
        return bool(data)

    @property
    def status(self):
        return int(self.status_line.split()[1])

    def got(self):
        return self.raw[len(self.head) + 4:]

    def read_body(self):
        if "content-length" in self.headers and "transfer-encoding" not in self.headers:
            n = int(self.headers["content-length"])
            while len(self.got()) < n and self.more():
                pass
            self.body, self.left = self.got()[:n], self.got()[n:]
        elif self.headers.get("transfer-encoding") == "chunked":
            self.read_chunks()
        else:
            while self.more():
                pass
            self.body, self.left = self.got(), b""

    def read_chunks(self):
        at = 0
        while True:
            while b"\r\n" not in self.got()[at:] and self.more():
                pass
            line, found, _ = self.got()[at:].partition(b"\r\n")
            try:
                size = int(line, 16)
            except ValueError:
                break
            at += len(line) + 2
            while len(self.got()) < at + size + 2 and self.more():
                pass
            data = self.got()[at:at + size]
            if size == 0:
                self.chunked_end = found and self.got()[at:at + 2] == b"\r\n"
                at += 2
                break
            self.chunks.append(data)
            if self.got()[at + size:at + size + 2] != b"\r\n":
                at += len(data)
                break
            at += size + 2
        self.body, self.left = b"".join(self.chunks), self.got()[at:]

    @property
    def events(self):
        return [e for e in self.body.replace(b"\r\n", b"\n").split(b"\n\n") if e]

    def data(self):
        return [e.split(b"data: ", 1)[1] for e in self.events]

    def text(self):
        """The text of a chat stream, and its finish reason."""
        parts, finish = [], None
        for d in self.data():
            if d == b"[DONE]":
                continue
            for choice in json.loads(d)["choices"]:
                parts.append(choice["delta"].get("content") or "")
                finish = choice["finish_reason"] or finish
        return "".join(parts), finish

    def reads_end(self, how):
        """What comes after the answer: "fin", "rst" or, when nothing comes, "open"."""
        self.sock.settimeout(3 if how != "open" else 0.05)
        while self.more():
            pass
        return self.end == how


def words(n, at=0):
    return "".join(f"w{i:06d} " for i in range(at, at + n))
