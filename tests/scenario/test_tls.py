"""TLS on both sides. Toward clients: what is offered, what is refused, and certificates that change
while streams run. Toward providers: nobody is sent a request who cannot prove who he is."""
import base64
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

import bed
import doubtful_peers
import peers
import pki
import wire

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HELLO = [{"role": "user", "content": "hi"}]
KEY = "sk-tls-canary-5d0c71f2"
HANDSHAKE_MS = 600
CONNECT_SECONDS = 5.0  # as bed.basic() has it
SILENT_SECONDS = 0.7  # for those who would have us wait
SLACK_SECONDS = 3.0  # a loaded machine, and sanitizers

# ---- the listener ----

class TlsConn(wire.Conn):
    """A client's connection over TLS; certificate: the peer's, as DER."""

    def __init__(self, addr, context, name="localhost", timeout=10, session=None):
        super().__init__(addr, timeout)
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=name, session=session)
        except OSError:
            self.sock.close()
            raise
        self.certificate = self.sock.getpeercert(binary_form=True)


def client(ca, **settings):
    context = ssl.create_default_context(cafile=ca)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


@pytest.fixture(scope="module")
def stranger(place):
    return pki.Authority(place, "unknown")


NAMES = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("listener", NAMES, rsa=True)


@pytest.fixture(scope="module")
def secure(binary, place, mock, pair):
    """A gateway whose listener speaks TLS."""
    conf = bed.basic(mock.addr, tls=pair.tls, timeout={"header": f"{HANDSHAKE_MS}ms"})
    g = bed.Gateway(binary, place, conf, name="secure", env=bed.KEYS)
    yield g
    g.stop()


def chat_over(conn, model, **more):
    assert conn.send(wire.request("POST", CHAT, {"model": model, "messages": HELLO, **more}))
    return conn.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_serve(secure, authority, version):
    context = client(authority.cert, minimum_version=version, maximum_version=version)
    with TlsConn(secure.addr, context) as conn:
        assert conn.sock.version() == version.name.replace("_", ".")
        assert conn.sock.compression() is None
        for _ in range(2):
            assert chat_over(conn, "gen/version").status == 200
    with TlsConn(secure.addr, context, "127.0.0.1") as conn:
        assert chat_over(conn, "gen/version").status == 200


def test_the_banner_says_https(secure):
    assert f"https://{secure.addr}/v1" in secure.said()
    assert "http://" + secure.addr not in secure.said()


def hello(version, ciphers, compressions=b"\0"):
    """A ClientHello, by hand: what a library of today would rather not offer."""
    groups = struct.pack(">HHHHH", 10, 6, 4, 0x001d, 0x0017)
    points = struct.pack(">HHBB", 11, 2, 1, 0)
    signatures = struct.pack(">HHH", 13, 10, 8) + struct.pack(">HHHH", 0x0804, 0x0401, 0x0403,
                                                              0x0201)
    extensions = groups + points + signatures
    body = struct.pack(">H", version) + bytes(range(32)) + b"\0"
    body += struct.pack(">H", 2 * len(ciphers)) + b"".join(struct.pack(">H", c) for c in ciphers)
    body += bytes([len(compressions)]) + compressions
    body += struct.pack(">H", len(extensions)) + extensions
    shake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(shake)) + shake


def first_record(addr, data):
    """(type, payload) of the first record that comes back."""
    with wire.Conn(addr, 5) as conn:
        conn.send(data)
        stream = peers.Bytes(conn.sock)
        head = stream.exactly(5)
        assert len(head) == 5, head
        return head[0], stream.exactly(struct.unpack(">H", head[3:])[0])


ALERT, HANDSHAKE = 21, 22
PROTOCOL_VERSION, HANDSHAKE_FAILURE, NO_PROTOCOL = 70, 40, 120
GOOD_CIPHERS = {"ECDHE-RSA-AES128-GCM": 0xc02f, "ECDHE-RSA-AES256-GCM": 0xc030,
                "ECDHE-RSA-CHACHA20": 0xcca8}
