"""What dies, what is replaced, what goes on: the gateway's processes under signals."""
import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import bed
import wire

CHAT = "/v1/chat/completions"
STREAMS = 500


def request(model):
    return wire.request("POST", CHAT, {"model": model, "stream": True, "messages": []})


def whole(answer):
    return answer.status == 200 and answer.end == "whole" and b"[DONE]" in answer.text


async def streams(gateway, model, count, then, timeout=40):
    """Open so many streams; when each has its first content, call then(); all answers, and what
    then() returned."""
    begun, ready = set(), asyncio.Event()

    def watch(n):
        def on_data(reader):
            if n not in begun and b"w000000" in reader.body:
                begun.add(n)
                if len(begun) == count:
                    ready.set()
        return on_data

    jobs = [asyncio.create_task(wire.fetch(gateway.addr, request(model), timeout, on_data=watch(n)))
            for n in range(count)]
    async with asyncio.timeout(timeout):
        await ready.wait()
    told = await asyncio.to_thread(then)
    return await asyncio.gather(*jobs), told


class Gate:
    """A provider whose streams begin at once and go on when it is opened: no test waits for longer
    than it needs, and no machine is so slow that a stream is over too soon."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=STREAMS)
        self.addr = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.opened = asyncio.Event()

    async def __aenter__(self):
        self.loop = asyncio.get_running_loop()
        self.server = await asyncio.start_server(self.answer, sock=self.sock, backlog=STREAMS)
        return self

    async def __aexit__(self, *_):
        self.server.close()

    def open(self):
        """From any thread."""
        self.loop.call_soon_threadsafe(self.opened.set)

    async def answer(self, reader, writer):
        with contextlib.suppress(ConnectionError):  # the gateway's worker has died
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                         b"connection: close\r\n\r\n" + self.event(0))
            await self.opened.wait()
            writer.write(b"".join(map(self.event, range(1, 10))) + self.event(10, "stop") +
                         b"data: [DONE]\n\n")
            await writer.drain()
        writer.close()

    @staticmethod
    def event(n, finish=None):
        return b"data: %s\n\n" % json.dumps(
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {} if finish else {"content": f"w{n:06} "},
                          "finish_reason": finish}]}).encode()


def gated(mock, gate):
    """A configuration with the provider `gate`."""
    conf = bed.basic(mock.addr, drain="20s")
    conf["providers"]["gate"] = bed.provider("openai-compatible", gate.addr)
    return conf


def grown_up(gateway):
    """Who dies younger is replaced only a second later."""
    bed.wait_for(lambda: gateway.status()["uptime_s"] > 1.1)


def crashes(gateway):
    return sum(w["crashes"] for w in gateway.status()["workers"])


@pytest.fixture
def pair(start):
    """A mock and a gateway of one test's own, with two workers."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="20s"), env=bed.KEYS)
    return m, g


def test_a_killed_worker_takes_only_its_share(start):
    """500 streams on two workers: the other's all end in order, a new worker comes at once."""
    m, gate, share = start(bed.Mock), Gate(), {}
    g = start(bed.Gateway, gated(m, gate), env=bed.KEYS)
    victim = g.workers()[0]

    def kill():
        grown_up(g)
        bed.wait_for(lambda: sum(w["requests_live"] for w in g.status()["workers"]) == STREAMS)
        share["mine"] = g.status()["workers"][0]["requests_live"]
        at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        bed.wait_for(lambda: g.workers()[0] not in (0, victim), 5)
        share["replaced_ms"] = (time.monotonic() - at) * 1000
        for n in range(20):  # some of these reach the new one
            assert g.chat(f"gen/new{n}").status == 200
        gate.open()

    async def run():
        async with gate:
            return await streams(g, "gate/many", STREAMS, kill)

    answers, _ = asyncio.run(run())
    cut = [a for a in answers if not whole(a)]
    print(f"{len(cut)} of {STREAMS} cut, its share was {share['mine']}; "
          f"replaced after {share['replaced_ms']:.0f} ms")
    assert len(cut) == share["mine"] and 0 < len(cut) < STREAMS
    assert share["replaced_ms"] < 1000
    assert all(a.end in ("cut", "reset") and b"w000001" not in a.text for a in cut)
    assert all(b"w000009" in a.text for a in answers if whole(a))
    assert crashes(g) == 1
    assert g.ready()
    g.stop(blame=None)


