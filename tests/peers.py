"""Peers on loopback that a gateway may meet: a provider (clear or TLS), a CONNECT proxy, and
servers that keep no protocol at all. They record what they were told, and serve until closed."""
import base64
import contextlib
import itertools
import json
import select
import socket
import ssl
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
import hyperframe.frame

HELLO = "Hello from the peer."
CHUNK = 65536


class Bytes:
    """Reads lines and counts from a socket."""

    def __init__(self, sock):
        self.sock, self.rest, self.all = sock, b"", bytearray()

    def more(self):
        data = self.sock.recv(CHUNK)
        self.rest += data
        self.all += data
        return bool(data)

    def until(self, mark):
        """What comes up to and with the mark; None at the end of all."""
        while mark not in self.rest:
            if not self.more():
                return None
        head, _, self.rest = self.rest.partition(mark)
        return head + mark

    def exactly(self, n):
        while len(self.rest) < n and self.more():
            pass
        data, self.rest = self.rest[:n], self.rest[n:]
        return data


class Server:
    """Accepts, and gives each connection a thread. Closing ends all of them. spoken: what ALPN agreed
    on, one a connection; None where it did not, or without TLS."""

    def __init__(self, host="127.0.0.1", port=0, context=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family, backlog=64)
        self.host, self.port = host, self.socket.getsockname()[1]
        self.context = context
        self.accepted, self.shaken, self.troubles, self.spoken = 0, 0, [], []
        self.lock, self.live, self.threads = threading.Lock(), set(), []
        self.closing = False
        self._spawn(self._accept)

    @property
    def addr(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path="", host=None):
        scheme = "https" if self.context else "http"
        return f"{scheme}://{f'{host}:{self.port}' if host else self.addr}{path}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _spawn(self, what, *args):
        thread = threading.Thread(target=what, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.live.add(sock)
            self._spawn(self._one, sock)

    def _one(self, raw):
        sock = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                sock = self.context.wrap_socket(raw, server_side=True)
                with self.lock:
                    self.live.discard(raw)
                    self.live.add(sock)
                    self.shaken += 1
            self.spoken.append(sock.selected_alpn_protocol() if self.context else None)
            self.serve(sock)
        except OSError as e:  # ssl.SSLError is one
            self.troubles.append(e)
        with self.lock:
            self.live.discard(raw)
            self.live.discard(sock)
        sock.close()

    def serve(self, sock):
        """What becomes of a connection. It is closed behind it."""
        raise NotImplementedError

    def close(self):
        self.closing = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        with self.lock:
            live = list(self.live)
        for sock in live:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)


class Request:
    def __init__(self, head, body):
        self.head, self.body = head, body
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ", 2)
        self.headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines[1:])}


def answer(status, body, headers=(), kind="application/json"):
    """The bytes of a whole answer."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Because", f"content-type: {kind}",
             f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def completion(text=HELLO):
    """The page of a chat's whole answer."""
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def chat(text=HELLO):
    return answer(200, completion(text))


class Provider(Server):
    """say(request) is the answer's bytes, or an iterable of pieces. requests: all that came."""

    def __init__(self, say=lambda request: chat(), **more):
        self.say, self.requests = say, []
        super().__init__(**more)

    def serve(self, sock):
        stream = Bytes(sock)
        while True:
            head = stream.until(b"\r\n\r\n")
            if head is None:
                return
            request = Request(head, b"")
            request.body = stream.exactly(int(request.headers.get("content-length", 0)))
            self.requests.append(request)
            pieces = self.say(request)
            if self.one_request:  # said, or the next request might meet the closing connection
                pieces = pieces.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                sock.sendall(piece)
            if request.headers.get("connection") == "close" or self.one_request:
                return

    one_request = False


class Once(Provider):
    """One request a connection: the next one has to dial again. say() gives bytes."""
    one_request = True


class H2Request:
    """A request's stream. reset: the code of the RST_STREAM that came for it; None: none did. tables: the
    names of the fields that this side may keep in its table."""

    def __init__(self, stream, connection, fields):
        self.stream, self.connection, self.body, self.reset = stream, connection, b"", None
        self.fields = [(name.decode(), value.decode()) for name, value in fields]
        self.tables = {field[0].decode() for field in fields if field.indexable}
        self.headers = dict(self.fields)
        self.method, self.path = self.headers[":method"], self.headers[":path"]