WEAK_CIPHERS = {"RSA-NULL-SHA256": 0x003b, "RSA-RC4-SHA": 0x0005, "RSA-3DES-SHA": 0x000a,
                "RSA-AES128-SHA": 0x002f, "RSA-AES128-GCM": 0x009c, "DHE-RSA-AES128-GCM": 0x009e,
                "ECDHE-RSA-AES128-SHA": 0xc013, "ECDHE-RSA-AES128-SHA256": 0xc027,
                "ECDH-anon-AES128-SHA": 0xc018, "ECDHE-RSA-RC4-SHA": 0xc011}


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302], ids=["SSL3", "TLS1.0", "TLS1.1"])
def test_old_versions_are_refused(secure, version):
    kind, payload = first_record(secure.addr, hello(version, [*GOOD_CIPHERS.values(), 0xc013,
                                                              0x002f]))
    assert (kind, payload[1]) in ((ALERT, PROTOCOL_VERSION), (ALERT, HANDSHAKE_FAILURE))


@pytest.mark.parametrize("name", WEAK_CIPHERS)
def test_weak_ciphers_are_refused(secure, name):
    kind, payload = first_record(secure.addr, hello(0x0303, [WEAK_CIPHERS[name]]))
    assert (kind, payload[1]) == (ALERT, HANDSHAKE_FAILURE)


@pytest.mark.parametrize("name", GOOD_CIPHERS)
def test_good_ciphers_are_taken_and_compression_is_not(secure, name):
    """The same ClientHello, so the refusals above are not about something else."""
    kind, payload = first_record(secure.addr, hello(0x0303, [*WEAK_CIPHERS.values(),
                                                             GOOD_CIPHERS[name]], b"\1\0"))
    assert (kind, payload[0]) == (HANDSHAKE, 2)
    assert struct.unpack(">H", payload[4:6])[0] == 0x0303
    after_session = 4 + 2 + 32 + 1 + payload[38]
    cipher, compression = struct.unpack(">HB", payload[after_session:after_session + 3])
    assert (cipher, compression) == (GOOD_CIPHERS[name], 0)


def test_renegotiation_is_refused(secure, authority):
    """Only TLS 1.2 has it; asked for by the one client that still can."""
    run = subprocess.run(["openssl", "s_client", "-connect", secure.addr, "-tls1_2", "-CAfile",
                          authority.cert], input=b"R\n", capture_output=True, timeout=20,
                         check=False)
    assert b"Cipher is ECDHE-RSA" in run.stdout
    assert b"RENEGOTIATING" in run.stdout + run.stderr
    assert b"no renegotiation" in run.stderr
    assert run.returncode != 0


def with_early_data(session):
    """The session, PEM as OpenSSL keeps it, as if its ticket had allowed 16 KiB of early data: a
    DER sequence of fields in the order of their tags, of which this one is left out when it is 0."""
    first, *lines, last = session.splitlines()
    der = base64.b64decode("".join(lines))
    assert der[:2] == b"\x30\x82"  # a length of two bytes
    at = 4
    while at < len(der) and der[at] < 0xb0:
        assert der[at] != 0xaf
        long = der[at + 1] & 0x7f if der[at + 1] & 0x80 else 0
        at += 2 + long + (int.from_bytes(der[at + 2:at + 2 + long], "big") if long else der[at + 1])
    body = der[4:at] + b"\xaf\x04\x02\x02\x40\x00" + der[at:]
    text = base64.encodebytes(b"\x30\x82" + struct.pack(">H", len(body)) + body).decode()
    return f"{first}\n{text}{last}\n"


def test_early_data_is_refused(secure, mock, authority, tmp_path):
    """Who holds it back could send it again, and a request would be executed twice. The ticket
    allows none; what comes all the same is not read, and the connection serves on."""
    def visit(model, *args):
        request = wire.request("POST", CHAT, {"model": f"gen/{model}", "messages": HELLO},
                               {"connection": "close"})
        return subprocess.run(["openssl", "s_client", "-connect", secure.addr, "-tls1_3", "-ign_eof",
                               "-CAfile", authority.cert, *args], input=request, timeout=20,
                              capture_output=True, check=False).stdout

    session, early = tmp_path / "session.pem", tmp_path / "early"
    seen = visit("ticket", "-sess_out", session)
    assert b"HTTP/1.1 200 OK" in seen
    assert b"Max Early Data: 0" in seen
    session.write_text(with_early_data(session.read_text()))
    early.write_bytes(wire.request("POST", CHAT, {"model": "gen/early", "messages": HELLO}))
    seen = visit("late", "-sess_in", session, "-early_data", early)
    assert b"Reused, TLSv1.3" in seen
    assert b"Early data was rejected" in seen
    assert b"HTTP/1.1 200 OK" in seen
    assert [r["model"] for r in mock.requests()][-2:] == ["ticket", "late"]