def test_keeper_and_clerk_may_die(pair):
    """No stream is cut; the admin port and the log come back."""
    m, g = pair
    children = g.children()

    def kill():
        os.kill(children["keeper"], signal.SIGKILL)
        os.kill(children["clerk"], signal.SIGKILL)
        bed.wait_for(lambda: responds(g))
        return g.metrics()

    answers, metrics = asyncio.run(streams(g, "gen/keep;tokens=30;gap=30ms", 50, kill))
    assert all(whole(a) for a in answers)
    assert "lamplighter_requests_live" in metrics
    assert g.workers() == [children["worker 0"], children["worker 1"]]
    assert g.record(g.chat("gen/logged"))["outcome"] == "full"
    g.stop(blame=None)


@pytest.mark.parametrize("clerk", ["lives", "dies first"])
def test_what_a_dead_worker_held_is_told(start, clerk):
    """One line for each of its requests, by the id that its client has seen, and that nobody knows
    what became of it; the other worker's lines are as ever. So also by the clerk's successor."""
    m, gate = start(bed.Mock), Gate()
    g = start(bed.Gateway, gated(m, gate), env=bed.KEYS)
    children = g.children()
    before = g.chat("gen/before")  # its record left long before: it is not told again
    assert g.record(before)["outcome"] == "full"

    def kill():
        bed.wait_for(lambda: sum(w["requests_live"] for w in g.status()["workers"]) == 60)
        if clerk == "dies first":
            os.kill(children["clerk"], signal.SIGKILL)
        os.kill(children["worker 0"], signal.SIGKILL)
        bed.wait_for(lambda: not os.path.exists(f"/proc/{children['worker 0']}"))
        gate.open()

    async def run():
        async with gate:
            return await streams(g, "gate/held", 60, kill)

    answers, _ = asyncio.run(run())
    bed.wait_for(lambda: responds(g))
    lines = [g.record(a) for a in answers]  # one an answer
    crashed = [r for r in lines if r["outcome"] != "full"]
    assert [whole(a) for a in answers] == [r["outcome"] == "full" for r in lines]
    assert 0 < len(crashed) < 60
    for r in crashed:
        assert (r["outcome"], r["reason"], r["class"]) == ("failed", "crashed", "maybe-executed")
        assert (r["op"], r["status"], r["attempts"], r["stream"]) == ("chat", 0, 1, True)
        assert r["model"] == r["target"] == "gate/held"
        assert "unknown" in r["text"] and 0 < r["duration_ms"] < 30000
    assert len(g.records()) == 61
    assert sum(value for name, value in g.metrics().items() if "lamplighter_requests_total" in name
               and 'outcome="failed"' in name) == len(crashed)
    bed.wait_for(lambda: g.workers()[0] not in (0, children["worker 0"]))
    os.kill(g.workers()[0], signal.SIGKILL)  # it held nothing that is not told already
    bed.wait_for(lambda: crashes(g) == 2)
    g.stop(blame=None)
    assert len(g.records()) == 61


