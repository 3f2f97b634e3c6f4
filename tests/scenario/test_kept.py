"""An answer that a provider keeps is gone on from, read and deleted where it is kept."""
import json

import pytest

import bed
import peers

RESPONSES = "/v1/responses"


def keeper(name):
    """A provider that makes answers whose ids say whose they are."""
    def serve(request):
        if request.method != "POST":
            return peers.answer(200, {"id": "x", "object": "response", "by": name})
        body = json.loads(request.body)
        return peers.answer(200, {
            "id": f"resp_{name}", "object": "response", "status": "completed",
            "model": body["model"], "output": [], "store": True, "created_at": 1, "error": None,
            "previous_response_id": body.get("previous_response_id")})
    return peers.Provider(serve)


@pytest.fixture
def two(start):
    """A model that either provider serves first, and one that only the second does."""
    with keeper("a") as a, keeper("b") as b:
        conf = bed.basic("127.0.0.1:9", workers=2)
        conf["providers"] = {
            name: {"type": "openai", "endpoints": server.url("/v1"), "private": True,
                   "key": "env:OAI_KEY"} for name, server in (("a", a), ("b", b))}
        conf["providers"]["ant"] = bed.provider("anthropic", "127.0.0.1:9", path="",
                                                key="env:ANT_KEY")
        conf["models"] = {"both": {"targets": ["a/m", "b/m"]}, "second": {"targets": ["b/m"]},
                          "first": {"targets": ["a/m"]}}
        yield start(bed.Gateway, conf, env=bed.KEYS), a, b


def test_it_is_gone_on_from_where_it_is_kept(two):
    """The model's first target is another one; each request may come to either worker."""
    gateway, a, b = two
    answer = gateway.ask(RESPONSES, {"model": "second", "input": "hi", "store": True})
    assert answer.status == 200 and answer.json()["id"] == "resp_b"
    assert json.loads(b.requests[-1].body)["store"] is True
    for _ in range(8):
        answer = gateway.ask(RESPONSES, {"model": "both", "input": "more",
                                         "previous_response_id": "resp_b"})
        assert answer.status == 200 and answer["x-lamplighter-target"] == "b/m"
    assert json.loads(b.requests[-1].body)["previous_response_id"] == "resp_b"
    assert not a.requests


def test_a_stream_is_remembered_too(start, binary, place):
    """The model's first target is one that nobody listens at."""
    mock = bed.Mock(binary, place, "--log-bodies")
    try:
        conf = bed.basic(mock.addr, workers=2)
        conf["providers"]["other"] = {"type": "openai", "endpoints": "http://127.0.0.1:9/v1",
                                      "private": True, "key": "env:OAI_KEY"}
        conf["models"] = {"both": {"targets": ["other/m", "oai/m"]}}
        gateway = start(bed.Gateway, conf, env=bed.KEYS)
        answer = gateway.ask(RESPONSES, {"model": "oai/m", "input": "hi", "stream": True})
        assert answer.status == 200
        made = json.loads(answer.text.split(b"data: ")[1].split(b"\n")[0])["response"]["id"]
        again = gateway.ask(RESPONSES, {"model": "both", "input": "more",
                                        "previous_response_id": made})
        assert again.status == 200 and again["x-lamplighter-target"] == "oai/m"
    finally:
        mock.stop()


def test_a_model_without_its_keeper_is_refused(two):
    gateway, a, b = two
    assert gateway.ask(RESPONSES, {"model": "second", "input": "hi"}).status == 200
    answer = gateway.ask(RESPONSES, {"model": "first", "input": "more",
                                     "previous_response_id": "resp_b"})
    assert (answer.status, answer["x-lamplighter-reason"]) == (400, "cannot-say")
    assert answer.json()["error"]["message"].startswith("previous_response_id: ")
    assert not a.requests and len(b.requests) == 1


def test_what_nobody_remembers_goes_where_it_would_have_gone(two):
    gateway, a, _ = two
    answer = gateway.ask(RESPONSES, {"model": "both", "input": "more",
                                     "previous_response_id": "resp_unknown"})
    assert answer.status == 200 and answer["x-lamplighter-target"] == "a/m"
    assert json.loads(a.requests[-1].body)["previous_response_id"] == "resp_unknown"


@pytest.mark.parametrize("method, rest", (("GET", ""), ("DELETE", ""), ("GET", "/input_items"),
                                          ("GET", "?include=x")))
def test_its_url_leads_to_its_keeper(two, method, rest):
    """No provider is pinned by the configuration."""
    gateway, a, b = two
    assert gateway.ask(RESPONSES, {"model": "second", "input": "hi"}).status == 200
    for _ in range(4):
        answer = gateway.ask(f"{RESPONSES}/resp_b{rest}", method=method)
        assert answer.status == 200 and answer.json()["by"] == "b"
    assert b.requests[-1].path == f"/v1/responses/resp_b{rest}"
    assert b.requests[-1].method == method and not a.requests
    answer = gateway.ask(f"{RESPONSES}/resp_other", method=method)
    assert (answer.status, answer["x-lamplighter-reason"]) == (404, "unknown-path")


@pytest.mark.parametrize("more, place", (
    ({"previous_response_id": "resp_b"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"input": [{"role": "user", "content": "hi"}, {"type": "item_reference", "id": "m"}]},
     "input[1]")))
def test_across_dialects_there_is_nothing_to_go_on_from(two, more, place):
    gateway, _, _ = two
    answer = gateway.ask(RESPONSES, {"model": "ant/m", "input": "more", **more})
    assert (answer.status, answer["x-lamplighter-reason"]) == (400, "cannot-say")
    assert answer.json()["error"]["message"].startswith(f"{place}: ant/m cannot be asked")