def test_clients_that_speak_only_other_protocols_are_told(secure, authority):
    context = client(authority.cert)
    context.set_alpn_protocols(["h9"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        TlsConn(secure.addr, context)
    context.set_alpn_protocols(["h9", "http/1.1"])
    with TlsConn(secure.addr, context) as conn:
        assert conn.sock.selected_alpn_protocol() == "http/1.1"


def drip(conn, data):
    for byte in data:
        if not conn.send(bytes([byte])):
            return
        time.sleep(0.05)


STALLS = {
    "silence": lambda conn: None,
    "half a hello": lambda conn: conn.send(hello(0x0303, GOOD_CIPHERS.values())[:40]),
    "a byte at a time": lambda conn: drip(conn, hello(0x0303, GOOD_CIPHERS.values())[:-1]),
    "hello and nothing more": lambda conn: conn.send(hello(0x0303, GOOD_CIPHERS.values())),
}


@pytest.mark.parametrize("how", STALLS)
def test_stalled_handshakes_end(secure, how):
    with wire.Conn(secure.addr, 10) as conn:
        begin = time.monotonic()
        STALLS[how](conn)
        _, end = conn.read_end()
        seconds = time.monotonic() - begin
    assert end in ("fin", "reset")
    assert seconds < HANDSHAKE_MS / 1000 + SLACK_SECONDS
    if how != "a byte at a time":
        assert seconds > HANDSHAKE_MS / 1000 * 0.9


def test_clear_text_on_a_tls_port_ends(secure, authority):
    for junk in (wire.request("GET", "/", host=secure.addr), b"\x16\x03\x01\xff\xff" + b"a" * 70000,
                 b"\x80\x2e\x01\0\x02", os.urandom(5000)):
        with wire.Conn(secure.addr, 10) as conn:
            conn.send(junk)
            data, end = conn.read_end()
            assert end in ("fin", "reset")
            assert b"HTTP/1.1 200" not in data
    with TlsConn(secure.addr, client(authority.cert)) as conn:
        assert chat_over(conn, "gen/still-there").status == 200


def test_idle_handshakes_do_not_keep_others_out(secure, authority):
    idle = [wire.Conn(secure.addr) for _ in range(100)]
    try:
        with TlsConn(secure.addr, client(authority.cert)) as conn:
            assert chat_over(conn, "gen/beside").status == 200
    finally:
        for conn in idle:
            conn.close()


@pytest.mark.parametrize("order", ["", ";tokens=3000", ";tokens=40;event-size=20000",
                                   ";fault=unknown-event;at=2", ";crlf=1"])
def test_streams_over_tls_are_the_same_bytes(secure, mock, authority, order):
    body = {"model": f"same{order};id=chatcmpl-1", "messages": HELLO, "stream": True}
    direct = wire.ask(mock.addr, "POST", CHAT, body)
    with TlsConn(secure.addr, client(authority.cert)) as conn:
        through = chat_over(conn, f"gen/same{order};id=chatcmpl-1", stream=True)
    assert direct.end == through.end == "whole"
    assert through.text == renamed(direct, "same", f"gen/same{order};id=chatcmpl-1")


def renamed(direct, model, asked):
    """A mock's answer as it has to come through the gateway."""
    return direct.text.replace(f'"model":"{model}"'.encode(), f'"model":"{asked}"'.encode())


def test_large_requests_and_answers_over_tls(secure, authority):
    content = "0123456789abcdef" * (1 << 16)
    with TlsConn(secure.addr, client(authority.cert), timeout=20) as conn:
        answer = chat_over(conn, "gen/big;echo=1", messages=[{"role": "user", "content": content}])
    assert answer.status == 200
    assert answer.json()["choices"][0]["message"]["content"] == content


def test_a_broken_stream_is_not_whole_over_tls(secure, authority):
    """An error event, and no last chunk: nobody may take it for whole."""
    with TlsConn(secure.addr, client(authority.cert)) as conn:
        answer = chat_over(conn, "gen/cut;fault=cut;at=4;how=rst", stream=True)
    assert answer.status == 200
    assert answer.end in ("cut", "reset")
    assert b"[DONE]" not in answer.text
    assert b'"error"' in answer.events()[-1]


# ---- certificates that change ----

def reload(binary, g):
    return subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"], capture_output=True,
                          text=True, timeout=30, check=False)


def served(g, authority, times=8):
    """The certificates that so many handshakes get."""
    found = set()
    for _ in range(times):
        with TlsConn(g.addr, client(authority.cert)) as conn:
            found.add(conn.certificate)
    return found


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())


