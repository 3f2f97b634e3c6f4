"""An answer that another target has gone on with, read by every SDK: one text, whole, with its stop reason
and usage; the mark that the stream has more than its API knows does no harm."""
import pathlib

import anthropic
import pytest

import bed
import node_client
import sdks_python
from talks import talk
from test_matrix import NODE

SCRIPT = pathlib.Path(__file__).with_name("talks.mjs")
TEXT = "".join(f"w{i:06} " for i in range(12))
CLIENTS = {**{name: speaks for name, (speaks, _) in sdks_python.CLIENTS.items()}, **NODE}
FALLBACK = "server-side-fallback-2026-07-01" # with it a client of Anthropic's knows of such a block


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


def announced(gateway, node_sdks, sdk):
    """The blocks of an answer that was gone on with, for a client that knows of the API's own one."""
    asked = {"model": "m", "max_tokens": 99, "betas": [FALLBACK], "fallbacks": [{"model": "other"}],
             "messages": [{"role": "user", "content": "hi"}]}
    base = f"http://{gateway.addr}"
    if sdk == "python":
        with anthropic.Anthropic(api_key="any", base_url=base, **sdks_python.MORE) as client, \
                client.beta.messages.stream(**asked) as stream:
            whole = stream.get_final_message().to_dict(warnings=False) # of a word that it does not know
    else:
        out = node_sdks.call("anthropic", base, "any", "beta.messages.stream", asked)
        assert "error" not in out, out
        whole = out["final"]
    return whole


@pytest.fixture(scope="module")
def plain_node(request):
    started = node_client.NodeClient(request.getfixturevalue("node"))
    yield started
    started.stop()


@pytest.mark.parametrize("sdk", ["python", "node"])
def test_a_block_says_who_goes_on(gateway, plain_node, sdk):
    whole = announced(gateway, plain_node, sdk)
    first, block, rest = whole["content"]
    assert [b["type"] for b in (first, block, rest)] == ["text", "fallback", "text"]
    assert first["text"] + rest["text"] == TEXT and first["text"] and rest["text"]
    assert (block["from"], block["to"]) == ({"model": "m"}, {"model": "b.m"})
    assert block["trigger"] == {"type": "interrupted"}
    assert whole["stop_reason"] == "end_turn" and whole["usage"]["output_tokens"] > 0
