"""Egress proxies: Squid as people run it, and proxies of our own that misbehave. A proxy carries
bytes; it never sees a key of a provider behind TLS, and never holds a request up for long."""
import base64
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import bed
import peers
import pki
import serving

KEY = "sk-proxy-canary-77ab03"
PASSWORD = "pr0xy-pass%word"
CONNECT_SECONDS = 5.0  # as bed.basic() has it
SOON = {"timeout": {"connect": "700ms"}}  # for those who would have us wait
SLACK_SECONDS = 3.0
SQUID = shutil.which("squid") or "/usr/sbin/squid"
NCSA = "/usr/lib/squid/basic_ncsa_auth"
NAMES = ["DNS:localhost", "DNS:api.provider.test", "IP:127.0.0.1"]

@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server", NAMES)


@pytest.fixture(scope="module")
def context(pair):
    return peers.server_context(pair)


@pytest.fixture
def secure(context):
    """A provider behind TLS."""
    with peers.Provider(context=context) as server:
        yield server


@pytest.fixture
def clear():
    with peers.Provider() as server:
        yield server


def conf_of(rows):
    """{name: more keys of its provider}; all have our key."""
    conf = bed.basic("127.0.0.1:9", workers=1)
    conf["providers"] = {name: {"type": "openai-compatible", "key": "env:PROXY_TEST_KEY",
                                "private": True, **more} for name, more in rows.items()}
    return conf


ENV = {"PROXY_TEST_KEY": KEY, "PROXY_AUTH": f"user:{PASSWORD}", "WRONG_AUTH": "user:wr0ng-word"}


def served(answer, server, times=1):
    assert answer.status == 200, answer
    assert answer.json()["choices"][0]["message"]["content"] == peers.HELLO
    assert [r.headers["authorization"] for r in server.requests] == [f"Bearer {KEY}"] * times


def failed(g, answer, reason, words):
    """In time, in plain words, without a secret."""
    assert answer.status == 502, answer
    late = reason == "timeout-connect"
    assert answer.seconds < (0.7 if late else CONNECT_SECONDS) + SLACK_SECONDS
    assert answer["x-lamplighter-reason"] == reason, answer
    message = answer.json()["error"]["message"]
    assert words in message, message
    told = answer.text.decode() + str(answer.fields) + str(g.record(answer)) + g.said()
    for secret in (KEY, PASSWORD, "wr0ng-word", b64(f"user:{PASSWORD}"), b64("user:wr0ng-word")):
        assert secret not in told


def b64(text):
    return base64.b64encode(text.encode()).decode()


# ---- Squid ----

@pytest.fixture(scope="module")
def squid():
    """start(ports, auth) runs one that lets CONNECT through to these ports; its address."""
    if not os.path.exists(SQUID):
        pytest.skip("unsupported: no squid on this machine")
    running, homes = [], []

    def begin(ports, auth=False):
        port = serving.free_port()
        # Started by root it becomes another user, who cannot enter a test's own directory.
        home = pathlib.Path(tempfile.mkdtemp(prefix="lamplighter-squid-"))
        home.chmod(0o777)
        homes.append(home)
        lines = [f"http_port 127.0.0.1:{port}", f"pid_filename {home}/pid",
                 f"access_log stdio:{home}/access.log", f"cache_log {home}/cache.log",
                 f"coredump_dir {home}", "cache deny all", "shutdown_lifetime 0 seconds",
                 "pinger_enable off", "netdb_filename none", f"visible_hostname {home.name}.test",
                 f"acl our_ports port {' '.join(map(str, ports))}", "acl tunnel method CONNECT",
                 "http_access deny !our_ports", "http_access deny !tunnel"]
        if auth:
            if not os.path.exists(NCSA):
                pytest.skip("unsupported: no basic_ncsa_auth on this machine")
            hashed = pki.openssl("passwd", "-apr1", PASSWORD).decode().strip()
            (home / "users").write_text(f"user:{hashed}\n")
            lines += [f"auth_param basic program {NCSA} {home}/users",
                      "auth_param basic children 1 startup=1", "acl known proxy_auth REQUIRED",
                      "http_access allow known"]
        else:
            lines.append("http_access allow all")
        (home / "squid.conf").write_text("\n".join([*lines, "http_access deny all", ""]))
        for f in home.iterdir():
            f.chmod(0o644)
        server = serving.Server([SQUID, "-N", "-f", home / "squid.conf"], home, "squid")
        running.append(server)
        server.wait_port(port)
        server.access = home / "access.log"
        return server, f"127.0.0.1:{port}"

    yield begin
    for server in running:
        server.stop()
    for home in homes:
        shutil.rmtree(home)