def accepted(g, worker):
    return g.metrics()[f'lamplighter_worker_conns_accepted_total{{worker="{worker}"}}']


@pytest.fixture
def turning(start, mock, authority, place):
    """A gateway with a pair of its own, to be replaced. Each worker has read it."""
    pair = authority.issue("turning", NAMES)
    for f in (pair.cert, pair.key):
        f.rename(f"{f}.first")
    old = pki.Pair(pair.cert.with_suffix(".pem.first"), pair.key.with_suffix(".key.first"))
    pair.cert.write_bytes(old.cert.read_bytes())
    pair.key.write_bytes(old.key.read_bytes())
    g = start(bed.Gateway, bed.basic(mock.addr, tls=pair.tls), env=bed.KEYS)
    bed.wait_for(lambda: all(worker["state"] == "ok" for worker in g.status()["workers"]))
    yield g, pair, old


def test_certificates_are_renewed_by_reload(binary, turning, mock, authority):
    """New handshakes get the new one; a stream that runs goes on to its end."""
    g, pair, old = turning
    new = authority.issue("renewed", NAMES)
    order = "turn;tokens=60;gap=20ms;id=chatcmpl-1"
    assert served(g, authority) == {der(old)}
    with TlsConn(g.addr, client(authority.cert)) as live:
        live.send(wire.request("POST", CHAT, {"model": f"gen/{order}", "messages": HELLO,
                                              "stream": True}))
        part = live.read(until=lambda r: len(r.events()) >= 3)
        assert part.status == 200 and not part.reader.done
        pair.become(new)
        run = reload(binary, g)
        assert run.returncode == 0, run.stderr
        bed.wait_for(lambda: served(g, authority, 1) == {der(new)})
        assert served(g, authority) == {der(new)}
        assert not part.reader.done
        while not part.reader.done:
            data = live.sock.recv(65536)
            assert data
            part.reader.feed(data)
        assert chat_over(live, "gen/after").status == 200  # the old connection lives on
    direct = wire.ask(mock.addr, "POST", CHAT, {"model": order, "messages": HELLO, "stream": True})
    assert bytes(part.reader.body) == renamed(direct, "turn", f"gen/{order}")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_any_worker_resumes_a_session(binary, turning, authority, version):
    """Whoever takes the connection: another worker, one that came later, one that has reloaded."""
    g, _, _ = turning
    context = client(authority.cert, minimum_version=version, maximum_version=version)
    session, reused = None, []

    def visit():
        nonlocal session
        with TlsConn(g.addr, context, session=session) as conn:
            assert chat_over(conn, "gen/again").status == 200  # its ticket comes before
            session = conn.sock.session
            reused.append(conn.sock.session_reused)

    for _ in range(12):
        visit()
    old = g.workers()
    os.kill(old[0], signal.SIGKILL)
    bed.wait_for(lambda: all(pid and pid != old[0] for pid in g.workers()))
    for _ in range(12):
        visit()
    assert reload(binary, g).returncode == 0
    for _ in range(12):
        visit()
    assert reused == [False] + [True] * 35
    g.stop(blame=None)


def test_who_cannot_be_replaced_leaves_his_clients_to_the_others(turning, authority):
    """A worker dies while the files are no pair: nobody waits where nobody comes."""
    g, pair, old = turning
    first = g.workers()
    pair.key.write_bytes(b"")
    os.kill(first[0], signal.SIGKILL)
    bed.wait_for(lambda: "worker 0 exited with 1" in g.said())
    assert served(g, authority, 16) == {der(old)}
    pair.key.write_bytes(old.key.read_bytes())
    before = accepted(g, 0)
    bed.wait_for(lambda: served(g, authority) == {der(old)} and accepted(g, 0) > before)
    g.stop(blame=None)


def test_a_reload_does_not_switch_tls_off(binary, turning, mock, authority):
    """Nor on; that waits for the next start, and is said."""
    g, _, old = turning
    g.configure(bed.basic(mock.addr))
    run = reload(binary, g)
    assert run.returncode == 0
    assert "W008" in run.stdout + run.stderr and "server.tls is not what" in run.stdout + run.stderr
    assert served(g, authority, 4) == {der(old)}


