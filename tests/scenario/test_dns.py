"""Names: a DNS server of our own, which the gateway finds in a resolv.conf of its own. Names that
do not resolve, late answers, addresses that are nobody's business, and addresses that change."""
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

import bed
import peers

DNS = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"  # runs do not meet
KEY = "sk-dns-canary-1f08"
SLACK_SECONDS = 3.0
A, AAAA = 1, 28
NXDOMAIN, SERVFAIL, SILENT = "nxdomain", "servfail", "silent"
CODES = {NXDOMAIN: 3, SERVFAIL: 2}


class Dns:
    """Answers from `names`: {name: NXDOMAIN | SERVFAIL | SILENT | [address, ...]}."""

    def __init__(self):
        self.names, self.asked, self.ttl = {}, [], 1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS, 53))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                if not query:
                    return
                answer = self._answer(query)
                if answer:
                    self.socket.sendto(answer, peer)
            except OSError:
                return

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.asked.append((name, kind))
        row = self.names.get(name, NXDOMAIN)
        if row == SILENT:
            return None
        records = []
        for address in row if isinstance(row, list) else []:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if (kind == AAAA) == (family == socket.AF_INET6):
                data = socket.inet_pton(family, address)
                records.append(struct.pack(">HHHIH", 0xC00C, kind, 1, self.ttl, len(data)) + data)
        head = struct.pack(">HHHHH", 0x8180 | CODES.get(row if isinstance(row, str) else "", 0), 1,
                           len(records), 0, 0)
        return query[:2] + head + question + b"".join(records)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", (DNS, 53))
        self.thread.join(5)
        self.socket.close()


@pytest.fixture(scope="module")
def dns():
    try:
        server = Dns()
    except OSError:
        pytest.skip("unsupported: port 53 is not ours to bind on this machine")
    yield server
    server.close()


@pytest.fixture(scope="module")
def resolving(binary, place, dns):
    """The gateway with a resolv.conf of its own: a bind mount that only it sees."""
    conf = place / "resolv.conf"
    conf.write_text(f"nameserver {DNS}\nsearch corp.test\noptions timeout:1 attempts:2\n")
    unshare = shutil.which("unshare")
    for options in ("-m", "-rm"):
        words = [unshare, options, "--propagation", "private", "sh", "-c",
                 f'mount --bind "{conf}" /etc/resolv.conf && exec "$@"', "sh"]
        run = unshare and subprocess.run([*words, "cat", "/etc/resolv.conf"], capture_output=True,
                                         timeout=20, check=False)
        if run and run.returncode == 0 and DNS.encode() in run.stdout:
            break
    else:
        pytest.skip("unsupported: no mount namespace for a resolv.conf of one's own")
    script = place / "resolving"
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in [*words, str(binary)])
    script.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def server():
    with peers.Once() as s:
        yield s


TROUBLES = {
    # name: row, reason, words
    "missing.test": (NXDOMAIN, "resolve", "missing.test"),
    "broken.test": (SERVFAIL, "resolve", "broken.test"),
    "empty.test": ([], "resolve", "empty.test"),
    "silent.test": (SILENT, "timeout-connect", ""),
}
# Where a name may not lead: for whom, the addresses, the word for it.
FORBIDDEN = {
    "loop.test": ("cloud", ["127.0.0.1"], "loopback"),
    "loop6.test": ("cloud", ["::1"], "loopback"),
    "mapped.test": ("cloud", ["::ffff:127.0.0.1"], "loopback"),
    "ten.test": ("cloud", ["10.1.2.3"], "private"),
    "home.test": ("cloud", ["192.168.1.1"], "private"),
    "ula.test": ("cloud", ["fd00::1"], "private"),
    "both.test": ("cloud", ["10.1.2.3", "127.0.0.1"], "not allowed here"),
    "link.test": ("cloud", ["169.254.1.1"], "link-local"),
    "meta.test": ("cloud", ["169.254.169.254"], "metadata"),
    "any.test": ("cloud", ["0.0.0.0"], "not allowed here"),
    "engine-meta.test": ("engine", ["169.254.169.254"], "metadata"),
    "engine-any.test": ("engine", ["0.0.0.0"], "not allowed here"),
    "engine-many.test": ("engine", ["224.0.0.1"], "multicast"),
}


