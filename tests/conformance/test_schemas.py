"""Recorded requests and answers, translated: each fits the vendor's own types, and has no key beyond
them."""
import collections
import gzip
import inspect
import json
import os
import pathlib
import subprocess
import sys
import typing

import botocore.loaders
import botocore.model
import botocore.validate
import cohere.v2.raw_client
import jsonschema_rs
import ollama._types
import pydantic
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/clients"))
from hearing import closed, widened  # noqa: E402

DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")

# The file of a dialect, and the names of its types in it.
TYPES = {
    "openai.chat": ("openai/openai-sdk-6.49.0.lenient.schema.json.gz",
                    {"request": "ChatCompletionCreateParamsNonStreaming",
                     "answer": "ChatCompletion", "stream": "ChatCompletionChunk"}),
    "openai.responses": ("openai/openai-sdk-6.49.0.lenient.schema.json.gz",
                         {"request": "ResponseCreateParamsNonStreaming", "answer": "Response",
                          "stream": "ResponseStreamEvent"}),
    "anthropic.messages": ("anthropic/anthropic-messages-0.137.0.lenient.schema.json.gz",
                           {"request": "MessageCreateParamsNonStreaming", "answer": "Message",
                            "stream": "RawMessageStreamEvent"}),
    "gemini.generate": ("google/gemini-v1beta.schema.json.gz",
                        {"request": "GenerateContentRequest", "answer": "GenerateContentResponse",
                         "stream": "GenerateContentResponse"}),
}


# What is said beyond them, and why: thinking as all others have it who copied OpenAI, and citations as
# OpenAI's own whole answers have them; what the Open Responses specification demands of an answer; and
# what Google's SDK has, and the schema, which is older, has not.
BEYOND = {"ChatCompletionMessage": ["reasoning_content"],
          "ChatCompletionChunk.Choice.Delta": ["reasoning_content", "annotations"],
          "Response": ["max_tool_calls", "store", "frequency_penalty", "presence_penalty"],
          "GenerateContentRequest": ["serviceTier"],
          "ThinkingConfig": ["thinkingLevel"], "Part": ["mediaResolution"],
          "FunctionResponsePart": ["fileData"]}


def definitions(file):
    types = json.loads(gzip.decompress((DATA / "schemas" / file).read_bytes()))["definitions"]
    types = closed(widened(file.split("/", maxsplit=1)[0], types))
    for name, keys in BEYOND.items():
        if name in types:
            types[name]["properties"] |= {key: {} for key in keys}
    return types


class Validator:
    """Of one type: iter_errors and is_valid, of whatever library knows it."""

    def __init__(self, schema):
        self.schema = jsonschema_rs.validator_for(schema)

    def faults(self, value):
        return [f"{error.instance_path}: {error.message:.300}"
                for error in self.schema.iter_errors(value)]


class Converse:
    """Bedrock's: AWS's own model of it, and its words, which botocore does not look at."""

    def __init__(self):
        model = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
        self.shape = botocore.model.ServiceModel(model).operation_model("Converse").input_shape

    def faults(self, body):
        report = botocore.validate.ParamValidator().validate({"modelId": "m", **body}, self.shape)
        return [report.generate_report()] * report.has_errors() + list(self.words(self.shape, body))

    def words(self, shape, value):
        if shape.type_name == "structure" and not shape.is_document_type:
            for key, one in value.items():
                if key in shape.members:
                    yield from self.words(shape.members[key], one)
        elif shape.type_name == "list":
            for one in value:
                yield from self.words(shape.member, one)
        elif shape.type_name == "string" and shape.enum and value not in shape.enum:
            yield f"{shape.name}: {value!r} is none of {shape.enum}"


def tightened(node):
    """A model's schema, where an SDK lets through whatever it is given: the keys that a type names,
    and the type itself where "or any object" stands beside it."""
    if isinstance(node, list):
        return [tightened(one) for one in node]
    if not isinstance(node, dict):
        return node
    anything = {"additionalProperties": True, "type": "object"}
    node = {key: tightened(value) for key, value in node.items()}
    if any("$ref" in one for one in node.get("anyOf", [])):
        node["anyOf"] = [one for one in node["anyOf"] if one != anything]
    if "properties" in node and node.get("additionalProperties") is True:
        del node["additionalProperties"]
    return node