def test_bad_certificates_are_refused_and_the_old_stays(binary, turning, authority):
    g, pair, old = turning
    other = authority.issue("other", NAMES)
    locked = pki.openssl("pkey", "-in", other.key, "-aes256", "-passout", "pass:x")
    for cert, key, words in (
            (other.cert.read_bytes(), old.key.read_bytes(), "does not belong to certificate"),
            (b"no certificate\n", old.key.read_bytes(), "cannot use certificate"),
            (old.cert.read_bytes(), b"", "cannot use key"),
            (other.cert.read_bytes(), locked, "cannot use key")):
        pair.cert.write_bytes(cert)
        pair.key.write_bytes(key)
        begin = time.monotonic()
        run = reload(binary, g)
        assert run.returncode == 1, (words, run)
        assert words in run.stderr
        assert time.monotonic() - begin < 5
        assert served(g, authority, 4) == {der(old)}
        check = subprocess.run([binary, "check", "-c", g.file], capture_output=True, text=True,
                               timeout=20, check=False, env={**os.environ, **bed.KEYS})
        assert check.returncode == 3
        assert words in check.stderr
    assert g.metrics()["lamplighter_config_last_reload_successful"] == 0
    pair.become(old)
    assert reload(binary, g).returncode == 0


# ---- toward providers ----

def six():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def providers_of(servers, ca):
    """{name: Server or URL} as providers, all with our CA and our key."""
    return {name: {"type": "vllm", "key": "env:TLS_KEY", "tls": {"ca": str(ca)},
                   "endpoints": server if isinstance(server, str) else server.url("/v1")}
            for name, server in servers.items()}


def before(binary, place, servers, ca, name):
    conf = bed.basic("127.0.0.1:9", workers=1)
    conf["providers"] = providers_of(servers, ca)
    if "silent" in servers:
        conf["providers"]["silent"]["timeout"] = {"connect": f"{SILENT_SECONDS}s"}
    return bed.Gateway(binary, place, conf, name=name, env={"TLS_KEY": KEY})


TROUBLES = ("stranger", "expired", "future", "other-host", "other-address", "common-name",
            "self-signed", "visitor", "tls-1.0", "clear", "garbage", "hangs-up", "silent")


@pytest.fixture(scope="module")
def doubtful(binary, place, authority, stranger):
    """(gateway, {name: (server, host, words)})"""
    found = doubtful_peers.troubles(authority, stranger)
    assert tuple(found) == TROUBLES
    urls = {name: f"https://{host or '127.0.0.1'}:{server.port}/v1"
            for name, (server, host, _) in found.items()}
    g = before(binary, place, urls, authority.cert, "doubtful")
    yield g, found
    g.stop()
    for server, _, _ in found.values():
        server.close()


BODIES = {CHAT: {"messages": HELLO}, MESSAGES: {"messages": HELLO, "max_tokens": 5}}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", TROUBLES)
def test_whoever_cannot_prove_himself_is_sent_nothing(doubtful, name, path):
    g, found = doubtful
    server, _, words = found[name]
    for stream in (False, True):
        answer = g.ask(path, {"model": f"{name}/m", "stream": stream, **BODIES[path]})
        assert answer.status == 502, answer
        limit = SILENT_SECONDS if name == "silent" else CONNECT_SECONDS
        assert answer.seconds < limit + SLACK_SECONDS
        page = answer.json()
        assert (page["type"] == "error") if path == MESSAGES else ("param" in page["error"])
        # A peer that says nothing is late, in whichever step: the bound is timeout.connect's.
        reason = "timeout-connect" if name == "silent" else "upstream-tls"
        assert answer["x-lamplighter-reason"] == page["lamplighter"]["reason"] == reason
        assert words in page["error"]["message"], page
        assert g.record(answer)["reason"] == reason
        assert KEY not in answer.text.decode()
    if isinstance(server, peers.Mute):
        assert KEY.encode() not in server.heard
        assert b"POST" not in server.heard
    else:
        assert not server.requests
    assert server.accepted > 0