def test_through_squid(squid, start, authority, secure, clear):
    """https:// and http:// providers, both by CONNECT; keep-alive through the tunnel."""
    server, addr = squid([secure.port, clear.port])
    common = {"proxy": f"http://{addr}", "tls": {"ca": str(authority.cert)}}
    g = start(bed.Gateway, conf_of({
        "tls": {**common, "endpoints": secure.url("/v1")},
        "name": {**common, "endpoints": secure.url("/v1", "localhost")},
        "clear": {**common, "endpoints": clear.url("/v1")},
        "closed": {**common, "endpoints": f"https://127.0.0.1:{serving.free_port()}/v1"},
    }), env=ENV)
    served(g.chat("tls/m"), secure)
    served(g.chat("tls/m"), secure, 2)
    assert secure.accepted == 1
    served(g.chat("name/m"), secure, 3)
    served(g.chat("clear/m"), clear)
    failed(g, g.chat("closed/m"), "connect", f"the proxy {addr} refused: 403")
    bed.wait_for(lambda: server.access.read_text().count("CONNECT") >= 1)
    assert KEY not in server.access.read_text() + server.output()


def test_squid_wants_a_password(squid, start, authority, secure):
    _, addr = squid([secure.port], auth=True)
    common = {"proxy": f"http://{addr}", "tls": {"ca": str(authority.cert)},
              "endpoints": secure.url("/v1")}
    g = start(bed.Gateway, conf_of({"right": {**common, "proxy_auth": "env:PROXY_AUTH"},
                                    "wrong": {**common, "proxy_auth": "env:WRONG_AUTH"},
                                    "none": common}), env=ENV)
    served(g.chat("right/m"), secure)
    failed(g, g.chat("wrong/m"), "connect", "refused our credentials (407)")
    failed(g, g.chat("none/m"), "connect", "wants credentials (407)")
    served(g.chat("right/m"), secure, 2)


# ---- proxies of our own ----

def test_what_a_proxy_is_told(start, authority, secure):
    """A CONNECT with its own credentials, and then nothing that it could read."""
    with peers.Proxy(auth=f"user:{PASSWORD}") as proxy:
        g = start(bed.Gateway, conf_of({"p": {
            "proxy": proxy.url(), "proxy_auth": "env:PROXY_AUTH", "endpoints": secure.url("/v1"),
            "tls": {"ca": str(authority.cert)}}}), env=ENV)
        for i in range(3):
            served(g.chat("p/m"), secure, i + 1)
        assert len(proxy.heads) == 1
        lines = proxy.heads[0].decode().split("\r\n")
        assert lines[0] == f"CONNECT {secure.addr} HTTP/1.1"
        assert sorted(line.partition(":")[0].lower() for line in lines[1:-2]) == [
            "host", "proxy-authorization"]
        for secret in (KEY, PASSWORD, b64(f"user:{PASSWORD}")):
            assert secret.encode() not in proxy.seen
        assert KEY.encode() not in proxy.heads[0]
        assert "proxy-authorization" not in str(secure.requests[0].headers)


def test_a_proxy_behind_tls(start, authority, context, secure, place):
    """https:// to the proxy: not even the CONNECT is read on the way. It has to prove itself."""
    stranger = pki.Authority(place, f"unknown{time.monotonic_ns()}")
    false = peers.server_context(stranger.issue("proxy", NAMES))
    with peers.Proxy(auth=f"user:{PASSWORD}", context=context) as proxy, \
            peers.Proxy(context=false) as thief, peers.Mute() as silent:
        common = {"proxy_auth": "env:PROXY_AUTH", "endpoints": secure.url("/v1"),
                  "tls": {"ca": str(authority.cert)}}
        g = start(bed.Gateway, conf_of({
            "p": {**common, "proxy": proxy.url()},
            "thief": {**common, "proxy": thief.url()},
            "silent": {**common, **SOON, "proxy": f"https://{silent.addr}"},
        }), env=ENV)
        served(g.chat("p/m"), secure)
        assert proxy.targets == [secure.addr]
        assert KEY.encode() not in proxy.seen
        failed(g, g.chat("thief/m"), "upstream-tls", "unknown CA")
        assert thief.heads == []
        failed(g, g.chat("silent/m"), "timeout-connect", "")
        assert b"CONNECT" not in silent.heard and len(secure.requests) == 1


def test_a_proxy_in_the_middle_is_found_out(start, authority, place):
    """A tunnel that ends elsewhere: the provider's certificate is asked for, through any proxy."""
    stranger = pki.Authority(place, f"middle{time.monotonic_ns()}")
    false = peers.server_context(stranger.issue("middle", NAMES))
    with peers.Provider(context=false) as middle:
        names = {"api.provider.test": ("127.0.0.1", middle.port)}
        with peers.Proxy(names=names) as proxy:
            g = start(bed.Gateway, conf_of({"p": {
                "proxy": proxy.url(), "endpoints": "https://api.provider.test/v1",
                "tls": {"ca": str(authority.cert)}}}), env=ENV)
            failed(g, g.chat("p/m"), "upstream-tls", "unknown CA")
            assert middle.requests == []


