"""The fault matrix, rows 43 and 45 to 47: what operators change while streams of every dialect run. A reload, a
stop, broken configurations, certificates and keys: no answer is cut, and what is new counts for what is new."""
import asyncio
import itertools
import json
import re
import signal
import ssl
import subprocess

import pytest

import bed
import matrix
import pki
import wire
from asks import WORDS

STREAMS = 2000 if matrix.DEEP else 120
WAYS = [matrix.Way(client, target, "sse") for client in matrix.CLIENTS for target in matrix.TARGETS]


def configuration(mock, more=None, **server):
    conf = bed.basic(mock.addr, drain="60s", **server)
    conf["defaults"]["timeout"]["total"] = "60s"
    conf["providers"] = matrix.providers(mock.addr)
    conf["models"] = {f"slow-{target}": {"targets": f"{target}/slow;gap=250ms"} for target in matrix.TARGETS} | {
        f"m-{target}": {"targets": f"{target}/m"} for target in matrix.TARGETS} | (more or {})
    return conf


def reload(binary, gateway):
    return subprocess.run([binary, "reload", "--admin", f"http://{gateway.admin}"], capture_output=True,
                          text=True, timeout=60, check=False)


async def run_streams(gateway, count, then):
    """So many streams; when each has begun, then() is called beside them. [(way, answer)]"""
    begun, ready = set(), asyncio.Event()

    def watch(n):
        def on_data(reader):
            if reader.status and n not in begun and b"w000000" in reader.body:
                begun.add(n)
                if len(begun) == count:
                    ready.set()
        return on_data

    async def one(n):
        way = WAYS[n % len(WAYS)]
        path, body = way.question(f"slow-{way.target}")
        return way, await wire.fetch(gateway.addr, wire.request("POST", path, body), 90, on_data=watch(n))

    jobs = [asyncio.create_task(one(n)) for n in range(count)]
    async with asyncio.timeout(60):
        await ready.wait()
    await asyncio.to_thread(then)
    return await asyncio.gather(*jobs)


def all_whole(answers):
    for way, answer in answers:
        assert (answer.status, answer.end) == (200, "whole"), (str(way), answer)
        assert way.text_of(answer) == WORDS and matrix.ended(way, answer), (str(way), answer)


@pytest.mark.timeout(180)
def test_a_reload_and_a_stop_under_streams(start, mock):
    """Row 43, without the upgrade."""
    gateway = start(bed.Gateway, configuration(mock), env=bed.KEYS)

    def change():
        gateway.configure(configuration(mock, {"new": {"targets": "chat/m"}}))
        gateway.signal(signal.SIGHUP)
        bed.wait_for(lambda: gateway.chat("new").status == 200, 20, 0.05)
        gateway.signal(signal.SIGTERM)

    all_whole(asyncio.run(run_streams(gateway, STREAMS, change)))
    assert gateway.wait(60) == 0
    outcomes = [r["outcome"] for r in gateway.records() if r.get("model", "").startswith("slow-")]
    assert outcomes == ["full"] * STREAMS
    gateway.stop()


