"""Every SDK against providers of every API: the talks of talks.py come out the same in each cell.

The providers (upstreams.py, natives.py) refuse what does not fit their vendor's schema or says less than
the talk so far; the clients (sdks_python.py, talks.mjs) tell text, calls, stop reason, tokens and thinking.
What was seen is written to docs/sdks.md; a cell that is not what it should be fails its test.
"""
import gzip
import itertools
import json
import os
import pathlib
import re

import pytest

import bed
import hearing
import natives
import node_client
import sdks_python
import upstreams
import wire
from talks import MOVING, TALKS

PAGE = pathlib.Path(__file__).parents[2] / "docs/sdks.md"
SCRIPT = pathlib.Path(__file__).with_name("talks.mjs")
KEY = "any"  # the gateway asks for none

NODE = {  # name: what it speaks
    "openai chat (Node)": "openai.chat",
    "openai responses (Node)": "openai.responses",
    "anthropic (Node)": "anthropic.messages",
    "google-genai (Node)": "gemini.generate",
    "ai openai chat (Node)": "openai.chat",
    "ai openai responses (Node)": "openai.responses",
    "ai anthropic (Node)": "anthropic.messages",
    "ai google (Node)": "gemini.generate",
}
GO = {  # in `make deep` alone: they take minutes to compile
    "openai chat (Go)": "openai.chat",
    "openai responses (Go)": "openai.responses",
    "anthropic (Go)": "anthropic.messages",
    "google-genai (Go)": "gemini.generate",
}
DEEP = "LAMPLIGHTER_DEEP" in os.environ
PYTHON = {name: speaks for name, (speaks, _) in sdks_python.CLIENTS.items()}  # one of each dialect
SPEAKS = PYTHON | NODE | (GO if DEEP else {})

TARGETS = {"openai.chat": "openai/{}", "openai.responses": "responses/{}",
           "anthropic.messages": "anthropic/{}", "gemini.generate": "google/{}",
           "bedrock.converse": "bedrock/us.amazon.nova-2-{}-v1:0", "cohere.chat": "cohere/{}",
           "ollama.chat": "ollama/{}"}
ON_PAGE = [(client, upstream) for upstream in TARGETS
           for client in (PYTHON if upstream in natives.APIS else PYTHON | NODE)]
CELLS = [(client, upstream) for client in SPEAKS for upstream in TARGETS
         if DEEP or (client, upstream) in ON_PAGE]

ALONE = {  # of those that would serve the client with a second API: a provider without it
    ("openai.responses", "openai.chat"): "azure/{}", ("openai.chat", "gemini.generate"): "vertex/{}"}

HOSTS = {  # the same APIs at clouds: a client of each, which API it is, and the model
    "Azure OpenAI": ("openai responses (Python)", "openai.responses", "azure-v1/{}"),
    "Azure OpenAI, by deployment": ("openai chat (Python)", "openai.chat", "deployments/{}"),
    "Vertex AI": ("google-genai (Python)", "gemini.generate", "vertex/{}"),
    "Claude on Vertex AI": ("anthropic (Python)", "anthropic.messages", "vertex/claude-{}"),
    "Claude on Bedrock": ("openai responses (Python)", "anthropic.messages",
                          "bedrock/anthropic.claude-{}-v1:0")}

COPIES = {  # where there is none without it: who is served by a copy of the client's own API
    "cohere.chat": ("openai.chat",),
    "ollama.chat": ("openai.chat", "openai.responses", "anthropic.messages")}

RAISED = {  # what an SDK raises for a status: its class, and the API's own word for it
    "openai.chat": {429: ("RateLimitError", "rate_limit_error"),
                    400: ("BadRequestError", "invalid_request_error")},
    "gemini.generate": {429: ("ClientError", "RESOURCE_EXHAUSTED"),
                        400: ("ClientError", "INVALID_ARGUMENT")},
}
RAISED["openai.responses"] = RAISED["anthropic.messages"] = RAISED["openai.chat"]
CLASSES = {"google-genai (Node)": "ApiError", "google-genai (Go)": "genai.APIError",
           "anthropic (Go)": "*apierror.Error",
           **dict.fromkeys(("openai chat (Go)", "openai responses (Go)"), "*apierror.Error")}


