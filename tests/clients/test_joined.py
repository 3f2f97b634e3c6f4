"""An answer that another target has gone on with, read by every SDK: one text, whole, with its stop reason
and usage; the mark that the stream has more than its API knows does no harm."""
import pathlib

import pytest

import bed
import node_client
import sdks_python
from talks import talk
from test_matrix import NODE

SCRIPT = pathlib.Path(__file__).with_name("talks.mjs")
TEXT = "".join(f"w{i:06} " for i in range(12))
JOINED = ("openai.chat", "anthropic.messages", "gemini.generate")
CLIENTS = {**{name: speaks for name, (speaks, _) in sdks_python.CLIENTS.items()}, **NODE}
CLIENTS = {name: speaks for name, speaks in CLIENTS.items() if speaks in JOINED}


@pytest.fixture(scope="module")
def mock(binary, tmp_path_factory):
    place = tmp_path_factory.mktemp("mock")
    (place / "script").write_text("a.* => fault=cut,at=7\n")
    m = bed.Mock(binary, place, "--script", place / "script")
    yield m
    m.stop()


@pytest.fixture(scope="module")
def gateway(binary, mock, tmp_path_factory):
    conf = bed.basic(mock.addr)
    conf["providers"] |= {"two": bed.provider("vllm", mock.addr),
                          "goo": bed.provider("gemini", mock.addr, path="", key="env:OAI_KEY")}
    conf["models"] = {"m": {"targets": ["vllm/a.m", "two/b.m"]},
                      "g": {"targets": ["goo/a.m", "two/b.m"]}}
    g = bed.Gateway(binary, tmp_path_factory.mktemp("gateway"), conf, env=bed.KEYS)
    yield g
    g.stop()


@pytest.fixture(scope="module")
def node_sdks(request):
    started = node_client.NodeClient(request.getfixturevalue("node"), SCRIPT)
    yield started
    started.stop()


@pytest.mark.parametrize("client", CLIENTS)
def test_every_sdk_reads_it(request, gateway, client):
    base, asked, before = f"http://{gateway.addr}", talk("hi"), len(gateway.records())
    model = "g" if CLIENTS[client] == "gemini.generate" else "m"
    if client in sdks_python.CLIENTS:
        answers = sdks_python.CLIENTS[client][1](base, "any", model, asked, True)
    else:
        out = request.getfixturevalue("node_sdks").run(
            {"client": client, "base": base, "key": "any", "model": model, "talk": asked,
             "stream": True})
        assert "error" not in out, out
        answers = out["answers"]
    (answer,) = answers
    assert (answer["text"], answer["stop"]) == (TEXT, "end")
    assert answer["tokens"][0] > 0 and answer["tokens"][2] > 0
    bed.wait_for(lambda: len(gateway.records()) > before)
    assert [r["outcome"] for r in gateway.records()[before:]] == ["joined"]
