"""Vectors, in OpenAI's and in Google's shape, by targets of either and of Vertex AI."""
import hashlib
import json
import struct

import openai
import pytest
from google import genai

import bed
import peers

MODELS = "/v1beta/models/"
TEXTS = ["one", "two", "three"]
SHORT = 3
BATCH_MAX = 4096


def content(text):
    return {"content": {"parts": [{"text": text}]}}


def conf_of(mock):
    conf = bed.basic(mock.addr, workers=1)
    google = {"path": "", "key": "env:GOO_KEY"}
    conf["providers"]["goo"] = bed.provider("gemini", mock.addr, **google)
    conf["providers"]["ver"] = bed.provider("vertex", mock.addr, project="p", region="r", **google)
    conf["models"] = {"mine": {"targets": ["goo/theirs"]}, "none": {"targets": ["ant/m"]},
                      "second": {"targets": ["ant/m", "ver/v"]}}
    return conf


@pytest.fixture(scope="module")
def gate(binary, place, mock):
    g = bed.Gateway(binary, place, conf_of(mock), env={**bed.KEYS, "GOO_KEY": "key"})
    yield g
    g.stop()


def vectors(n, length=8):
    """What the mock says: the vector of text i."""
    return [[(i * 7 + d) % 1000 / 1000 for d in range(length)] for i in range(n)]


def as_openai(texts, length):
    return "/v1/embeddings", {"input": texts, **({"dimensions": length} if length else {})}


def as_batch(texts, length):
    more = {"outputDimensionality": length} if length else {}
    return MODELS + "%s:batchEmbedContents", {"requests": [
        {"model": "models/%s", **content(text), **more} for text in texts]}


def ask(gate, shape, model, texts, length=None):
    path, body = shape(texts, length)
    text = json.dumps({"model": model, **body} if "%s" not in path else body)
    return gate.ask(path.replace("%s", model), text.replace("%s", model).encode())


def said(answer):
    """Vectors and tokens of an answer in either shape."""
    body = answer.json()
    if "data" in body:
        assert [row["index"] for row in body["data"]] == list(range(len(body["data"])))
        return [row["embedding"] for row in body["data"]], body["usage"]["prompt_tokens"]
    return [v["values"] for v in body["embeddings"]], body["usageMetadata"]["promptTokenCount"]


@pytest.mark.parametrize("target", ["oai", "gen", "goo", "ver"])
@pytest.mark.parametrize("shape", [as_openai, as_batch])
@pytest.mark.parametrize("length", [None, SHORT])
def test_each_text_gets_its_vector(gate, shape, target, length):
    answer = ask(gate, shape, f"{target}/m", TEXTS, length)
    assert (answer.status, answer.end) == (200, "whole"), answer.text
    got, tokens = said(answer)
    assert got == vectors(len(TEXTS), length or 8)
    record = gate.record(answer)
    assert (record["op"], record["outcome"]) == ("embeddings", "full")
    assert record["tokens_in"] == tokens > 0


@pytest.mark.parametrize("target", ["oai", "goo", "ver"])
def test_one_text_gets_one_vector(gate, target):
    answer = gate.ask(f"{MODELS}{target}/m:embedContent", content("one"))
    assert answer.status == 200, answer.text
    assert answer.json()["embedding"]["values"] == vectors(1)[0]
    assert gate.record(answer)["tokens_in"] > 0


def test_google_asks_google_byte_for_byte(gate, mock):
    """But for the model's name, which stands in every request of a batch."""
    body = (b'{ "requests" : [ {"model":"models/mine", "content":{"parts":[{"text":"\\u00e9"}]},'
            b'"taskType":"CLUSTERING", "new":1e-400 },\n{"content":{"parts":[{"inlineData":{}}]},'
            b'"model": "models\\/mine"}],"model":"models/mine" }')
    answer = gate.ask(MODELS + "mine:batchEmbedContents", body)
    assert answer.status == 200, answer.text
    request = mock.requests("theirs")[-1]
    assert request["path"] == MODELS + "theirs:batchEmbedContents"
    want = body.replace(b'"models/mine"', b'"models/theirs"')
    want = want.replace(b'"models\\/mine"', b'"models/theirs"')
    assert request["body_sha256"] == hashlib.sha256(want).hexdigest()