@pytest.fixture(scope="module")
def gateway(resolving, place, dns, server):
    names = ("good.test", "GOOD2.Test", "second.test", "moving.test", "stale.test", "short",
             *TROUBLES)
    rows = {name.lower(): {"type": "vllm", "endpoints": f"http://{name}:{server.port}/v1"}
            for name in names}
    rows["silent.test"]["timeout"] = {"connect": "700ms"}
    for name, (who, _, _) in FORBIDDEN.items():
        rows[name] = {"type": "openai" if who == "cloud" else "vllm",
                      "endpoints": f"http://{name}:{server.port}/v1"}
    conf = bed.basic("127.0.0.1:9", workers=1)
    conf["providers"] = {n: {**row, "key": "env:DNS_KEY"} for n, row in rows.items()}
    dns.names.update({"good.test": ["127.0.0.1"], "good2.test": ["127.0.0.1"],
                      "second.test": ["127.0.0.9", "127.0.0.1"],
                      "short.corp.test": ["127.0.0.1"]})
    dns.names.update({name: row for name, (row, _, _) in TROUBLES.items()})
    dns.names.update({name: addresses for name, (_, addresses, _) in FORBIDDEN.items()})
    nothing = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    g = bed.Gateway(resolving, place, conf, env={"DNS_KEY": KEY, **nothing})
    yield g
    g.stop()


def test_a_name_is_resolved(gateway, dns, server):
    for name in ("good.test", "good2.test"):
        assert gateway.chat(f"{name}/m").status == 200
        assert (name, A) in dns.asked
        assert server.requests[-1].headers["host"].lower() == f"{name}:{server.port}"


def test_short_names_are_looked_for_as_the_system_says(gateway, dns):
    """Engines of a cluster are called by names that only the search list completes."""
    assert gateway.chat("short/m").status == 200
    assert ("short.corp.test", A) in dns.asked


def test_the_second_address_is_tried(gateway):
    """Nobody listens at the first one."""
    assert gateway.chat("second.test/m").status == 200


@pytest.mark.parametrize("name", TROUBLES)
def test_names_that_do_not_resolve(gateway, server, name):
    """In time and in plain words."""
    _, reason, words = TROUBLES[name]
    before = server.accepted
    for path, more in (("/v1/chat/completions", {}), ("/v1/messages", {"max_tokens": 1})):
        answer = gateway.ask(path, {"model": f"{name}/m", "messages": [], **more})
        assert answer.status == 502, answer
        assert answer["x-lamplighter-reason"] == reason
        assert words in answer.json()["error"]["message"]
        assert answer.seconds < (0.7 if name == "silent.test" else 5) + SLACK_SECONDS
    assert server.accepted == before


@pytest.mark.parametrize("name", FORBIDDEN)
def test_names_that_lead_to_the_inside_are_refused(gateway, server, name):
    """Whoever owns a provider's name in DNS must not reach what only this machine can."""
    _, _, words = FORBIDDEN[name]
    before = server.accepted
    answer = gateway.chat(f"{name}/m")
    assert answer.status == 502, answer
    assert answer["x-lamplighter-reason"] == "connect"
    message = answer.json()["error"]["message"]
    assert words in message and "not allowed here" in message, message
    assert answer.seconds < SLACK_SECONDS
    assert server.accepted == before


def test_an_address_that_changes_is_followed(gateway, dns, server):
    """Once its time to live is over; kept connections are not held against it."""
    dns.names["moving.test"] = ["127.0.0.1"]
    with peers.Once(host="127.0.0.2", port=server.port) as other:
        assert gateway.chat("moving.test/m").status == 200
        assert not other.requests
        dns.names["moving.test"] = ["127.0.0.2"]

        def moved():
            assert gateway.chat("moving.test/m").status == 200
            return other.requests

        bed.wait_for(moved, 10, every=0.1)
        before = len(server.requests)
        for _ in range(3):
            assert gateway.chat("moving.test/m").status == 200
        assert len(server.requests) == before


@pytest.mark.parametrize("trouble", [SILENT, SERVFAIL])
def test_the_last_good_address_serves_while_dns_is_away(gateway, dns, trouble):
    dns.names["stale.test"] = ["127.0.0.1"]
    assert gateway.chat("stale.test/m").status == 200
    dns.names["stale.test"] = trouble
    time.sleep(1.1)  # past its time to live
    answer = gateway.chat("stale.test/m")
    assert answer.status == 200, answer
    assert answer.seconds < 1 + SLACK_SECONDS
