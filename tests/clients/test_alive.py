"""A model that thinks for long before its first word: until then each SDK's connection is kept alive by the
gateway, in a way that its dialect has for it, and no SDK takes that for a part of the answer. Go's are in
`make deep` alone."""
import concurrent.futures
import pathlib

import pytest

import bed
import node_client
import sdks_python
from talks import talk
from test_matrix import NODE

SCRIPT = pathlib.Path(__file__).with_name("talks.mjs")
TEXT = "".join(f"w{i:06} " for i in range(12))
CLIENTS = {**{name: speaks for name, (speaks, _) in sdks_python.CLIENTS.items()}, **NODE}
TARGETS = {"openai.chat": "vllm/x", "openai.responses": "vllm/x", "anthropic.messages": "vllm/x",
           "gemini.generate": "g"}  # a path has no place for a slash
THINKS_S = 13  # the head goes after 1.5 s, and a keep-alive 10 s later
HELLO = [{"role": "user", "content": "hi"}]
RAW = {  # path, body, and what comes before the answer
    "openai.chat": ("/v1/chat/completions", {"messages": HELLO}, b": keep-alive\n\n"),
    "openai.responses": ("/v1/responses", {"input": "hi"}, b": keep-alive\n\n"),
    "anthropic.messages": ("/v1/messages", {"messages": HELLO, "max_tokens": 99},
                           b'event: ping\ndata: {"type": "ping"}\n\n'),
    "gemini.generate": ("/v1beta/models/{}:streamGenerateContent?alt=sse",
                        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, b"\r\n\r\n"),
}


def raw(gateway, dialect, target):
    path, body, _ = RAW[dialect]
    if dialect != "gemini.generate":
        body = {"model": target, "stream": True, **body}
    return gateway.ask(path.format(target), body, timeout=30).text


def held(node_sdks, base, client):
    """What this SDK makes of it."""
    model, asked = TARGETS[CLIENTS[client]], talk("hi")
    if client in sdks_python.CLIENTS:
        return sdks_python.CLIENTS[client][1](base, "any", model, asked, True)
    out = node_sdks.run({"client": client, "base": base, "key": "any", "model": model, "talk": asked,
                         "stream": True})
    assert "error" not in out, out
    return out["answers"]


@pytest.fixture(scope="module")
def answers(request, binary, tmp_path_factory):
    """All of them wait at the same time."""
    place = tmp_path_factory.mktemp("alive")
    (place / "script").write_text(f"* => ttft={THINKS_S}s\n")
    mock = bed.Mock(binary, place, "--script", place / "script")
    conf = bed.basic(mock.addr)
    conf["providers"]["goo"] = bed.provider("gemini", mock.addr, path="", key="env:OAI_KEY")
    conf["models"] = {"g": {"targets": ["goo/x"]}}
    conf["defaults"]["timeout"]["adaptive"] = False
    gateway = bed.Gateway(binary, place, conf, env=bed.KEYS)
    node_sdks = node_client.NodeClient(request.getfixturevalue("node"), SCRIPT)
    with concurrent.futures.ThreadPoolExecutor(len(CLIENTS) + len(RAW)) as pool:
        asked = {name: pool.submit(held, node_sdks, f"http://{gateway.addr}", name) for name in CLIENTS}
        asked |= {name: pool.submit(raw, gateway, name, TARGETS[name]) for name in RAW}
    yield asked
    node_sdks.stop()
    gateway.stop()
    mock.stop()


@pytest.mark.parametrize("client", CLIENTS)
def test_no_sdk_minds_it(answers, client):
    (answer,) = answers[client].result()
    assert (answer["text"], answer["stop"]) == (TEXT, "end")


@pytest.mark.parametrize("dialect", RAW)
def test_it_stands_before_the_answer(answers, dialect):
    text = answers[dialect].result()
    assert text.startswith(RAW[dialect][2]), text[:200]
