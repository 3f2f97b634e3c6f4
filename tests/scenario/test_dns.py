"""Names: a DNS server of our own, which the gateway finds in a resolv.conf of its own. Names that
do not resolve, late answers, addresses that are nobody's business, and addresses that change."""
import os
import time

import pytest

import bed
import names
import peers
from names import A, NXDOMAIN, SERVFAIL, SILENT

KEY = "sk-dns-canary-1f08"
SLACK_SECONDS = 3.0


@pytest.fixture(scope="module")
def resolving(binary, place, dns):
    return names.resolving(binary, place)


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
    good = ("good.test", "GOOD2.Test", "second.test", "moving.test", "stale.test", "short",
             *TROUBLES)
    rows = {name.lower(): {"type": "vllm", "endpoints": f"http://{name}:{server.port}/v1"}
            for name in good}
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