def cohere_chat():
    """Cohere's: what its SDK's function takes, which has no type of its own."""
    function = cohere.v2.raw_client.RawV2Client.chat
    hints, fields = typing.get_type_hints(function), {"stream": (bool, None)}
    for name, one in inspect.signature(function).parameters.items():
        if name not in ("self", "request_options"):
            needed = one.default is inspect.Parameter.empty
            fields[name] = hints[name], ... if needed else None
    return closed(tightened(pydantic.create_model("Chat", **fields).model_json_schema()))


def ollama_chat():
    """Ollama's: the type of its SDK, but an image as it is sent, and parameters of a tool are any
    schema; ids of calls the server's own types have (ollama/ollama, api/types.go), the SDK not yet."""
    schema = ollama._types.ChatRequest.model_json_schema()  # pylint: disable=protected-access
    types = schema["$defs"]
    types["Image"], types["Parameters"] = {"type": "string"}, {"type": "object"}
    types["ToolCall"]["properties"]["id"] = {"type": "string"}
    types["Message"]["properties"]["tool_call_id"] = {"type": "string"}
    return closed(tightened(schema))


@pytest.fixture(scope="module")
def validators():
    if not (DATA / "schemas").is_dir():
        pytest.skip("unsupported: no schemas on this machine (LAMPLIGHTER_DATA)")
    found = {("bedrock.converse", "request"): Converse(),
             ("cohere.chat", "request"): Validator(cohere_chat()),
             ("ollama.chat", "request"): Validator(ollama_chat())}
    for dialect, (file, names) in TYPES.items():
        types = definitions(file)
        found |= {(dialect, what): Validator({"definitions": types, "$ref": f"#/definitions/{name}",
                                              "$schema": "http://json-schema.org/draft-07/schema#"})
                  for what, name in names.items()}
    return found


def documents(what, text):
    """The JSON documents of a body; those of a stream are its events."""
    if what != "stream":
        return [text]
    return [line.removeprefix("data: ") for line in text.split("\n")
            if line.startswith("data: ") and line != "data: [DONE]"]


@pytest.mark.timeout(300)
def test_what_is_translated_fits_the_types_of_its_vendor(binary, validators, tmp_path):
    program, kept = binary.parents[1] / "tests/conformance/translate", tmp_path / "kept"
    subprocess.run([program, DATA, kept], capture_output=True, timeout=280, check=True)
    counts, faults = collections.Counter(), []
    with kept.open(encoding="utf-8") as lines:
        for one in map(json.loads, lines):
            kind = one["to"], one["what"]
            if kind not in validators:
                continue
            for text in documents(one["what"], one["text"]):
                counts[kind] += 1
                faults += [f"{kind} {one['name']} of {one['from']}, {fault}"
                           for fault in validators[kind].faults(json.loads(text))]
    print(counts)
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
    assert len(counts) == len(validators) and min(counts.values()) > 1000


CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TALK = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


@pytest.mark.parametrize("kind, value, wrong", [
    (("openai.chat", "stream"), CHUNK,
     {"choices": [{**CHUNK["choices"][0], "finish_reason": "stop_sequence"}]}),
    (("openai.chat", "stream"), CHUNK, {"shiny": 1}),
    (("gemini.generate", "request"), {"contents": []}, {"generationConfig": {"heat": 1}}),
    (("gemini.generate", "request"), {"contents": []}, {"toolcfg": {}}),
    (("bedrock.converse", "request"), TALK, {"inferenceConfig": {"heat": 1}}),
    (("bedrock.converse", "request"), TALK, {"inferenceConfig": {"temperature": "1"}}),
    (("bedrock.converse", "request"), TALK, {"messages": [{**TALK["messages"][0], "role": "model"}]}),
    (("cohere.chat", "request"), ASK, {"heat": 1}),
    (("cohere.chat", "request"), ASK, {"messages": [{"role": "model", "content": "hi"}]}),
    (("cohere.chat", "request"), ASK, {"tools": [{"type": "function", "function": {"name": 1}}]}),
    (("ollama.chat", "request"), ASK, {"heat": 1}),
    (("ollama.chat", "request"), ASK, {"options": {"heat": 1}}),
    (("ollama.chat", "request"), ASK, {"tools": [{"type": "function", "function": {"name": 1}}]}),
])
def test_the_check_can_fail(validators, kind, value, wrong):
    assert not validators[kind].faults(value)
    assert validators[kind].faults({**value, **wrong})