def test_names_are_the_proxys_to_resolve(start, authority, secure):
    """A name that this machine does not know."""
    names = {"api.provider.test": ("127.0.0.1", secure.port)}
    with peers.Proxy(names=names) as proxy:
        g = start(bed.Gateway, conf_of({"p": {
            "proxy": proxy.url(), "endpoints": "https://api.provider.test/v1",
            "tls": {"ca": str(authority.cert)}}}), env=ENV)
        served(g.chat("p/m"), secure)
        assert proxy.targets == ["api.provider.test:443"]


# Proxies that break: what they say, reason, words.
BROKEN = {
    "silence": (lambda r: peers.forever(b"", 0.1), "timeout-connect", ""),
    "drip": (lambda r: peers.forever(b"H", 0.1), "timeout-connect", ""),
    "garbage": (lambda r: [b"\x00\x01\x02 garbage\r\n\r\n"], "junk", "did not answer in HTTP"),
    "ssh": (lambda r: [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], "junk", "did not answer in HTTP"),
    "http2": (lambda r: [b"HTTP/2 200\r\n\r\n"], "junk", "did not answer in HTTP"),
    "huge": (lambda r: peers.forever(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 60000, 0.01), None,
             "too long an answer"),
    "many": (lambda r: [b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 3000], None,
             "too long an answer"),
    "more": (lambda r: [b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], "junk",
             "more than the head"),
    "hang-up": (lambda r: [], "connect", "hung up"),
    "half": (lambda r: [b"HTTP/1.1 200 OK\r\nx"], "connect", "hung up"),
    "403": (lambda r: [peers.answer(403, b"no")], "connect", "refused: 403 Because"),
    "407": (lambda r: [peers.answer(407, b"no")], "connect", "refused our credentials (407)"),
    "502": (lambda r: [peers.answer(502, b"no")], "connect", "refused: 502 Because"),
    "302": (lambda r: [peers.answer(302, b"", ["location: http://127.0.0.1:9/"])], "connect",
            "refused: 302"),
    "escape": (lambda r: [b"HTTP/1.1 500 \x1b[31m\x07red\r\n\r\n"], "connect",
               "refused: 500 ?[31m"),
}


@pytest.fixture(scope="module")
def broken(binary, place, authority):
    """(gateway, {name: proxy}, the provider behind them, which is never asked)"""
    pair = authority.issue("never", NAMES)
    server = peers.Provider(context=peers.server_context(pair))
    proxies = {name: peers.Proxy(say=row[0]) for name, row in BROKEN.items()}
    g = bed.Gateway(binary, place, conf_of({
        name: {"proxy": proxy.url(), "proxy_auth": "env:PROXY_AUTH",
               "endpoints": server.url("/v1"), "tls": {"ca": str(authority.cert)},
               **(SOON if BROKEN[name][1] == "timeout-connect" else {})}
        for name, proxy in proxies.items()}), name="broken", env=ENV)
    yield g, proxies, server
    g.stop()
    for one in (*proxies.values(), server):
        one.close()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_proxy_is_named_in_time(broken, name):
    g, proxies, server = broken
    _, reason, words = BROKEN[name]
    answer = g.chat(f"{name}/m")
    failed(g, answer, reason or answer["x-lamplighter-reason"], words)
    message = answer.json()["error"]["message"]
    assert proxies[name].addr in message or answer["x-lamplighter-reason"] == "timeout-connect"
    assert re.fullmatch(r"[\x20-\x7e]+", message)
    assert len(proxies[name].heads) == 1
    assert server.accepted == 0


def test_no_proxy(start, authority, secure, clear):
    """Per provider: what the list names is reached directly."""
    with peers.Proxy() as proxy:
        common = {"proxy": proxy.url(), "tls": {"ca": str(authority.cert)}}
        rows = {
            "address": {"endpoints": secure.url("/v1"), "no_proxy": ["127.0.0.0/8"]},
            "port": {"endpoints": secure.url("/v1"), "no_proxy": f"127.0.0.1:{secure.port}"},
            "other-port": {"endpoints": secure.url("/v1"), "no_proxy": "127.0.0.1:1"},
            "name": {"endpoints": secure.url("/v1", "localhost"), "no_proxy": ["x.test",
                                                                              "localhost"]},
            "all": {"endpoints": clear.url("/v1"), "no_proxy": "*"},
            "none": {"endpoints": secure.url("/v1"), "proxy": "none"},
        }
        g = start(bed.Gateway, conf_of({n: {**common, **r} for n, r in rows.items()}), env=ENV)
        for name in rows:
            before = len(proxy.heads)
            assert g.chat(f"{name}/m").status == 200, name
            assert len(proxy.heads) - before == (name == "other-port"), name


