"""What the sessions of a pool of engines take, and whether any one failure domain may die: in status and in the
metrics, as requests come and go and as engines say."""
import contextlib
import os
import signal
import threading

import pytest

import bed
from pages import Engine, command, healthy

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def event(delta, finish="null"):
    return (f'data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,'
            f'"delta":{delta},"finish_reason":{finish}}}]}}\n\n').encode()


class Talker(Engine):
    """An engine that says `words` words, then waits to be let go."""

    def __init__(self, pages):
        self.go, self.words = threading.Event(), 40
        super().__init__(pages)

    def page(self, request):
        return self.talk() if request.method == "POST" else super().page(request)

    def talk(self):
        yield HEAD + event('{"role":"assistant","content":""}')
        for _ in range(self.words):
            yield event('{"content":"word "}')
        self.go.wait(10)
        yield event("{}", '"stop"') + b"data: [DONE]\n\n"

    def close(self):
        self.go.set()
        super().close()


def page(used=0.0, blocks=1000):
    return healthy(f'vllm:num_requests_running 1\nvllm:kv_cache_usage_perc {used}\n'
                   f'vllm:cache_config_info{{block_size="16",num_gpu_blocks="{blocks}"}} 1.0\n')


def configured(engines, domains):
    conf = bed.basic("127.0.0.1:9")
    conf["providers"] = {"pool": {"type": "vllm", "poll": "250ms", "endpoints": [
        {"url": e.url("/v1"), **({"domain": d} if d else {})} for e, d in zip(engines, domains)]}}
    conf["models"] = {"m": {"targets": "pool/m"}}
    return conf


def pool(g):
    return g.status()["pools"][0]


@pytest.fixture
def engines():
    both = [Talker(page()), Talker(page())]
    yield both
    for e in both:
        e.close()


def test_sessions_are_in_the_ledger_while_they_are_there(binary, tmp_path, engines):
    g = bed.Gateway(binary, tmp_path, configured(engines, [None, None]))
    try:
        bed.wait_for(lambda: pool(g)["n1"] == "ok")
        assert pool(g) == {"provider": "pool", "n1": "ok", "lost_domain": None, "lost_tokens": 0, "endpoints": 2,
                           "serving": 2, "domains": 2, "kv_tokens": 32000, "kv_reserved_tokens": 0,
                           "kv_now_tokens": 0, "kv_foreign_tokens": 0, "sessions": 0, "covered": None}
        asked = threading.Thread(target=g.chat, args=("m", True), kwargs={"max_tokens": 100})
        asked.start()
        bed.wait_for(lambda: pool(g)["kv_now_tokens"] >= 32)  # half of its words, and more
        row = pool(g)
        assert row["sessions"] == 1 and 100 < row["kv_reserved_tokens"] < 200 and row["kv_now_tokens"] < 100
        assert sum(e["kv_reserved_tokens"] for e in g.status()["endpoints"]) == row["kv_reserved_tokens"]
        metrics = g.metrics()
        assert metrics['lamplighter_pool_sessions{provider="pool"}'] == 1
        assert metrics['lamplighter_pool_kv_reserved_tokens{provider="pool"}'] == row["kv_reserved_tokens"]
        assert metrics['lamplighter_pool_n1{provider="pool",state="ok"}'] == 1
        for e in engines:
            e.go.set()
        asked.join()
        bed.wait_for(lambda: pool(g)["sessions"] == 0)
        row = pool(g)
        assert row["kv_reserved_tokens"] == row["kv_now_tokens"] == 0 and row["covered"] == 1
        assert g.metrics()['lamplighter_pool_sessions_ended_total{provider="pool"}'] == 1
    finally:
        g.stop()


def test_a_session_goes_with_its_worker(binary, tmp_path, engines):
    g = bed.Gateway(binary, tmp_path, configured(engines, [None, None]))
    try:
        bed.wait_for(lambda: pool(g)["n1"] == "ok")
        def ask():
            with contextlib.suppress(OSError):
                g.chat("m", True)

        asked = threading.Thread(target=ask)
        asked.start()
        bed.wait_for(lambda: pool(g)["sessions"] == 1)
        for worker in g.workers():
            os.kill(worker, signal.SIGKILL)
        bed.wait_for(lambda: pool(g)["sessions"] == 0 and pool(g)["kv_reserved_tokens"] == 0)
        asked.join()
    finally:
        g.stop(blame=None)


def test_whether_it_would_survive_is_told(binary, tmp_path, engines):
    g = bed.Gateway(binary, tmp_path, configured(engines, ["rack-1", "rack-2"]))
    try:
        bed.wait_for(lambda: pool(g)["n1"] == "ok")
        engines[1].pages = page(used=0.99)  # of others
        engines[0].pages = page(used=0.5)
        bed.wait_for(lambda: pool(g)["n1"] == "not")
        assert "  not  " in command(binary, g, "status")
        assert pool(g)["lost_domain"] in ("rack-1", "rack-2")
        engines[1].pages = healthy("vllm:num_requests_running 1\n")  # it does not say what it holds
        bed.wait_for(lambda: pool(g)["n1"] == "unknown")
        engines[1].pages, engines[0].pages = page(), page()
        bed.wait_for(lambda: pool(g)["n1"] == "ok")
        engines[1].close()
        bed.wait_for(lambda: pool(g)["n1"] == "unprotected")  # one is left
        assert pool(g)["serving"] == 1
    finally:
        g.stop()


def test_a_pool_of_one_domain_is_unprotected(binary, tmp_path, engines):
    g = bed.Gateway(binary, tmp_path, configured(engines, ["rack-1", "rack-1"]))
    try:
        bed.wait_for(lambda: pool(g)["serving"] == 2)
        assert pool(g)["n1"] == "unprotected" and pool(g)["domains"] == 1
        assert g.metrics()['lamplighter_pool_n1{provider="pool",state="unprotected"}'] == 1
    finally:
        g.stop()
