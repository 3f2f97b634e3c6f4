"""The engine itself, without Lamplighter: when this fails, no other engine test means much."""
import socket
import subprocess
import time

import httpx
import pytest


@pytest.fixture(scope="module")
def llama(engine):
    server, model = engine
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(
        [server, "-m", model, "-a", "smollm2", "--port", str(port), "-c", "1024"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 50
        while time.monotonic() < deadline:
            assert process.poll() is None, "llama-server died while loading"
            try:
                if httpx.get(url + "/health").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def test_it_answers_a_chat(llama):
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    answer = httpx.post(llama + "/v1/chat/completions", json=body, timeout=30).json()
    assert answer["model"] == "smollm2"
    assert answer["choices"][0]["message"]["content"]
    assert 1 <= answer["usage"]["completion_tokens"] <= 8