def h2_answer(status, body, kind="application/json"):
    """The steps of a whole answer, for H2Provider's say()."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    return [[(":status", str(status)), ("content-type", kind), ("content-length", str(len(body)))],
            body]


class H2Provider(Server):
    """Speaks HTTP/2 alone: over TLS where ALPN agreed on it, in clear text by prior knowledge.
    say(request) gives the steps of an answer, which all streams of a connection take in turns: a
    list of fields is the head, bytes are DATA, None is nothing for now, a number is RST_STREAM with
    that code, HANG_UP a FIN and CRASH a reset of the connection, SHUT a GOAWAY; behind the last step
    the stream ends. streams_most: of one connection at a time. padding: bytes behind each DATA."""
    HANG_UP, CRASH, SHUT = object(), object(), object()
    TICK_SECONDS = 0.01

    def __init__(self, say=lambda request: h2_answer(200, completion()), streams_most=100, padding=0,
                 **more):
        self.say, self.requests, self.streams_most, self.padding = say, [], streams_most, padding
        self.numbers = itertools.count(1)
        super().__init__(**more)

    def serve(self, sock):
        if self.context and sock.selected_alpn_protocol() != "h2":
            return
        number = next(self.numbers)
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        conn.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.streams_most})
        conn.initiate_connection()
        live = {}  # stream -> [request, steps or None, bytes to be sent]
        try:
            while not self.closing:
                moved = [self._advance(sock, conn, live, one) for one in list(live)]
                sock.sendall(conn.data_to_send())
                if not self._hear(sock, conn, live, number, any(moved)):
                    return
        except h2.exceptions.ProtocolError as e:
            self.troubles.append(e)
            sock.sendall(conn.data_to_send())
        except EOFError:
            pass
        except ConnectionResetError:
            if not self.closing:  # shut both ways: what the other side still sends resets it
                raise

    def _hear(self, sock, conn, live, number, busy):
        """Read what is there. False: nothing will come any more."""
        ready = (isinstance(sock, ssl.SSLSocket) and sock.pending()) or select.select(
            [sock], [], [], 0 if busy else self.TICK_SECONDS)[0]
        data = sock.recv(CHUNK) if ready else None
        if data == b"":
            return False
        for event in conn.receive_data(data) if data else []:
            stream = getattr(event, "stream_id", 0)
            if isinstance(event, h2.events.RequestReceived):
                live[stream] = [H2Request(stream, number, event.headers), None, b""]
                self.requests.append(live[stream][0])
            elif isinstance(event, h2.events.DataReceived):
                conn.acknowledge_received_data(event.flow_controlled_length, stream)
                if stream in live:
                    live[stream][0].body += event.data
            elif isinstance(event, h2.events.StreamEnded) and stream in live:
                live[stream][1] = iter(self.say(live[stream][0]))
            elif isinstance(event, h2.events.StreamReset) and stream in live:
                live.pop(stream)[0].reset = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                return False
        return True

    def _advance(self, sock, conn, live, stream):
        """One step of a stream. True: it has moved."""
        _, steps, left = live[stream]
        if steps is None:
            return False
        if left:
            n = min(conn.local_flow_control_window(stream), conn.max_outbound_frame_size)
            n = min(n - self.padding - 1 if self.padding else n, len(left))
            if n > 0:
                conn.send_data(stream, left[:n], pad_length=self.padding or None)
                live[stream][2] = left[n:]
            return n > 0
        step = next(steps, self)
        if isinstance(step, list):
            conn.send_headers(stream, step)
        elif isinstance(step, bytes):
            live[stream][2] = step
        elif step is self.SHUT:
            sock.sendall(conn.data_to_send() + hyperframe.frame.GoAwayFrame(
                0, last_stream_id=stream).serialize())  # h2 itself would end what is under way
        elif step in (self.HANG_UP, self.CRASH):
            sock.sendall(conn.data_to_send())
            if step is self.CRASH:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise EOFError
        elif step is not None:
            del live[stream]
            if step is self:
                conn.end_stream(stream)
            else:
                conn.reset_stream(stream, step)
        return step is not None


class Mute(Server):
    """Takes what comes and says nothing; or says `words`, and waits."""

    def __init__(self, words=b"", hang_up=False, **more):
        self.words, self.hang_up, self.heard = words, hang_up, bytearray()
        super().__init__(**more)

    def serve(self, sock):
        if self.words:
            self.heard += sock.recv(CHUNK)
            sock.sendall(self.words)
        while not self.hang_up:
            data = sock.recv(CHUNK)
            if not data:
                return
            self.heard += data


class Proxy(Server):
    """A CONNECT proxy. auth: "user:password" that it wants; names: {host: (host, port)} that it
    knows; say: what it says in place of 200. heads: what it was asked; seen: all bytes that it
    carried toward targets."""

    def __init__(self, auth=None, names=None, say=None, **more):
        self.auth, self.names, self.say = auth, names or {}, say
        self.heads, self.targets, self.seen = [], [], bytearray()
        super().__init__(**more)

    def serve(self, sock):
        stream = Bytes(sock)
        head = stream.until(b"\r\n\r\n")
        if head is None:
            return
        request = Request(head, b"")
        self.heads.append(head)
        if self.say is not None:
            for piece in self.say(request):
                sock.sendall(piece)
            return
        wanted = self.auth and "Basic " + base64.b64encode(self.auth.encode()).decode()
        if wanted and request.headers.get("proxy-authorization") != wanted:
            sock.sendall(answer(407, b"", ['proxy-authenticate: Basic realm="peers"']))
            return
        if request.method != "CONNECT":
            sock.sendall(answer(405, b""))
            return
        self.targets.append(request.path)
        host, _, port = request.path.rpartition(":")
        to = self.names.get(host, (host.strip("[]"), int(port)))
        try:
            other = socket.create_connection(to, 5)
        except OSError:
            sock.sendall(answer(502, b""))
            return
        with other:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.carry(sock, other)

    def carry(self, sock, other):
        while not self.closing:
            # What TLS has decrypted already is not readable for select.
            ready = [sock] if isinstance(sock, ssl.SSLSocket) and sock.pending() else \
                select.select([sock, other], [], [], 0.2)[0]
            for one in ready:
                data = one.recv(CHUNK)
                if not data:
                    return
                if one is sock:
                    self.seen += data
                    other.sendall(data)
                else:
                    sock.sendall(data)


def server_context(pair, **settings):
    """For wrap_socket, with the weak things allowed that a test wants to offer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def forever(piece, every=0.05):
    """Pieces without end."""
    while True:
        yield piece
        time.sleep(every)