def test_a_request_that_had_not_reached_a_target(pair):
    """Its worker dies while the body comes in: nothing was executed, and the line does not say so
    either."""
    m, g = pair
    with wire.Conn(g.addr) as conn:
        conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{")
        bed.wait_for(lambda: sum(w["requests_live"] for w in g.status()["workers"]) == 1)
        for pid in g.workers():
            os.kill(pid, signal.SIGKILL)
        assert conn.read_end()[1] in ("fin", "reset")
    bed.wait_for(g.records)
    (r,) = g.records()
    assert (r["reason"], r["op"], r["attempts"]) == ("crashed", "chat", 0)
    assert "class" not in r and "target" not in r
    g.stop(blame=None)


def test_a_finished_request_is_told_once(start):
    """Workers die one after the other, with records in every stage: waiting for company, under way to
    the clerk, gone. Each request that a client saw the end of has its one line all the same."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="20s", workers=4), env=bed.KEYS)
    ids = []

    async def ask(n):
        answer = await wire.fetch(g.addr, request(f"gen/once;tokens={n % 4 + 1};gap=3ms"), 10)
        if answer.head:
            ids.append(answer["x-lamplighter-request-id"])

    async def rounds():
        await asyncio.to_thread(grown_up, g)
        for victim in g.workers():
            jobs = [asyncio.create_task(ask(n)) for n in range(90)]
            seen = len(ids)
            while len(ids) < seen + 10:
                await asyncio.sleep(0)
            os.kill(victim, signal.SIGKILL)
            await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(rounds())
    bed.wait_for(lambda: set(ids) <= {r["id"] for r in g.records()})
    told = [r["id"] for r in g.records()]
    assert len(told) == len(set(told))
    assert any(r["outcome"] == "full" for r in g.records())
    late = [r for r in g.records() if "behind the end" in json.dumps(r)]
    print(f"{len(told)} records, {len(late)} of them told by the board")
    assert all((r["outcome"], r["status"]) == ("full", 200) for r in late)
    g.stop(blame=None)
    assert len(g.records()) == len(told)


def responds(gateway):
    try:
        return wire.ask(gateway.admin, "GET", "/metrics", timeout=1).status == 200
    except OSError:
        return False


def test_a_stopped_worker_is_replaced(start):
    """Silent for 5 s, which are shorter here: killed and replaced, although it never died by
    itself."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr), env={**bed.KEYS, "LAMPLIGHTER_HURRY": "3"})
    victim = g.workers()[1]
    os.kill(victim, signal.SIGSTOP)
    bed.wait_for(lambda: g.workers()[1] not in (0, victim), 9, every=0.1)
    assert not os.path.exists(f"/proc/{victim}")
    for n in range(10):
        assert g.chat(f"gen/after{n}").status == 200
    g.stop(blame=None)


def test_sigterm_lets_answers_finish(pair):
    """No new connections, all that runs ends in order, status 0."""
    m, g = pair

    def stop():
        g.signal(signal.SIGTERM)
        bed.wait_for(lambda: "stopping" in g.said())
        bed.wait_for(lambda: refused(g.addr))

    answers, _ = asyncio.run(streams(g, "gen/drain;tokens=20;gap=50ms", 40, stop))
    assert all(whole(a) for a in answers)
    assert g.wait() == 0
    assert len([r for r in g.records() if r["outcome"] == "full"]) == 40
    g.stop()


def test_nothing_outlives_the_master(pair):
    """Killed, it takes its children along: a service manager may start anew at once."""
    m, g = pair
    pids = list(g.children().values())
    g.signal(signal.SIGKILL)
    g.wait()
    bed.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    g.stop(expected=-signal.SIGKILL)


def refused(addr):
    """Nobody listens there any more: neither a worker nor a queue in the kernel."""
    try:
        with socket.create_connection(wire.address(addr), timeout=1) as s:
            s.settimeout(0.5)
            s.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            return s.recv(1) == b""
    except (ConnectionError, TimeoutError):
        return True


def test_sigterm_to_the_whole_group(start):
    """As service managers and terminals send it: to every process at once."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="20s"), env=bed.KEYS)
    pids = [g.pid, *g.children().values()]

    def stop():
        for pid in pids:
            os.kill(pid, signal.SIGTERM)

    answers, _ = asyncio.run(streams(g, "gen/group;tokens=10;gap=50ms", 20, stop))
    assert all(whole(a) for a in answers)
    assert g.wait() == 0
    g.stop()


@pytest.mark.parametrize("args", [(), ("--single",)], ids=["processes", "single"])
def test_a_second_sigterm_ends_honestly(start, args):
    """Error events and unclean ends, at once, and status 0."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="60s"), *args, env=bed.KEYS)

    def stop():
        g.signal(signal.SIGTERM)
        bed.wait_for(lambda: status_or_none(g) is None or status_or_none(g)["draining"])
        g.signal(signal.SIGTERM)
        return time.monotonic()

    answers, at = asyncio.run(streams(g, "gen/twice;tokens=100000;gap=50ms", 20, stop))
    assert g.wait(10) == 0
    assert time.monotonic() - at < 5
    for answer in answers:
        assert answer.end == "cut" and b"[DONE]" not in answer.text
        last = json.loads(answer.events()[-1])
        assert last["lamplighter"]["reason"] == "draining"
    lines = [r for r in g.records() if r["model"].startswith("gen/twice")]
    assert [(r["reason"], r["outcome"]) for r in lines] == [("draining", "failed")] * 20
    g.stop()


def status_or_none(gateway):
    try:
        return gateway.status()
    except (OSError, ValueError):
        return None


def test_a_drain_that_takes_too_long_ends_honestly(start):
    """server.drain is the longest wait."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="1s"), env=bed.KEYS)
    answers, _ = asyncio.run(streams(g, "gen/slow;tokens=100000;gap=50ms", 5,
                                     lambda: g.signal(signal.SIGTERM)))
    assert g.wait(10) == 0
    for answer in answers:
        assert answer.end == "cut"
        assert json.loads(answer.events()[-1])["lamplighter"]["reason"] == "draining"
    g.stop()


def test_reload(pair):
    """A good configuration counts for new requests; a bad one changes nothing; no stream is
    cut by either."""
    m, g = pair
    conf = bed.basic(m.addr)
    gauge = "lamplighter_config_last_reload_successful"

    def reloads():
        assert g.chat("fresh").status == 404
        conf["models"] = {"fresh": {"targets": "gen/fresh"}}
        g.configure(conf)
        g.signal(signal.SIGHUP)
        bed.wait_for(lambda: "taken into use" in g.said())
        bed.wait_for(lambda: all(w["generation"] == 2 for w in g.status()["workers"]))
        assert g.chat("fresh").status == 200
        assert g.metrics()[gauge] == 1

        for bad in ("version: 1\nserver: {listen: nowhere}\n", "}{", "",
                    json.dumps({**conf, "unknown-key": 1})):
            g.configure(bad)
            seen = g.said().count("the old configuration stays")
            g.signal(signal.SIGHUP)
            bed.wait_for(lambda: g.said().count("the old configuration stays") > seen)
            bed.wait_for(lambda: g.metrics()[gauge] == 0)
            assert g.chat("fresh").status == 200
            assert g.status()["config"]["generation"] == 2
        return True

    answers, _ = asyncio.run(streams(g, "gen/reload;tokens=40;gap=50ms", 20, reloads))
    assert all(whole(a) for a in answers)


def test_reload_by_the_admin_port(pair):
    """The answer is the diagnosis."""
    m, g = pair
    conf = bed.basic(m.addr)
    conf["models"] = {"fresh": {"targets": "gen/fresh"}}

    def reload(headers=None):
        return wire.ask(g.admin, "POST", "/api/v1/reload", b"",
                        headers if headers is not None else {"x-lamplighter-admin": "1"})

    g.configure(conf)
    assert reload({"content-type": "text/plain"}).status == 403
    answer = reload()
    assert answer.status == 200 and answer.json()["ok"] is True
    bed.wait_for(lambda: g.chat("fresh").status == 200)
    g.configure({**conf, "providers": {"oai": {"type": "opanai"}}})
    answer = reload()
    assert answer.status == 422 and answer.json()["ok"] is False
    assert "opanai" in answer.json()["text"]
    assert g.metrics()["lamplighter_config_last_reload_successful"] == 0
    g.configure(conf)
    assert reload().status == 200
    assert g.metrics()["lamplighter_config_last_reload_successful"] == 1


def test_what_a_reload_does_not_take_is_said(binary, start):
    """One warning a key, at its place, to whoever asked and into the log; none when a key is what
    it was at the start. Engines keep the names that they were started under."""
    m = start(bed.Mock)
    engine = {"type": "vllm", "endpoints": "http://127.0.0.1:9",
              "engine": {"command": ["/bin/sleep", "600"]}}
    conf = bed.basic(m.addr)
    conf["providers"]["own"] = engine
    g = start(bed.Gateway, conf, env=bed.KEYS)
    bed.wait_for(lambda: g.status()["engines"][0]["pid"])
    first = g.status()["config"]["id"]

    def reload():
        """The answer to the command, and what it added to the log."""
        before = len(g.said())
        done = run(binary, "reload", "--admin", f"http://{g.admin}")
        assert done.returncode == 0, done
        return done.stdout + done.stderr, g.said()[before:]

    other = json.loads(json.dumps(conf))
    other["server"].update(listen="127.0.0.1:1", admin="127.0.0.1:2", workers=3, drain="6s")
    other["providers"] = {"another": engine, **bed.basic(m.addr)["providers"]}  # it is now first
    for now, keys in ((conf, []), (other, ["server.listen", "server.admin", "server.workers",
                                           "server.drain", "providers.another.engine",
                                           "providers.own.engine"]), (conf, [])):
        g.configure(now)
        lines = g.file.read_text().split("\n")
        for said in reload():
            warned = re.findall(r"W008\]: (\S+) is not what(?:.*\n +--> \S+:(\d+):)?", said)
            assert sorted(key for key, _ in warned) == sorted(keys)
            for key, line in warned:
                assert key == "providers.own.engine" or key.split(".")[-1] in lines[int(line) - 1]
    bed.wait_for(lambda: g.status()["config"]["id"] == first)
    g.configure(other)
    reload()
    bed.wait_for(lambda: g.status()["config"]["id"] != first)
    assert [e["provider"] for e in g.status()["engines"]] == ["own"]
    assert g.metrics()['lamplighter_engine_restarts_total{engine="0",provider="own"}'] == 0
    assert not any('provider="another"' in name for name in g.metrics())


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("where", ["before the head", "mid-stream", "in a whole answer"])
def test_a_client_that_leaves_cancels_its_request(pair, how, where):
    """Within 100 ms of its leaving the provider sees the connection end."""
    m, g = pair
    behaviour = {"before the head": "head=20s", "mid-stream": "tokens=100000;gap=5ms",
                 "in a whole answer": "head=20s"}[where]
    body = {"model": f"gen/leaver;{behaviour}", "messages": [],
            "stream": where != "in a whole answer"}
    with wire.Conn(g.addr) as conn:
        conn.send(wire.request("POST", CHAT, body))
        bed.wait_for(lambda: m.requests("leaver"))
        if where == "mid-stream":
            conn.read(until=lambda r: b"w000003" in r.body)
        at_ms = time.time() * 1000
        if how == "close":
            conn.close()
        elif how == "reset":
            conn.reset()
        else:
            conn.sock.shutdown(socket.SHUT_WR)
        (end,) = m.ends("leaver")
        if how == "half-close":
            assert conn.read_end()[1] in ("fin", "reset")
    assert end["how"] == "client_gone"
    took_ms = end["at_ms"] - at_ms
    print(f"cancelled after {took_ms:.0f} ms")
    assert took_ms < 1000  # 100 on an idle machine; the figure is printed
    record = g.record_of("gen/leaver")
    assert (record["outcome"], record["reason"]) == ("client_gone", "client-gone")
    assert g.status()["requests_live"] == 0 or bed.wait_for(
        lambda: g.status()["requests_live"] == 0)


def test_half_close_may_be_allowed(start):
    """client_half_close: allow. The client has no more to say, and waits."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, client_half_close="allow"), env=bed.KEYS)
    with wire.Conn(g.addr) as conn:
        conn.send(request("gen/half;ttft=300ms"))
        conn.sock.shutdown(socket.SHUT_WR)
        assert whole(conn.read())


def test_single(start):
    """One process does it all, and ends in order."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr), "--single", env=bed.KEYS)
    with open(f"/proc/{g.pid}/task/{g.pid}/children", encoding="ascii") as f:
        assert f.read() == ""
    assert g.record(g.chat("oai/one"))["outcome"] == "full"
    assert 'outcome="full"' in " ".join(g.metrics())
    bed.wait_for(lambda: g.metrics()['lamplighter_worker_requests_total{worker="0"}'] == 1)
    answers, _ = asyncio.run(streams(g, "gen/one;tokens=10;gap=30ms", 10,
                                     lambda: g.signal(signal.SIGTERM)))
    assert all(whole(a) for a in answers)
    assert g.wait() == 0


# ---- what it says when it cannot start ----

def run(binary, *args, **env):
    return subprocess.run([binary, *map(str, args)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **env}, check=False)


def test_exit_codes(binary, tmp_path):
    """2: used wrongly; 3: the configuration is wrong; 1: it cannot be done here."""
    for args in (("run", "--what"), ("run", "-c"), ("run", "--engine", "/bin/true"),
                 ("nonsense",), ("mock", "--what")):
        done = run(binary, *args)
        assert done.returncode == 2, (args, done)
        assert done.stderr and not done.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nprovider: {}\n")
    for command in ("run", "check"):
        done = run(binary, command, "-c", bad)
        assert done.returncode == 3, done
        assert "E012" in done.stderr + done.stdout and "providers" in done.stderr + done.stdout
    missing = run(binary, "run", "-c", tmp_path / "missing.yaml")
    assert missing.returncode in (1, 3) and "missing.yaml" in missing.stderr


@pytest.mark.parametrize("which", ["listen", "admin"])
def test_a_port_that_is_taken(binary, tmp_path, which):
    """Said clearly, with the address; also when the other one shares its port."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(("127.0.0.1", 0))
        s.listen()
        conf = bed.basic("127.0.0.1:9", **{which: f"127.0.0.1:{s.getsockname()[1]}"})
        file = tmp_path / "taken.yaml"
        file.write_text(json.dumps(conf))
        done = run(binary, "run", "-c", file, **bed.KEYS)
    assert done.returncode == 1, done
    assert conf["server"][which] in done.stderr
    assert "in use" in done.stderr


def drain(sock):
    """Read until it ends, one way or another."""
    try:
        while sock.recv(1 << 20):
            pass
    except OSError:
        pass


def test_a_request_that_crashed_a_worker_is_refused(start):
    """A worker that aborts while it works on an answer: that request, and no other, is refused by
    all workers from then on. One that is killed from outside proves nothing."""
    m = start(bed.Mock)
    g = start(bed.Gateway, bed.basic(m.addr, drain="20s", workers=6), env=bed.KEYS)
    grown_up(g)
    old = set(g.workers())  # whose replacement need not be waited for
    deadly = {"model": "gen/deadly;size=40M", "stream": True, "messages": []}

    def at_work(sig):
        """Four clients ask the same and read as fast as they can; a worker that serves them is
        ended in the middle."""
        readers = [socket.create_connection(wire.address(g.addr)) for _ in range(4)]
        for s in readers:
            s.sendall(wire.request("POST", CHAT, deadly))
        threads = [threading.Thread(target=drain, args=(s,)) for s in readers]
        for t in threads:
            t.start()
        busy = bed.wait_for(lambda: [w["pid"] for w in g.status()["workers"]
                                     if w["requests_live"] and w["pid"]])
        victim = next((pid for pid in busy if pid in old), busy[0])
        os.kill(victim, sig)
        for s in readers:
            s.shutdown(socket.SHUT_RDWR)
        for t in threads:
            t.join()
        for s in readers:
            s.close()
        bed.wait_for(lambda: victim not in g.workers() and 0 not in g.workers())

    at_work(signal.SIGKILL)
    assert "was at work on" not in g.said()
    for tries in range(40):
        at_work(signal.SIGABRT)
        if "was at work on one request when it crashed" in g.said():
            break
    print(f"{tries + 1} times aborted until it was at work")
    for _ in range(20):  # whichever worker it reaches
        refused = g.ask(CHAT, deadly)
        assert refused.status == 500 and refused["x-lamplighter-reason"] == "crashed-before"
        assert refused["x-should-retry"] == "false"
        assert b"defect of the gateway" in refused.body
        assert g.chat("gen/deadly").status == 200
    g.stop(blame=None)
