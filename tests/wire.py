"""HTTP/1.1 as raw bytes, read by code of the tests' own.

A client library hides what these tests are about: whether an answer ended the way its framing
says, which bytes came, and when. `Reader` is fed bytes and keeps all of that; `Conn` drives it
over a blocking socket, `fetch` over asyncio.
"""
import asyncio
import json
import socket
import struct
import time

HEAD_MAX = 1 << 20


class Bad(Exception):
    """What came is not HTTP."""


class Reader:
    """One answer. `done`: its framing says that it is whole; what is left over is in `rest`."""

    def __init__(self, method="POST"):
        self.method = method
        self.rest = b""
        self.status = None
        self.version = None
        self.fields = []
        self.body = bytearray()
        self.chunks = []
        self.done = False
        self.informational = []
        self._mode = "head"
        self._left = 0

    def __getitem__(self, name):
        """The field of that (lower case) name; all of them joined; None."""
        values = [v for n, v in self.fields if n == name]
        return ", ".join(values) if values else None

    @property
    def head(self):
        return {n: v for n, v in self.fields}

    def json(self):
        return json.loads(bytes(self.body))

    def feed(self, data):
        self.rest += data
        while not self.done and self._step():
            pass

    def eof(self):
        """The connection ended in order: the end of an answer that says so."""
        if self._mode == "close":
            self.done = True

    def _line(self):
        at = self.rest.find(b"\r\n")
        if at < 0:
            return None
        line, self.rest = self.rest[:at], self.rest[at + 2:]
        return line

    def _take(self):
        piece = self.rest[:self._left]
        self.rest = self.rest[len(piece):]
        self._left -= len(piece)
        self.body += piece
        return bool(piece)

    def _step(self):
        return getattr(self, "_" + self._mode)()

    def _head(self):
        at = self.rest.find(b"\r\n\r\n")
        if at < 0:
            if len(self.rest) > HEAD_MAX:
                raise Bad("endless head")
            return False
        lines, self.rest = self.rest[:at].decode("latin-1").split("\r\n"), self.rest[at + 4:]
        self.version, status, _ = (lines[0] + " ").split(" ", 2)
        if self.version not in ("HTTP/1.1", "HTTP/1.0") or not status.isdigit():
            raise Bad(lines[0])
        self.status = int(status)
        self.fields = [(n.lower(), v.strip()) for n, _, v in (f.partition(":") for f in lines[1:])]
        if 100 <= self.status < 200:
            self.informational.append(self.status)
            return True
        if self["transfer-encoding"] == "chunked":
            self._mode = "size"
        elif self["content-length"] is not None:
            self._left = int(self["content-length"])
            self._mode = "length"
        else:
            self._mode = "close"
        if self.method == "HEAD" or self.status in (204, 304):
            self.done = True
        elif self._mode == "length" and self._left == 0:
            self.done = True
        return True

    def _length(self):
        moved = self._take()
        self.done = self._left == 0
        return moved

    def _close(self):
        self._left = len(self.rest)
        return self._take()

    def _size(self):
        line = self._line()
        if line is None:
            return False
        self._left = int(line, 16)
        self.chunks.append(self._left)
        self._mode = "chunk" if self._left else "trailer"
        return True

    def _chunk(self):
        if self._left:
            return self._take()
        if len(self.rest) < 2:
            return False
        if self.rest[:2] != b"\r\n":
            raise Bad("no CRLF behind a chunk")
        self.rest = self.rest[2:]
        self._mode = "size"
        return True

    def _trailer(self):
        line = self._line()
        self.done = line == b""
        return line is not None

    # ---- what an SSE body says ----

    def events(self):
        """Data of all whole events, by the rules of SSE."""
        found, data = [], None
        for line in bytes(self.body).splitlines():
            if line.startswith(b"data:"):
                piece = line[5:].removeprefix(b" ")
                data = piece if data is None else data + b"\n" + piece
            elif not line and data is not None:
                found.append(data)
                data = None
        return found


class Answer:
    """What a client saw: the Reader's fields, and how it ended.

    end: "whole" (by its framing), "cut" (FIN before that), "reset", "timeout".
    """

    def __init__(self, reader, end, seconds):
        self.reader, self.end, self.seconds = reader, end, seconds

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def __getitem__(self, name):
        return self.reader[name]

    def __repr__(self):
        return (f"<{self.end} {self.status} {self.fields} "
                f"{len(self.body)} bytes {bytes(self.body[-600:])!r}>")

    @property
    def text(self):
        return bytes(self.body)


def address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def request(method, path, body=b"", headers=None, host="localhost"):
    """The bytes of a well-formed request."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    headers = {"host": host, **(headers or {})}
    if body or method in ("POST", "PUT"):
        headers.setdefault("content-type", "application/json")
        headers.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Conn:
    """A client's connection."""

    def __init__(self, addr, timeout=10, rcvbuf=None):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(address(addr))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Leave rudely."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        """False: the other side does not take it any more."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def read(self, method="POST", until=None):
        """An answer; or, with `until`, what has come when until(reader) is true."""
        reader = Reader(method)
        reader.feed(self.rest)
        begin = time.monotonic()
        end = "whole"
        while not reader.done and not (until and until(reader)):
            left = begin + self.timeout - time.monotonic()
            if left <= 0:
                end = "timeout"
                break
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                end = "timeout"
                break
            except ConnectionResetError:
                end = "reset"
                break
            if not data:
                reader.eof()
                end = "whole" if reader.done else "cut"
                break
            reader.feed(data)
        self.rest = reader.rest if reader.done else b""
        return Answer(reader, end, time.monotonic() - begin)

    def read_end(self):
        """All bytes to the end, and how it came: fin, reset or timeout."""
        data, begin = self.rest, time.monotonic()
        while True:
            self.sock.settimeout(max(begin + self.timeout - time.monotonic(), 0.001))
            try:
                piece = self.sock.recv(65536)
            except TimeoutError:
                return data, "timeout"
            except ConnectionResetError:
                return data, "reset"
            if not piece:
                return data, "fin"
            data += piece


def ask(addr, method, path, body=b"", headers=None, timeout=10):
    """One request on a connection of its own."""
    with Conn(addr, timeout) as conn:
        conn.send(request(method, path, body, headers, host=addr))
        return conn.read(method)


async def fetch(addr, data, timeout=10, method="POST", on_data=None):
    """The same with asyncio; `data` is the request's bytes."""
    host, port = address(addr)
    begin = time.monotonic()
    reader, end = Reader(method), "whole"
    writer = None
    try:
        async with asyncio.timeout(timeout):
            source, writer = await asyncio.open_connection(host, port)
            writer.write(data)
            while not reader.done:
                piece = await source.read(65536)
                if not piece:
                    reader.eof()
                    end = "whole" if reader.done else "cut"
                    break
                reader.feed(piece)
                if on_data:
                    on_data(reader)
    except TimeoutError:
        end = "timeout"
    except ConnectionError:
        end = "reset"
    finally:
        if writer:
            writer.close()
    return Answer(reader, end, time.monotonic() - begin)
