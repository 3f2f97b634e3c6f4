"""What a real engine says of itself: while it loads, at rest, at work and when it is gone."""
import concurrent.futures

import httpx
import pytest

import llama
import serving

pytestmark = pytest.mark.timeout(240)


def test_a_real_engine_is_known(binary, engine, tmp_path):
    """Its slots' contexts are its capacity, and what it reads and says fills them."""
    gateway = None
    server = llama.Llama(engine, tmp_path, "first")

    def row():
        found, = gateway.status()["endpoints"]
        return found

    def ask():
        return httpx.post(f"{gateway.base}/v1/chat/completions", timeout=120, json={
            "model": llama.MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": "Tell me a story."}]})

    try:
        gateway = serving.Gateway(binary, tmp_path, llama.configuration([server.endpoint]))
        serving.wait_for(lambda: row()["state"] == "ready", llama.READY_SECONDS_MAX)
        rests = serving.wait_for(lambda: (r := row())["kv_tokens"] and r, 5)
        assert rests["kv_tokens"] == 1024 and rests["kv_used_tokens"] == rests["running"] == rests["waiting"] == 0
        with concurrent.futures.ThreadPoolExecutor(3) as pool:  # it has two slots
            answers = [pool.submit(ask) for _ in range(3)]
            works = serving.wait_for(lambda: (r := row())["waiting"] and r["kv_used_tokens"] and r, 60)
            assert (works["running"], works["waiting"]) == (2, 1) and 0 < works["kv_share"] < 1
            assert all(a.result().status_code == 200 for a in answers)
        serving.wait_for(lambda: row()["running"] == row()["kv_used_tokens"] == 0, 10)
        server.kill()
        serving.wait_for(lambda: row()["state"] == "down", 10)
    finally:
        if gateway:
            gateway.stop()
        server.kill()
