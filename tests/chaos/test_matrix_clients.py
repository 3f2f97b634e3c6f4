"""The fault matrix, row 34: clients of every dialect leave, in every way, while their request waits, while its
answer is thought of, and while it is told. What was asked for is cancelled, and nothing is held any more."""
import contextlib
import json
import time

import h2.config
import h2.connection
import pytest

import bed
import matrix
import wire
from matrix import draw

SECONDS = 1.0  # 0.1 on an idle machine; the figure is printed
QUEUED, THINKING, SPEAKING = "in the queue", "before the answer", "in the answer"
HOW = ("close", "reset", "stream reset")
# Model, and what the mock does.
STAGES = {QUEUED: "queue", THINKING: "think;head=20s", SPEAKING: "speak;tokens=100000;gap=5ms"}


def slug(stage):
    return stage.replace(" ", "-")


@pytest.fixture(scope="module")
def gateway(binary, place, mock):
    conf = bed.basic(mock.addr)
    conf["defaults"] |= {"breaker": True, "timeout": {**conf["defaults"]["timeout"], "total": "10m"}}
    conf["providers"] = matrix.providers(mock.addr)
    names = [f"{slug(stage)}-{how.replace(' ', '-')}" for stage in STAGES for how in HOW]
    conf["models"] = {
        f"{name}-{target}": {"targets": f"{target}/{name}-{target};{STAGES[stage].partition(';')[2]}",
                             "retry": {"wait_up_to": "20s"}}
        for target in matrix.TARGETS
        for name, stage in zip(names, [stage for stage in STAGES for _ in HOW]) if stage != QUEUED} | {
        # who is told to come again soon waits for it
        f"{slug(QUEUED)}-{how.replace(' ', '-')}-{target}": {
            "targets": f"{target}/{slug(QUEUED)}-{how.replace(' ', '-')}-{target};status=429;retry-after=300;retry-after-ms=none",
            "retry": {"wait_up_to": "10m"}}
        for target in matrix.TARGETS for how in HOW}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()
    matrix.said_nothing(g)


class Client:
    """A request on a connection of its own, and how its sender leaves."""

    def __init__(self, gateway, way, model, how):
        self.how, self.conn = how, wire.Conn(gateway.addr)
        path, body = way.question(model)
        if how != "stream reset":
            self.conn.send(wire.request("POST", path, body))
            return
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.h2.initiate_connection()
        data = json.dumps(body).encode()
        self.h2.send_headers(1, [(":method", "POST"), (":path", path), (":scheme", "http"),
                                 (":authority", "localhost"), ("content-type", "application/json"),
                                 ("content-length", str(len(data)))])
        self.h2.send_data(1, data, end_stream=True)
        self.conn.send(self.h2.data_to_send())

    def until_text(self):
        if self.how != "stream reset":
            self.conn.read(until=lambda reader: b"w000003" in reader.body)
            return
        seen = b""
        while b"w000003" not in seen:
            data = self.conn.sock.recv(65536)
            assert data
            seen += data
            self.h2.receive_data(data)
            self.conn.send(self.h2.data_to_send())

    def leave(self):
        if self.how == "stream reset":
            self.h2.reset_stream(1, 8)
            self.conn.send(self.h2.data_to_send())
        elif self.how == "reset":
            self.conn.reset()
        else:
            self.conn.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.conn.close()


def begun(mock, stage, model, client):
    """The request is where it is to be left."""
    bed.wait_for(lambda: mock.requests(model))
    if stage == SPEAKING:
        client.until_text()
    if stage == QUEUED:  # the refusal has been heard, and is waited for
        mock.ends(model)
        time.sleep(0.1)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("stage", STAGES)
def test_a_client_leaves(gateway, mock, stage, how):
    pids, took = gateway.workers(), []
    for way in draw(f"{stage} {how}", ("sse",) if stage == SPEAKING else ("sse", "json")):
        model = f"{slug(stage)}-{how.replace(' ', '-')}-{way.target}"
        before = len(mock.requests(model))
        ends = len(mock.log(model, "end"))
        seen = len(gateway.records())
        client = Client(gateway, way, model, how)
        try:
            if stage != QUEUED or not before:  # else it waits unasked
                bed.wait_for(lambda: len(mock.requests(model)) > before)
            begun(mock, stage, model, client)
            left = time.time()
            client.leave()
            bed.wait_for(lambda: len(gateway.records()) > seen)
            took.append(time.time() - left)
            (record,) = gateway.records()[seen:]
            assert (record["outcome"], record["reason"]) == ("client_gone", "client-gone"), (str(way), record)
            assert record["attempts"] == (0 if stage == QUEUED and before else 1), (str(way), before, mock.requests(model), record)
            if stage != QUEUED:
                end = mock.ends(model, ends + 1)[-1]
                assert end["how"] == "client_gone", (str(way), end)
                took.append(end["at_ms"] / 1000 - left)
            else:
                assert len(mock.requests(model)) == 1
        finally:
            client.close()
    print(f"cancelled within {1000 * max(took):.0f} ms")
    assert max(took) < SECONDS
    bed.wait_for(lambda: gateway.status()["requests_live"] == 0)
    assert gateway.workers() == pids
