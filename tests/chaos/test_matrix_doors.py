"""The fault matrix, rows 12 to 14: names that do not resolve or lead elsewhere, and providers that cannot prove
who they are. Somebody else answers the clients of every dialect; nothing is sent to the wrong one."""
import concurrent.futures
import time

import pytest

import bed
import doubtful_peers
import matrix
import names
import peers
import pki
from asks import WORDS
from matrix import draw

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 0.7  # for those who would have us wait
SLACK_SECONDS = 3.0
# Row 12: what DNS says, and the reason for which nobody is asked.
NAMES = {
    "nowhere": (names.NXDOMAIN, "resolve"), "failing": (names.SERVFAIL, "resolve"), "empty": ([], "resolve"),
    "mute": (names.SILENT, "timeout-connect"), "zero": (["0.0.0.0"], "connect"),
    "inside": (["10.1.2.3"], "connect"), "loop": (["127.0.0.1"], "connect"),
    "metadata": (["169.254.169.254"], "connect"),
}
DOUBTFUL = ("stranger", "expired", "other-host", "self-signed", "tls-1.0", "hangs-up", "silent")
WAYS = {name: draw(name) for name in (*NAMES, *DOUBTFUL, "h1-alone", "down")}
MOVING = draw("moving")


def models(kinds):
    """For each way to meet it, a provider of that target's type; with another target, and alone."""
    return {f"{kind}-{way.target}": {"targets": [f"{kind}-{way.target}/m", "well/m"]}
            for kind in kinds for way in WAYS[kind]} | {
                f"{kind}-{way.target}-alone": {"targets": f"{kind}-{way.target}/m"}
                for kind in kinds for way in WAYS[kind]}


def row(way, url, **more):
    kind, path, key = matrix.TARGETS[way.target]
    return {"type": kind, "endpoints": url + path, "key": key, **more}


def patience(kind):
    return SILENT_SECONDS if kind in ("mute", "silent") else CONNECT_SECONDS


def elsewhere(gateway, kind, reason):
    seconds, what = patience(kind), [(way, f"{kind}-{way.target}{which}") for way in WAYS[kind]
                                     for which in ("", "-alone")]
    with concurrent.futures.ThreadPoolExecutor(len(what)) as pool:
        answers = list(pool.map(lambda each: matrix.ask(gateway, *each), what))
    for (way, _), answer, alone in zip(what[::2], answers[::2], answers[1::2]):
        assert (answer.status, answer.end, way.text_of(answer)) == (200, "whole", WORDS), (str(way), answer)
        assert answer["x-lamplighter-target"] == "well/m" and answer.seconds < seconds + SLACK_SECONDS
        record = matrix.recorded(gateway, answer)
        assert record["outcome"] == "equivalent", record
        matrix.honest(way, alone)
        assert alone.status == 502 and alone["x-lamplighter-reason"] == reason, (str(way), alone)
        assert matrix.recorded(gateway, alone)["reason"] == reason


# ---- names ----