@pytest.fixture(scope="module")
def gateway(binary, place, providers):
    server = bed.Gateway(binary, place, upstreams.configuration(providers.url),
                         env={"UPSTREAM_KEY": upstreams.KEY})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def node_sdks(request):
    started = node_client.NodeClient(request.getfixturevalue("node"), SCRIPT)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def go_sdks():
    if "LAMPLIGHTER_GO" not in os.environ:
        pytest.skip("unsupported: no Go that compiles the SDKs")
    started = node_client.Client([os.environ["LAMPLIGHTER_GO"] + "/talks"])
    yield started
    started.stop()


@pytest.fixture
def hold(request, gateway, client):
    """hold(model, talk, stream): {answers} or {error}"""
    base = f"http://{gateway.addr}"
    if client in sdks_python.CLIENTS:
        run = sdks_python.CLIENTS[client][1]

        def held(*talk):
            try:
                return {"answers": run(base, KEY, *talk)}
            except Exception as e:  # whatever an SDK lets through
                return {"error": sdks_python.describe(e)}
    else:
        process = request.getfixturevalue("node_sdks" if client in NODE else "go_sdks")

        def held(model, talk, stream):
            return process.run({"client": client, "base": base, "key": KEY, "model": model,
                                "talk": talk, "stream": stream})
    return held


def api_of(client, upstream):
    """Which API of the provider answers the client."""
    return SPEAKS[client] if SPEAKS[client] in COPIES.get(upstream, ()) else upstream


def due(client, upstream, talk):
    """The answers; thinking has no words in Chat Completions, and Ollama does not count what was
    cached."""
    api = api_of(client, upstream)
    speechless, countless = "openai.chat" in (SPEAKS[client], api), api == "ollama.chat"
    return [{**answer, "thinking": "" if speechless else answer["thinking"],
             "tokens": [0 if countless and i == 1 else n for i, n in enumerate(answer["tokens"])]}
            for answer in talk["answers"]]


def raised_well(client, talk, error):
    status, text = talk["refused"]
    kind, word = RAISED[SPEAKS[client]][status]
    kind = CLASSES.get(client, "APICallError" if client.startswith("ai ") else kind)
    return ((error["class"], error["status"], error["type"]) == (kind, status, word)
            and text in error["message"])


def signature_due(client, upstream):
    """What comes back to the provider, if anything does. Gemini signs calls, for which no other API has
    a place; Chat Completions has none at all."""
    api = api_of(client, upstream)
    if SPEAKS[client] == "openai.chat" or (api == "gemini.generate" != SPEAKS[client]):
        return []
    return [s for s in [getattr(upstreams.APIS[api], "signature", None)] if s]


FORGETFUL = ("ai openai responses (Node)",)  # they send no thinking back that nobody signed


def takes_thoughts(client, upstream):
    """Those that sign nothing, and yet want to know what they thought."""
    return client not in FORGETFUL and getattr(
        upstreams.APIS[api_of(client, upstream)], "takes_thoughts", False)


def faults(client, upstream, held, name, providers, model=None, asked=None):
    """Of a talk held whole and streamed. asked: which of the APIs the provider must be asked by."""
    talk, asked = TALKS[name], asked or api_of(client, upstream)
    model = (model or ALONE.get((SPEAKS[client], upstream), TARGETS[upstream])).format(name)
    for stream in (False, True):
        for noted in (providers.signatures, providers.thoughts, providers.asked):
            noted.clear()
        got = held(model, talk, stream)
        good = (raised_well(client, talk, got.get("error") or {"class": "", "status": 0, "type": ""})
                if talk["refused"] else got.get("answers") == due(client, upstream, talk))
        if not good:
            yield f"{name}, {'streamed' if stream else 'whole'}: {got}"
        if talk["signed"] and providers.signatures != signature_due(client, upstream):
            yield f"{name}: the provider got the signatures {providers.signatures}"
        if talk["signed"] and takes_thoughts(client, upstream) and \
                providers.thoughts != [talk["answers"][0]["thinking"]]:
            yield f"{name}: the provider got the thoughts {providers.thoughts}"
        if providers.asked != {asked}:
            yield f"{name}: the provider was asked in {providers.asked}"