@pytest.mark.parametrize("n,status", [(BATCH_MAX, 200), (BATCH_MAX + 1, 400)])
def test_a_batch_is_renamed_up_to_a_bound(gate, n, status):
    answer = ask(gate, as_batch, "mine", ["x"] * n, 1)
    assert answer.status == status
    if status == 200:
        assert len(answer.json()["embeddings"]) == n
    else:
        assert "4096" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path,body,where", [
    (MODELS + "oai/m:embedContent", {"content": {"parts": [{"fileData": {"fileUri": "gs://x"}}]}},
     "content.parts[0]"),
    (MODELS + "oai/m:batchEmbedContents", {"requests": [content("a"), {"content": {}}]},
     "requests[1].content.parts"),
    ("/v1/embeddings", {"model": "ver/m", "input": ["a", [1, 2]]}, "input[1]"),
    ("/v1/embeddings", {"model": "ver/m", "input": []}, "input"),
    ("/v1/embeddings", {"model": "ver/m"}, "input"),
    (MODELS + "mine:batchEmbedContents", {"requests": [{"model": 7, **content("a")}]},
     "requests[0].model"),
])
def test_what_cannot_be_asked_is_named(gate, path, body, where):
    answer = gate.ask(path, body)
    assert answer.status == 400
    error = answer.json()["error"]
    assert where in error["message"]
    assert error.get("status", "INVALID_ARGUMENT") == "INVALID_ARGUMENT"


def test_who_makes_none_is_passed_over(gate):
    answer = ask(gate, as_openai, "none", TEXTS)
    assert (answer.status, answer["x-lamplighter-reason"]) == (400, "wrong-dialect")
    assert "makes embeddings" in answer.json()["error"]["message"]
    assert ask(gate, as_openai, "ver/claude-sonnet", TEXTS).status == 400  # Vertex AI has them not
    assert said(ask(gate, as_openai, "second", TEXTS))[0] == vectors(len(TEXTS))


def test_what_is_left_out_is_named(gate):
    answer = gate.ask(MODELS + "oai/m:embedContent", {**content("a"), "taskType": "CLUSTERING"})
    assert answer.status == 200 and answer["x-lamplighter-dropped"] == "taskType"
    assert gate.record(answer)["dropped"] == "taskType"


@pytest.mark.parametrize("given", [[], [0], [0, 0, 1], [0, 1, 2, 3]])
def test_an_answer_without_the_vectors_of_all_texts_is_none(binary, tmp_path, given):
    """One a text, in any order; else there would be a vector beside the wrong text."""
    def some(_):
        return peers.answer(200, {"object": "list", "model": "m", "data": [
            {"object": "embedding", "index": i, "embedding": [0.5]} for i in given]})

    with peers.Provider(some) as provider:
        conf = bed.basic("127.0.0.1:9", workers=1)
        conf["providers"] = {"oai": {"type": "openai", "endpoints": provider.url("/v1"),
                                     "private": True, "key": "env:OAI_KEY"}}
        g = bed.Gateway(binary, tmp_path, conf, env=bed.KEYS)
        try:
            answer = ask(g, as_batch, "oai/m", TEXTS)
            assert answer.status == 502, answer.text
            assert answer.json()["error"]["status"] == "UNAVAILABLE"
            assert g.record(answer)["outcome"] == "failed"
        finally:
            g.stop()


# ---- who makes them in ways of their own ----

TASKS = {"CLUSTERING": "clustering", None: "search_document"}


class Maker:
    """Cohere, Amazon Bedrock and Vertex AI: refuses what is not its API's, as they do."""
    VECTOR = [0.25, -1e-7]

    def __init__(self):
        self.bodies = []

    def cohere(self, body, hosted):
        wanted = {"texts", "input_type", "embedding_types"} | (set() if hosted else {"model"})
        assert wanted <= body.keys() <= wanted | {"output_dimension"}
        assert body["input_type"] in TASKS.values() and body["embedding_types"] == ["float"]
        page = {"id": "1", "texts": body["texts"], "response_type": "embeddings_by_type",
                "embeddings": {"float": [[i, *self.VECTOR] for i in range(len(body["texts"]))]}}
        return {**page, "meta": {"billed_units": {"input_tokens": 9}}}

    def titan(self, body):
        assert {"inputText"} <= body.keys() <= {"inputText", "dimensions", "normalize"}
        return {"embedding": [0, *self.VECTOR], "inputTextTokenCount": 9}

    def vertex(self, body):
        assert {"content"} <= body.keys() <= {"content", "embedContentConfig"}
        (part,) = body["content"]["parts"]
        assert part.keys() == {"text"}
        return {"embedding": {"values": [0, *self.VECTOR]},
                "usageMetadata": {"promptTokenCount": 9}}

    def __call__(self, request):
        body, path = json.loads(request.body), request.path
        self.bodies.append(body)
        try:
            if path == "/v2/embed":
                return peers.answer(200, self.cohere(body, hosted=False))
            if path == "/model/cohere.embed-v4%3A0/invoke":
                return peers.answer(200, self.cohere(body, hosted=True))
            if path == "/model/amazon.titan-embed-text-v2%3A0/invoke":
                return peers.answer(200, self.titan(body))
            if path.endswith("/publishers/google/models/gemini-embedding-2:embedContent"):
                return peers.answer(200, self.vertex(body))
        except AssertionError as wrong:
            return peers.answer(400, {"message": f"no: {wrong!r}"})
        return peers.answer(404, {"message": path})