@pytest.fixture(scope="module")
def trap():
    """Where the wrong names lead: nobody may come."""
    with peers.Provider(host="127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def homes(binary, place):
    """Two hosts with the same port, that keep their connections: the old one and the new one."""
    old = bed.Mock(binary, place, "--listen", "127.0.0.4:0", name="old")
    new = bed.Mock(binary, place, "--listen", f"127.0.0.3:{old.addr.rpartition(':')[2]}", name="new")
    yield old, new
    for home in (old, new):
        if not home.stopped:
            home.stop()


def of_names(mock, dns, trap, homes):
    conf = bed.basic(mock.addr, workers=1)
    port = mock.addr.rpartition(":")[2]
    rows = {"well": bed.provider("vllm", mock.addr)}
    for kind, (said, _) in NAMES.items():
        dns.names[f"{kind}.test"] = said
        for way in WAYS[kind]:
            rows[f"{kind}-{way.target}"] = row(way, f"http://{kind}.test:{trap.port}",
                                               timeout={"connect": f"{patience(kind)}s"})
    for way in WAYS["down"]:
        rows[f"down-{way.target}"] = row(way, f"http://down.test:{port}", private=True)
    for way in MOVING:
        rows[f"moving-{way.target}"] = row(way, f"http://moving.test:{homes[0].addr.rpartition(':')[2]}", private=True)
    conf["providers"] = rows
    # Slow enough that some are under way at once, and need new connections.
    conf["models"] = models([*NAMES, "down"]) | {f"moving-{target}": {"targets": f"moving-{target}/{target};head=200ms"}
                                                 for target in matrix.TARGETS}
    return conf


@pytest.fixture(scope="module")
def resolving(binary, place, dns):
    return names.resolving(binary, place)


@pytest.fixture(scope="module")
def named(resolving, place, mock, dns, trap, homes):
    dns.names |= {"down.test": names.SERVFAIL}
    g = bed.Gateway(resolving, place, of_names(mock, dns, trap, homes), name="named", env=bed.KEYS)
    yield g
    g.stop()
    matrix.said_nothing(g)


@pytest.mark.parametrize("kind", NAMES)
def test_names_that_lead_nowhere(named, trap, kind):
    elsewhere(named, kind, NAMES[kind][1])
    assert trap.accepted == 0


def test_it_starts_without_dns_and_serves_when_it_comes(named, dns):
    """Row 12: its configuration is not bad because nobody answers; and 13: nothing is stuck behind it."""
    dns.names["down.test"] = ["127.0.0.1"]
    for way in WAYS["down"]:
        bed.wait_for(lambda way=way: matrix.ask(named, way, f"down-{way.target}-alone").status == 200, 10, 0.1)


def ask_moving(named, ways):
    """All at once; every one is answered, wherever."""
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
        answers = list(pool.map(lambda way: matrix.ask(named, way, f"moving-{way.target}"), ways))
    for way, answer in zip(ways, answers):
        assert (answer.status, answer.end, way.text_of(answer)) == (200, "whole", WORDS), (str(way), answer)
        assert matrix.recorded(named, answer)["attempts"] == 1


def test_an_address_that_changes(named, dns, homes):
    """Row 13: connections that are kept go on serving; new ones go to the new address once the old one's time to
    live is over; when the old home goes, nothing is stuck there, and no request fails. While DNS is away again
    the last good address serves."""
    old, new = homes
    targets = {way.target for way in MOVING}
    dns.names["moving.test"] = ["127.0.0.4"]
    for way in MOVING * 2:
        ask_moving(named, [way])
    assert len({request["conn"] for request in old.requests()}) == len(targets) < len(old.requests())
    assert not new.requests()
    dns.names["moving.test"] = ["127.0.0.3"]
    end = time.monotonic() + 20
    while {request["model"].partition(";")[0] for request in new.requests()} != targets:
        assert time.monotonic() < end, "somebody asks at the old address for ever"
        ask_moving(named, MOVING * 3)
    old.stop()
    for ways in [MOVING] * 2:
        ask_moving(named, ways)
    dns.names["moving.test"] = names.SILENT
    time.sleep(1.1)  # past its time to live
    ask_moving(named, MOVING * 3)


# ---- certificates ----

@pytest.fixture(scope="module")
def doubted(binary, place, mock, authority):
    """(gateway, {kind: server})"""
    found = doubtful_peers.troubles(authority, pki.Authority(place, "unknown"))
    h1 = peers.server_context(authority.issue("h1", ["IP:127.0.0.1"]))
    h1.set_alpn_protocols(["http/1.1"])
    found["h1-alone"] = (peers.Provider(context=h1), None, "")
    conf = bed.basic(mock.addr)
    conf["defaults"]["tls"] = {"ca": str(authority.cert)}
    conf["providers"] = {"well": bed.provider("vllm", mock.addr)}
    for kind in (*DOUBTFUL, "h1-alone"):
        server, host, _ = found[kind]
        for way in WAYS[kind]:
            conf["providers"][f"{kind}-{way.target}"] = row(
                way, f"https://{host or '127.0.0.1'}:{server.port}", private=True,
                timeout={"connect": f"{patience(kind)}s"}, **({"http": "h2"} if kind == "h1-alone" else {}))
    conf["models"] = models((*DOUBTFUL, "h1-alone"))
    g = bed.Gateway(binary, place, conf, name="doubted", env=bed.KEYS)
    yield g, {kind: server for kind, (server, _, _) in found.items()}
    g.stop()
    matrix.said_nothing(g)
    for server, _, _ in found.values():
        server.close()


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_whoever_cannot_prove_himself(doubted, kind):
    """Row 14: nothing is sent to him, with or without TLS."""
    gateway, servers = doubted
    elsewhere(gateway, kind, "timeout-connect" if kind == "silent" else "upstream-tls")
    server = servers[kind]
    if isinstance(server, peers.Mute):
        assert b"secret" not in server.heard and b"POST" not in server.heard
    else:
        assert not server.requests
    assert server.accepted > 0


def test_no_common_protocol(doubted):
    """Row 14: HTTP/2 alone is wanted, and the provider's TLS does not agree on it."""
    gateway, servers = doubted
    for way in WAYS["h1-alone"]:
        answer = matrix.ask(gateway, way, f"h1-alone-{way.target}")
        assert (answer.status, way.text_of(answer)) == (200, WORDS), (str(way), answer)
        assert answer["x-lamplighter-target"] == "well/m"
        matrix.recorded(gateway, answer)
    assert not servers["h1-alone"].requests
