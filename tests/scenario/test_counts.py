"""How many tokens a prompt has: asked in one dialect, told by a target of another, or by nobody."""
import json

import pytest

import bed
import peers

SYSTEM, TEXT = "be brief", "how many?"
SCHEMA = {"type": "object", "properties": {}}
MODELS = "/v1beta/models/"
# Past what a double holds: the number passes as it is spelled.
COUNT = 9007199254740993

# Of each dialect: the path with %s for the model, what is asked, and how the answer says it.
ASKED = {
    "ant": ("/v1/messages/count_tokens",
            {"system": SYSTEM, "messages": [{"role": "user", "content": TEXT}],
             "tools": [{"name": "f", "input_schema": SCHEMA}]},
            {"input_tokens": COUNT}),
    "goo": (MODELS + "%s:countTokens",
            {"generateContentRequest": {
                "model": "models/x", "contents": [{"parts": [{"text": TEXT}]}],
                "systemInstruction": {"parts": [{"text": SYSTEM}]},
                "tools": [{"functionDeclarations": [
                    {"name": "f", "parametersJsonSchema": SCHEMA}]}]}},
            {"totalTokens": COUNT}),
    "oai": ("/v1/responses/input_tokens",
            {"instructions": SYSTEM, "input": TEXT,
             "tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}]},
            {"object": "response.input_tokens", "input_tokens": COUNT}),
}
# What a target is sent by a client of another dialect; %s: the model.
SENT = {
    "ant": ("/v1/messages/count_tokens",
            {"model": "m", "system": [{"type": "text", "text": SYSTEM}],
             "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}],
             "tools": [{"name": "f", "input_schema": SCHEMA}]}),
    "goo": (MODELS + "m:countTokens",
            {"generateContentRequest": {
                "model": "models/m", "contents": [{"role": "user", "parts": [{"text": TEXT}]}],
                "systemInstruction": {"parts": [{"text": SYSTEM}]},
                "tools": [{"functionDeclarations": [
                    {"name": "f", "parametersJsonSchema": SCHEMA}]}],
                "generationConfig": {}}}),
    "ver": ("/v1/projects/p/locations/r/publishers/google/models/m:countTokens",
            {"contents": [{"role": "user", "parts": [{"text": TEXT}]}],
             "systemInstruction": {"parts": [{"text": SYSTEM}]},
             "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
             "generationConfig": {}}),
    "oai": ("/v1/responses/input_tokens",
            {"model": "m", "instructions": SYSTEM,
             "input": [{"type": "message", "role": "user",
                        "content": [{"type": "input_text", "text": TEXT}]}],
             "tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}]}),
}


def counted(request):
    for path, _, answer in ASKED.values():
        if request.path.partition("?")[0].endswith(path.rpartition("%s")[2]):
            return peers.answer(200, answer)
    return peers.answer(404, {"error": {"message": "no such path"}})


@pytest.fixture(scope="module")
def provider():
    with peers.Provider(counted) as server:
        yield server


@pytest.fixture(scope="module")
def gate(binary, place, provider):
    conf = bed.basic("127.0.0.1:9", workers=1)
    conf["providers"] = {
        name: {"type": kind, "endpoints": provider.url(path), "private": True, "key": "env:OAI_KEY"}
        for name, kind, path in (("ant", "anthropic", ""), ("goo", "gemini", ""),
                                 ("oai", "openai", "/v1"), ("gen", "openai-compatible", "/v1"),
                                 ("ver", "vertex", ""))}
    conf["providers"]["ver"].update(project="p", region="r")
    conf["models"] = {"late": {"targets": ["gen/m", "ant/m"]}}
    g = bed.Gateway(binary, place, conf, env=bed.KEYS)
    yield g
    g.stop()


def ask(gate, client, model, **more):
    path, body, _ = ASKED[client]
    if "%s" in path:
        return gate.ask(path.replace("%s", model), {**body, **more})
    return gate.ask(path, {"model": model, **body, **more})


@pytest.mark.parametrize("target", SENT)
@pytest.mark.parametrize("client", ASKED)
def test_the_targets_number_arrives(gate, provider, client, target):
    answer = ask(gate, client, f"{target}/m")
    assert answer.status == 200 and answer.json() == ASKED[client][2]
    request = provider.requests[-1]
    assert answer["x-lamplighter-dropped"] is None
    if client != target:
        assert (request.path, json.loads(request.body)) == SENT[target]
    record = gate.record(answer)
    assert (record["op"], record["outcome"]) == ("count_tokens", "full")


def test_what_both_of_googles_hosts_take_passes_untouched(gate, provider):
    body = {"new": 1, "contents": [{"parts": [{"text": TEXT}]}]}
    answer = gate.ask(MODELS + "ver/m:countTokens", body)
    assert answer.status == 200
    assert json.loads(provider.requests[-1].body) == body


@pytest.mark.parametrize("client", ASKED)
def test_nothing_is_estimated(gate, provider, client):
    before = len(provider.requests)
    answer = ask(gate, client, "gen/m")
    assert (answer.status, answer["x-lamplighter-reason"]) == (400, "wrong-dialect")
    assert "counts the tokens" in answer.json()["error"]["message"]
    assert len(provider.requests) == before


def test_a_target_that_counts_is_asked_instead(gate):
    answer = ask(gate, "oai", "late")
    assert answer.status == 200 and answer["x-lamplighter-target"] == "ant/m"


def test_only_the_prompt_is_told(gate, provider):
    """What an answer would need is no part of it."""
    answer = ask(gate, "ant", "oai/m", temperature=0.5, max_tokens=5, service_tier="auto",
                 metadata={"user_id": "u"})
    assert answer.status == 200
    assert json.loads(provider.requests[-1].body) == SENT["oai"][1]


def test_a_prompt_that_the_target_cannot_read_is_not_counted(gate):
    answer = ask(gate, "ant", "goo/m", tools=[{"type": "web_search_20250305", "name": "s"}])
    assert (answer.status, answer["x-lamplighter-reason"]) == (400, "cannot-say")
    assert answer.json()["error"]["message"].startswith("tools[0]: goo/m cannot be asked")


def test_contents_alone_are_counted(gate, provider):
    answer = gate.ask(MODELS + "ant/m:countTokens", {"contents": [{"parts": [{"text": TEXT}]}]})
    assert answer.status == 200 and answer.json() == {"totalTokens": COUNT}
    assert json.loads(provider.requests[-1].body)["messages"] == SENT["ant"][1]["messages"]