def broken(conf, place):
    """{what is wrong: (text, what is said of it)}"""
    good = json.dumps(conf, indent=1)
    missing = json.loads(good)
    missing["providers"]["chat"]["key"] = f"file:{place}/nothing-there"
    variable = json.loads(good)
    variable["providers"]["chat"]["key"] = "env:NO_SUCH_VARIABLE"
    target = json.loads(good)
    target["models"]["m-chat"]["targets"] = "nobody/m"
    none = json.loads(good)
    none["models"]["m-chat"]["targets"] = []
    number = json.loads(good)
    number["server"]["limits"] = {"body": "many"}
    return {"syntax": (good.replace("{", "}{", 1), "E004"), "half a file": (good[:len(good) // 2], "E0"),
            "an unknown key": (good.replace('"targets"', '"blunder"', 1), "blunder"), "nothing": ("", "E0"),
            "no key file": (json.dumps(missing, indent=1), "nothing-there"),
            "no variable": (json.dumps(variable, indent=1), "NO_SUCH_VARIABLE"),
            "an unknown target": (json.dumps(target, indent=1), "nobody"),
            "no target": (json.dumps(none, indent=1), "targets"), "no size": (json.dumps(number, indent=1), "many")}


def test_broken_configurations_under_streams(binary, start, mock, place):
    """Row 45: refused with their place; the old one serves on, and no stream notices."""
    conf = configuration(mock)
    gateway = start(bed.Gateway, conf, env=bed.KEYS)
    first, ways = gateway.status()["config"], itertools.cycle(WAYS)

    def change():
        for what, (text, words) in broken(conf, place).items():
            gateway.configure(text)
            run = reload(binary, gateway)
            assert run.returncode == 1 and words in run.stderr, (what, run)
            assert what == "nothing" or re.search(r":\d+:", run.stderr), (what, run)
            assert gateway.metrics()["lamplighter_config_last_reload_successful"] == 0
            assert gateway.status()["config"] == {**gateway.status()["config"], "id": first["id"],
                                                  "generation": first["generation"]}
            way = next(ways)
            answer = matrix.ask(gateway, way, f"m-{way.target}")
            assert answer.status == 200, (what, str(way), answer)

    all_whole(asyncio.run(run_streams(gateway, len(WAYS), change)))
    gateway.configure(conf)
    assert reload(binary, gateway).returncode == 0
    assert gateway.metrics()["lamplighter_config_last_reload_successful"] == 1


# ---- certificates ----

NAMES = ["DNS:localhost", "IP:127.0.0.1"]


class TlsConn(wire.Conn):
    def __init__(self, addr, authority):
        super().__init__(addr, 30)
        context = ssl.create_default_context(cafile=authority.cert)
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.certificate = self.sock.getpeercert(binary_form=True)


def served(gateway, authority):
    with TlsConn(gateway.addr, authority) as conn:
        return conn.certificate


def test_certificates_change_under_streams(binary, start, mock, place):
    """Row 46."""
    authority = pki.Authority(place, "clients")
    pair, new, other = (authority.issue(name, NAMES) for name in ("pair", "new", "other"))
    old_pem, new_pem = (ssl.PEM_cert_to_DER_cert(p.cert.read_text()) for p in (pair, new))
    gateway = start(bed.Gateway, configuration(mock, tls=pair.tls), env=bed.KEYS)
    live = []
    for way in matrix.draw("certificates", ("sse",)):
        conn = TlsConn(gateway.addr, authority)
        conn.send(wire.request("POST", *way.question(f"slow-{way.target}")))
        part = conn.read(until=lambda reader: reader.status and b"w000000" in reader.body)
        live.append((way, conn, part))
    pair.become(new)
    assert reload(binary, gateway).returncode == 0
    bed.wait_for(lambda: {served(gateway, authority) for _ in range(8)} == {new_pem}, 10)  # each worker, in its time
    pair.key.write_bytes(other.key.read_bytes())  # of another certificate
    run = reload(binary, gateway)
    assert run.returncode == 1 and "does not belong" in run.stderr
    assert {served(gateway, authority) for _ in range(4)} == {new_pem} != {old_pem}
    for way, conn, part in live:
        while not part.reader.done:
            data = conn.sock.recv(65536)
            assert data, str(way)
            part.reader.feed(data)
        assert way.text_of(part) == WORDS and matrix.ended(way, part)
        conn.send(wire.request("POST", *way.question(f"m-{way.target}")))  # the old connection lives on
        assert conn.read().status == 200
        conn.close()


# ---- keys of providers ----

OLD, NEW = ("sk-" + letter * 8 + "-rotated-canary" for letter in "on")


def test_a_key_changes_under_streams(binary, tmp_path):
    """Row 47: what is under way ends with the old key, what comes has the new one: the provider has revoked the
    old one. Neither is written anywhere."""
    key, script = tmp_path / "key", tmp_path / "script"
    key.write_text(OLD + "\n")
    script.write_text("model=late* key=*oooooooo* => status=401,kind=invalid_api_key\n")
    mock = bed.Mock(binary, tmp_path, "--script", script, name="keys")
    conf = configuration(mock)
    conf["models"] |= {f"late-{target}": {"targets": f"{target}/late"} for target in matrix.TARGETS}
    for row in conf["providers"].values():
        row["key"] = f"file:{key}"
    gateway = bed.Gateway(binary, tmp_path, conf)
    try:
        def change():
            key.write_text(NEW + "\n")
            run = reload(binary, gateway)
            assert run.returncode == 0, run.stderr
            for way in matrix.draw("keys"):
                answer = matrix.ask(gateway, way, f"late-{way.target}")
                assert answer.status == 200, (str(way), answer)

        all_whole(asyncio.run(run_streams(gateway, len(WAYS), change)))
        said = gateway.out.read_bytes() + gateway.err.read_bytes()
        assert OLD.encode() not in said and NEW.encode() not in said
    finally:
        gateway.stop()
        mock.stop()