def test_who_can_is_served(binary, place, authority):
    """By address, by name, by IPv6 address, TLS 1.2 and 1.3, both of one connection."""
    issue = authority.issue
    old = peers.server_context(issue("both", NAMES), maximum_version=ssl.TLSVersion.TLSv1_2)
    rows = {"address": (peers.Provider(context=peers.server_context(issue("a", NAMES[1:2]))),
                        "127.0.0.1"),
            "name": (peers.Provider(context=peers.server_context(issue("n", NAMES[:1]))),
                     "localhost"),
            "wild": (peers.Provider(context=peers.server_context(issue("w", NAMES))), "localhost"),
            "tls-1.2": (peers.Provider(context=old), "127.0.0.1")}
    if six():
        context = peers.server_context(issue("six", NAMES[2:]))
        rows["six"] = (peers.Provider(host="::1", context=context), "[::1]")
    urls = {name: f"https://{host}:{server.port}/v1" for name, (server, host) in rows.items()}
    g = before(binary, place, urls, authority.cert, "proven")
    try:
        for name, (server, host) in rows.items():
            for _ in range(2):
                answer = g.chat(f"{name}/m")
                assert answer.status == 200, answer
                assert answer.json()["choices"][0]["message"]["content"] == peers.HELLO
            assert [r.headers["authorization"] for r in server.requests] == [f"Bearer {KEY}"] * 2
            assert server.requests[0].headers["host"] == f"{host}:{server.port}"
            assert server.accepted == 1, "the connection is kept"
    finally:
        g.stop()
        for server, _ in rows.values():
            server.close()


def test_the_systems_authorities_do_not_know_ours(authority, start):
    """Without tls.ca it is the system's bundle, or SSL_CERT_FILE."""
    pair = authority.issue("private", NAMES)
    with peers.Provider(context=peers.server_context(pair)) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"p": {"type": "vllm", "key": "env:TLS_KEY",
                                   "endpoints": server.url("/v1")}}
        g = start(bed.Gateway, conf, env={"TLS_KEY": KEY, "SSL_CERT_FILE": str(authority.cert)})
        assert g.chat("p/m").status == 200
        assert len(server.requests) == 1
        if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
            return
        g = start(bed.Gateway, conf, env={"TLS_KEY": KEY})
        answer = g.chat("p/m")
        assert (answer.status, answer["x-lamplighter-reason"]) == (502, "upstream-tls")
        assert len(server.requests) == 1


def check(binary, place, conf, **env):
    """What `check` says of a configuration."""
    file = place / "checked.json"
    file.write_text(json.dumps(conf))
    run = subprocess.run([binary, "check", "-c", file], capture_output=True, text=True, timeout=20,
                         env={"TLS_KEY": KEY, **env})
    return run.returncode, run.stderr


def test_a_bundle_for_all_and_one_for_one(authority, place, start):
    """defaults.tls.ca is for every provider without its own, whatever SSL_CERT_FILE says; a reload
    takes another one, and keeps the old where the new one is none."""
    other = pki.Authority(place, "bundle-other")
    mine = authority.issue("bundle-mine", NAMES)
    theirs = other.issue("bundle-theirs", NAMES)
    with peers.Provider(context=peers.server_context(mine)) as a, \
            peers.Provider(context=peers.server_context(theirs)) as b:
        conf = bed.basic("127.0.0.1:9", workers=1)
        row = {"type": "vllm", "key": "env:TLS_KEY"}
        conf["providers"] = {"all": {**row, "endpoints": a.url("/v1")},
                             "own": {**row, "endpoints": b.url("/v1"),
                                     "tls": {"ca": str(other.cert)}}}
        conf["defaults"]["tls"] = {"ca": str(authority.cert)}
        g = start(bed.Gateway, conf, env={"TLS_KEY": KEY, "SSL_CERT_FILE": str(other.cert)})
        assert [g.chat(f"{name}/m").status for name in ("all", "own")] == [200, 200]

        conf["defaults"]["tls"] = {"ca": str(mine.key)}
        g.configure(conf)
        g.signal(signal.SIGHUP)
        bed.wait_for(lambda: "defaults.tls.ca" in g.said())
        assert g.chat("all/m").status == 200

        conf["defaults"]["tls"] = {"ca": str(other.cert)}
        g.configure(conf)
        g.signal(signal.SIGHUP)
        bed.wait_for(lambda: g.chat("all/m").status == 502)
        assert g.chat("own/m").status == 200