@pytest.fixture(scope="module")
def maker():
    return Maker()


@pytest.fixture(scope="module")
def makers(binary, place, mock, maker):
    with peers.Provider(maker) as provider:
        conf = bed.basic(mock.addr, workers=1)
        common = {"path": "", "key": "env:GOO_KEY"}
        addr = f"127.0.0.1:{provider.port}"
        conf["providers"] = {
            "coh": bed.provider("cohere", addr, **common),
            "aws": bed.provider("bedrock", addr, **common),
            "ver": bed.provider("vertex", addr, project="p", region="r", **common)}
        g = bed.Gateway(binary, place, conf, name="makers", env={**bed.KEYS, "GOO_KEY": "key"})
        yield g
        g.stop()


ALL = ["coh/embed-v4.0", "aws/cohere.embed-v4:0", "aws/amazon.titan-embed-text-v2:0",
       "ver/gemini-embedding-2"]


@pytest.mark.parametrize("model", ALL)
def test_one_text_by_each_maker(makers, maker, model):
    # Cohere has a copy of OpenAI's API for OpenAI's clients.
    answer = ask(makers, as_batch if "coh/" in model else as_openai, model, ["one"], 3)
    assert answer.status == 200, answer.text
    assert said(answer) == ([[0, *Maker.VECTOR]], 9)
    assert makers.record(answer)["tokens_in"] == 9
    assert "3" in json.dumps(maker.bodies[-1])
    answer = makers.ask(f"{MODELS}{model}:embedContent", {**content("one"), "taskType": "CLUSTERING"})
    assert answer.status == 200, answer.text
    assert answer.json()["embedding"]["values"] == [0, *Maker.VECTOR]
    lost = "titan" in model
    assert (answer["x-lamplighter-dropped"] == "taskType") == lost
    assert ("clustering" in json.dumps(maker.bodies[-1]).lower()) != lost


@pytest.mark.parametrize("model", ALL)
def test_several_texts_where_the_maker_takes_them(makers, maker, model):
    before = len(maker.bodies)
    answer = ask(makers, as_batch, model, TEXTS)
    if "cohere" in model or "coh/" in model:
        assert said(answer) == ([[i, *Maker.VECTOR] for i in range(len(TEXTS))], 9)
    else:
        assert answer.status == 400 and len(maker.bodies) == before
        assert "one vector a request, and 3 are asked for" in answer.json()["error"]["message"]


def test_a_maker_that_refuses_is_heard(makers):
    answer = ask(makers, as_openai, "aws/amazon.titan-embed-text-v1", ["one"])
    error = answer.json()["error"]
    assert answer.status == 400 and answer.json()["lamplighter"]["upstream"]["status"] == 404
    assert "titan-embed-text-v1" in error["message"]


# ---- SDKs ----

@pytest.mark.parametrize("target", ["oai", "goo", "ver"])
def test_openais_sdk(gate, target):
    """It asks for base64 unless told otherwise, and decodes it."""
    sdk = openai.OpenAI(base_url=f"http://{gate.addr}/v1", api_key="any", max_retries=0)
    with sdk:
        answer = sdk.embeddings.create(model=f"{target}/m", input=TEXTS, dimensions=SHORT)
        raw = sdk.embeddings.create(model=f"{target}/m", input=TEXTS, dimensions=SHORT,
                                    encoding_format="float")
    floats = [[struct.unpack("<f", struct.pack("<f", x))[0] for x in v]
              for v in vectors(len(TEXTS), SHORT)]
    assert [row.embedding for row in raw.data] == vectors(len(TEXTS), SHORT)
    got = [row.embedding for row in answer.data]
    assert got in (floats, vectors(len(TEXTS), SHORT)) and answer.usage.prompt_tokens > 0
    assert target != "ver" or got == floats


@pytest.mark.parametrize("target", ["oai", "goo", "ver"])
def test_googles_sdk(gate, target):
    sdk = genai.Client(api_key="any", http_options={"base_url": f"http://{gate.addr}"})
    answer = sdk.models.embed_content(model=f"{target}/m", contents=TEXTS,
                                      config={"output_dimensionality": SHORT})
    assert [v.values for v in answer.embeddings] == vectors(len(TEXTS), SHORT)