def without_proxies():
    """Whatever this machine has set is not the test's."""
    return {name: "" for name in os.environ if name.lower() in (
        "http_proxy", "https_proxy", "all_proxy", "no_proxy")}


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_the_environments_proxy(start, authority, secure, variable):
    """With user and password in its URL, behind TLS of a private CA, for cloud providers alone."""
    names = {"api.provider.test": ("127.0.0.1", secure.port)}
    pair = authority.issue(f"env{variable.islower()}", NAMES)
    with peers.Proxy(names=names, auth=f"user:{PASSWORD}",
                     context=peers.server_context(pair)) as proxy:
        escaped = PASSWORD.replace("%", "%25")
        env = {**ENV, **without_proxies(), "SSL_CERT_FILE": str(authority.cert),
               variable: f"https://user:{escaped}@localhost:{proxy.port}",
               "NO_PROXY": "direct.test,127.0.0.1"}
        cloud = {"type": "openai", "endpoints": "https://api.provider.test/v1", "private": False}
        g = start(bed.Gateway, conf_of({
            "cloud": cloud, "none": {**cloud, "proxy": "none"},
            "direct": {**cloud, "endpoints": "https://direct.test/v1"},
            "engine": {"type": "vllm", "private": True, "endpoints": secure.url("/v1")},
        }), env=env)
        served(g.chat("cloud/m"), secure)
        assert proxy.targets == ["api.provider.test:443"]
        served(g.chat("engine/m"), secure, 2)
        for name in ("none", "direct"):
            assert g.chat(f"{name}/m").status == 502  # there is no such name
        assert len(proxy.heads) == 1
        for said in (g.said(), str(g.status()), g.access.read_text()):
            assert PASSWORD not in said and escaped not in said
        for pid in (g.pid, *g.children().values()):
            with open(f"/proc/{pid}/environ", "rb") as f:
                assert escaped.encode() not in f.read()


def test_private_addresses_are_refused_through_a_proxy_too(start):
    """What can be judged is judged before the proxy is asked."""
    with peers.Proxy() as proxy:
        g = start(bed.Gateway, conf_of({
            "p": {"type": "vllm", "proxy": proxy.url(), "endpoints": "https://127.0.0.1:9/v1"},
        }), env=ENV)
        assert g.chat("p/m").status == 502
        conf = conf_of({"p": {"type": "openai", "private": False, "proxy": proxy.url(),
                              "endpoints": "https://10.0.0.1/v1"}})
        g.configure(conf)
        run = subprocess.run([g.process.args[0], "check", "-c", g.file], capture_output=True,
                             text=True, timeout=20, check=False, env={**os.environ, **ENV})
        assert run.returncode == 3 and "E036" in run.stderr


def test_a_password_that_changes_is_taken_by_reload(binary, start, authority, secure, tmp_path):
    """The file's name stays the same; its content is another."""
    secret = tmp_path / "proxy-auth"
    secret.write_text("user:first-pass")
    secret.chmod(0o600)
    with peers.Proxy(auth="user:first-pass") as proxy:
        g = start(bed.Gateway, conf_of({"p": {
            "proxy": proxy.url(), "proxy_auth": f"file:{secret}", "endpoints": secure.url("/v1"),
            "tls": {"ca": str(authority.cert)}}}), env=ENV)
        secure.one_request = True
        served(g.chat("p/m"), secure)
        proxy.auth = "user:second-pass"
        failed(g, g.chat("p/m"), "connect", "refused our credentials (407)")
        secret.write_text("user:second-pass")
        run = subprocess.run([binary, "reload", "--admin", f"http://{g.admin}"],
                             capture_output=True, text=True, timeout=20, check=False)
        assert run.returncode == 0, run.stderr
        served(g.chat("p/m"), secure, 2)


def test_a_password_in_the_configuration_is_refused_unprinted(binary, tmp_path):
    conf = tmp_path / "c.yaml"
    conf.write_text(f'version: 1\nproviders: {{a: {{type: vllm, endpoints: "https://h.test", '
                    f'proxy: "http://user:{PASSWORD}@p.test:1"}}}}\n')
    run = subprocess.run([binary, "check", "-c", conf], capture_output=True, text=True, timeout=20,
                         check=False)
    assert run.returncode == 3
    assert PASSWORD not in run.stderr + run.stdout