def test_bundles_are_checked(authority, binary, tmp_path):
    conf = {"version": 1, "providers": {"p": {"type": "vllm", "endpoints": "https://127.0.0.1:9"}}}
    good, bad = str(authority.cert), str(tmp_path / "none.pem")
    with_all = {**conf, "defaults": {"tls": {"ca": bad}}}
    assert check(binary, tmp_path, conf, SSL_CERT_FILE=good) == (0, "")
    status, said = check(binary, tmp_path, conf, SSL_CERT_FILE=bad)
    assert status == 0 and "W006" in said and "SSL_CERT_FILE cannot be used" in said
    status, said = check(binary, tmp_path, with_all, SSL_CERT_FILE=good)
    assert status == 3 and "E041" in said and "defaults.tls.ca cannot be read" in said
    assert check(binary, tmp_path, {**conf, "defaults": {"tls": {"ca": good}}},
                 SSL_CERT_FILE=bad) == (0, "")


def test_streams_from_tls_providers_are_the_same_bytes(authority, start):
    events = b"".join(b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
                      b'"choices":[{"index":0,"delta":{"content":"%d %s"},"finish_reason":null}]}'
                      b"\n\n" % (i, b"x" * (i * 37 % 5000)) for i in range(300))
    events += (b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices"'
               b':[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')

    def say(_):
        yield (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
               b"transfer-encoding: chunked\r\n\r\n")
        for at in range(0, len(events), 7001):
            piece = events[at:at + 7001]
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    context = peers.server_context(authority.issue("streams", NAMES))
    with peers.Provider(say, context=context) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = providers_of({"p": server}, authority.cert)
        g = start(bed.Gateway, conf, env={"TLS_KEY": KEY})
        for _ in range(3):
            answer = g.chat("p/m", stream=True)
            assert (answer.status, answer.end) == (200, "whole")
            assert answer.text == events.replace(b'"model":"m"', b'"model":"p/m"')


def test_a_ca_that_is_none_is_told_at_the_start(binary, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n")
    conf = tmp_path / "c.yaml"
    conf.write_text(f'version: 1\nproviders: {{a: {{type: vllm, endpoints: "https://127.0.0.1:1", '
                    f'tls: {{ca: "{junk}"}}}}}}\n')
    run = subprocess.run([binary, "check", "-c", conf], capture_output=True, text=True, timeout=20,
                         check=False)
    assert run.returncode == 3
    assert "E044" in run.stderr and "providers.a.tls.ca" in run.stderr


def test_a_new_ca_in_the_same_file_is_taken_by_reload(binary, start, authority, stranger, tmp_path):
    """The provider changes to another authority, and the bundle follows under its old name."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.cert.read_bytes())
    first = peers.server_context(authority.issue("before", NAMES))
    second = peers.server_context(stranger.issue("after", NAMES))
    with peers.Once(context=first) as server:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = providers_of({"p": server}, bundle)
        g = start(bed.Gateway, conf, env={"TLS_KEY": KEY})
        assert g.chat("p/m").status == 200
        server.context = second
        assert g.chat("p/m")["x-lamplighter-reason"] == "upstream-tls"
        bundle.write_bytes(stranger.cert.read_bytes())
        assert reload(binary, g).returncode == 0
        assert g.chat("p/m").status == 200
        assert len(server.requests) == 2


# ---- redirects ----

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(start, status, authority):
    """Nobody gets a key because somebody else said so: not by TLS, not on the same host."""
    with peers.Provider() as thief:
        moved = peers.answer(status, {"error": {"message": "moved"}},
                             [f"location: {thief.url('/v1/chat/completions')}"])
        context = peers.server_context(authority.issue(f"moved-{status}", NAMES))
        with peers.Provider(lambda _: moved) as clear, \
                peers.Provider(lambda _: moved, context=context) as over_tls:
            conf = bed.basic("127.0.0.1:9", workers=1)
            conf["providers"] = providers_of({"clear": clear, "tls": over_tls}, authority.cert)
            conf["providers"]["clear"].update({"type": "openai", "private": True})
            conf["pass"] = "clear"
            g = start(bed.Gateway, conf, env={"TLS_KEY": KEY})
            for name, server in (("clear", clear), ("tls", over_tls)):
                answer = g.chat(f"{name}/m")
                assert answer.status == 502, answer
                assert answer["location"] is None
                assert answer.json()["lamplighter"]["upstream"]["status"] == status
                assert len(server.requests) == 1
            answer = g.ask("/v1/files", method="GET")
            assert (answer.status, answer["location"]) == (status, None)  # not even as a hint
        assert (thief.accepted, thief.requests) == (0, [])