ASKED = {  # the talk `chat`, as each API has it
    "/v1/chat/completions": {
        "model": "chat", "max_tokens": 4096,
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": "Say hello."}]},
    "/v1/responses": {"model": "chat", "max_output_tokens": 4096, "instructions": "Be brief.",
                      "input": "Say hello."},
    "/v1/messages": {"model": "chat", "max_tokens": 4096, "system": "Be brief.",
                     "messages": [{"role": "user", "content": "Say hello."}]},
    "/v1beta/models/chat:generateContent": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Say hello."}]}],
        "generationConfig": {"maxOutputTokens": 4096}},
    "/openai/v1/responses": {"model": "chat", "max_output_tokens": 4096, "instructions": "Be brief.",
                             "input": "Say hello."},
    "/openai/deployments/chat/chat/completions?api-version=2024-10-21": {
        "model": "chat", "max_tokens": 4096,
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": "Say hello."}]},
    "/v1/projects/p/locations/r/publishers/anthropic/models/claude-chat:rawPredict": {
        "anthropic_version": "vertex-2023-10-16", "max_tokens": 4096, "system": "Be brief.",
        "messages": [{"role": "user", "content": "Say hello."}]},
    "/model/anthropic.claude-chat-v1%3A0/invoke": {
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096, "system": "Be brief.",
        "messages": [{"role": "user", "content": "Say hello."}]},
    "/model/us.amazon.nova-2-chat-v1%3A0/converse": {
        "system": [{"text": "Be brief."}], "inferenceConfig": {"maxTokens": 4096},
        "messages": [{"role": "user", "content": [{"text": "Say hello."}]}]},
    "/v2/chat": {
        "model": "chat", "max_tokens": 4096, "stream": False,
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": "Say hello."}]},
    "/ollama/api/chat": {
        "model": "chat", "options": {"num_predict": 4096}, "stream": False,
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": "Say hello."}]},
}


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("spoilt,key,why", [
    ({}, upstreams.KEY, None),
    ({"brand_new": 1}, upstreams.KEY, "were unexpected|was unexpected"),
    ({"system": "Be long.", "instructions": "Be long.", "messages": [], "contents": []},
     upstreams.KEY, "is due|too short|unexpected|less than 1 item|is not of type"),
    ({}, "another", "not the provider's key"),
], ids=["right", "unknown-key", "not-the-talk", "wrong-key"])
def test_the_providers_can_refuse(providers, path, spoilt, key, why):
    headers = {"authorization": f"Bearer {key}", "x-goog-api-key": key,
               "anthropic-version": "2023-06-01", "api-key": key}
    known = {k: v for k, v in spoilt.items() if k in ASKED[path] or k == "brand_new"}
    answer = wire.ask(providers.url.removeprefix("http://"), "POST", path,
                      {**ASKED[path], **known}, headers)
    told, providers.wrong[:] = list(providers.wrong), []
    assert answer.status == (400 if why else 200), answer
    assert bool(told) == bool(why) and (not why or re.search(why, told[0])), told


RECORDED = {  # the schemas written down here: where a recorded request is of the API
    "bedrock.converse": ("bedrock-converse", "/converse"), "cohere.chat": ("cohere", "/v2/chat"),
    "ollama.chat": ("ollama", "/api/chat")}


@pytest.mark.parametrize("api", RECORDED)
def test_the_providers_take_what_was_recorded(providers, api):
    """What the real ones have answered with 200 fits the schema: it is none of our own making."""
    file, part = RECORDED[api]
    path = hearing.DATA / f"recorded/cassettes/{file}.jsonl.gz"
    if not path.exists():
        pytest.skip("unsupported: no recorded traffic on this machine")
    with gzip.open(path, "rt") as lines:
        asked = [row["req"] for row in map(json.loads, lines)
                 if row["status"] == 200 and part in row["path"] and isinstance(row["req"], dict)]
    faults = [fault for fault in map(natives.SCHEMAS[api].iter_errors, asked)
              for fault in itertools.islice(fault, 1)
              if fault.instance != "video/mp4"]  # where mp4 is the only word that AWS's model has
    assert len(asked) > 3 and not faults, faults


seen = {}  # {(client, upstream): {talk: the cell's word}}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("client, upstream", CELLS)
def test_talks(client, upstream, hold, providers):
    found = {name: list(faults(client, upstream, hold, name, providers)) for name in TALKS}
    seen[client, upstream] = {name: "no" if wrong else word(client, upstream, name)
                              for name, wrong in found.items()}
    wrong, providers.wrong[:] = list(providers.wrong), []
    assert [fault for many in found.values() for fault in many] + wrong == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("client, host", [(row[0], host) for host, row in HOSTS.items()])
def test_talks_with_clouds(client, host, hold, providers):
    _, upstream, model = HOSTS[host]
    asked = host if host in upstreams.HOSTED else upstream
    found = {name: list(faults(client, upstream, hold, name, providers, model, asked))
             for name in TALKS}
    seen[client, host] = {name: "no" if wrong else word(client, upstream, name)
                          for name, wrong in found.items()}
    wrong, providers.wrong[:] = list(providers.wrong), []
    assert [fault for many in found.values() for fault in many] + wrong == []


def word(client, upstream, name):
    talk, told = TALKS[name], due(client, upstream, TALKS[name])
    words = []
    if [a["thinking"] for a in told] != [a["thinking"] for a in talk["answers"]]:
        words.append("answer")
    elif talk["signed"] and not (
            signature_due(client, upstream) or takes_thoughts(client, upstream)):
        words.append("unsigned")
    if [a["tokens"] for a in told] != [a["tokens"] for a in talk["answers"]]:
        words.append("uncounted")
    return ", ".join(words or ["yes"])


FAMILIES = ("openai.responses", "anthropic.messages", "gemini.generate")
MOVED = [(client, begun, ended) for client in sdks_python.CLIENTS
         for begun, ended in itertools.permutations(FAMILIES, 2)
         if SPEAKS[client] in FAMILIES]


@pytest.mark.parametrize("stream", (False, True), ids=("whole", "streamed"))
@pytest.mark.parametrize("client, begun, ended", MOVED)
def test_a_signature_stays_in_its_family(client, begun, ended, stream, gateway, providers):
    """A talk goes on with a provider of another family, of the client's dialect or not: that one gets
    all but the signature, and the log names it."""
    talk = TALKS["signed"]
    models = [TARGETS[api].format("signed") for api in (begun, ended)]
    before = len(gateway.records())
    providers.signatures.clear()
    answers = sdks_python.CLIENTS[client][1](f"http://{gateway.addr}", KEY, models, talk, stream)
    wrong, providers.wrong[:] = list(providers.wrong), []
    assert answers == talk["answers"] and wrong == [] and providers.signatures == []
    bed.wait_for(lambda: len(gateway.records()) >= before + 2 and
                 [r["model"] for r in gateway.records()[-2:]] == models)
    named = [w for w in gateway.records()[-1].get("dropped", "").split(", ") if w == "signature"]
    unsigned = begun == "gemini.generate" != SPEAKS[client]  # yet no provider of the dialect takes it
    assert named == ([] if unsigned and SPEAKS[client] != ended else ["signature"])


IDS = {  # of the calls of a provider's answer, where its API has ids
    "openai.chat": ["call_0AbCdEf0123456789", "call_1AbCdEf0123456789"],
    "openai.responses": ["call_0XyZ", "call_1XyZ"],
    "anthropic.messages": ["toolu_01Matrix0", "toolu_01Matrix1"],
    "bedrock.converse": ["tooluse_Matrix-0", "tooluse_Matrix-1"]}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("begun", TARGETS)
@pytest.mark.parametrize("client", sdks_python.CLIENTS)
def test_a_talk_goes_elsewhere_and_home(client, begun, gateway, providers):
    """The second of three turns is another provider's: each hears the whole talk, every result by the id
    of its call, the client is answered as by one alone, and at home its own calls have their own ids."""
    talk, wrong = MOVING["moving"], []
    for i, ended in enumerate(other for other in TARGETS if other != begun):
        stream = i % 2 == 0
        models = [ALONE.get((SPEAKS[client], api), TARGETS[api]).format("moving")
                  for api in (begun, ended, begun)]
        providers.calls.clear()
        answers = sdks_python.CLIENTS[client][1](f"http://{gateway.addr}", KEY, models, talk, stream)
        heard = [ids for _, ids in providers.calls]
        told = [due(client, api, {**talk, "answers": [answer]})[0]
                for api, answer in zip((begun, ended, begun), talk["answers"])]
        wrong += [f"{ended}, {stream}: {answers}"] if answers != told else []
        wrong += [f"{ended}, {stream}: {heard}"] if [len(ids) for ids in heard] != [0, 2, 3] else []
        own = IDS.get(api_of(client, begun))
        wrong += [f"{ended}, {stream}: {heard}"] if own and heard[2][:2] != own else []
    wrong, providers.wrong[:] = wrong + providers.wrong, []
    assert wrong == []


HEAD = """\
# SDKs and providers

Written by `tests/clients/test_matrix.py` from what it saw. Each client holds the same talks with a
provider of each API, through the gateway, whole and streamed: the provider refuses what does not fit
its vendor's schema or leaves out a word of the talk so far; the client must show the same text, calls
with their arguments, stop reason and tokens everywhere, and raise its own exception for an error.

| talk | |
|---|---|
| chat | a system prompt, a question, an answer with all sorts of characters |
| tools | text and a call of a tool, then its result and the answer |
| parallel | two calls in one answer, one of a tool whose name not every API takes, then both results |
| image | a picture inside of the request |
| structured | an answer in JSON of a given schema |
| thinking | the model is asked to think, and to show it |
| signed | the model thinks and calls a tool; its signature comes back to it with the result |
| length | an answer that ends at the limit |
| error | the provider's limit of requests: 429 |
| refused | a request that the provider does not take: 400 |

*yes*: all of it. *answer*: the answer comes, without the thinking, for which Chat Completions has no
words. *unsigned*: all but the signature: Gemini signs calls, for which no other API has a place, and on
Bedrock only Claude signs, who is asked in Anthropic's API there. Cohere and Ollama sign nothing: what
was thought comes back to them as it is. *uncounted*: all but how many tokens came from a cache, which
Ollama does not say. *no*: see the test.

The SDKs for Go hold the same talks in `make deep`, and so do those for Node with the APIs that only
targets speak: Bedrock's Converse, Cohere's and Ollama's.

Some providers have a second API, by which its clients are served without translation: OpenAI's
Responses beside Chat Completions, Google's copy of Chat Completions beside its own. There the tables are
of one that has not: Azure's models, and Vertex AI.

Model names hold a slash (`provider/model`), unless `models:` gives them another; `ai`'s Google
provider takes a name with a slash for a whole path, so there write `models/provider/model`.
"""


CLOUDS = """
## Clouds

The same APIs with URLs, credentials and framing of the clouds' own, asked by one client each.
"""


def render():
    lines = [HEAD]
    for upstream in TARGETS:
        lines += [f"\n## A provider of {upstream}\n"]
        if upstream in COPIES:
            lines += [f"Clients of {', '.join(COPIES[upstream])} are served by\nthe provider's own copy "
                      "of their API, without translation.\n"]
        lines += ["| client | " + " | ".join(TALKS) + " |", "|---" * (len(TALKS) + 1) + "|"]
        lines += [f"| {client} | " + " | ".join(seen[client, other].values()) + " |"
                  for client, other in ON_PAGE if other == upstream]
    lines += [CLOUDS, "| host | client | " + " | ".join(TALKS) + " |",
              "|---" * (len(TALKS) + 2) + "|"]
    lines += [f"| {host} | {client} | " + " | ".join(seen[client, host].values()) + " |"
              for host, (client, *_) in HOSTS.items()]
    return "\n".join(lines) + "\n"


def test_the_page_is_what_was_seen():
    if not {*ON_PAGE, *((row[0], host) for host, row in HOSTS.items())} <= set(seen):
        pytest.skip("unsupported: not all clients are on this machine")
    text = render()
    stale = not PAGE.exists() or PAGE.read_text() != text
    if stale:
        PAGE.write_text(text)
    assert "| no |" not in text
    assert not stale, f"{PAGE.name} was stale, and is written anew: look at it, and commit it"
