"""Recorded requests and answers, translated: each fits the vendor's own types."""
import collections
import gzip
import json
import os
import pathlib
import subprocess

import jsonschema_rs
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


def validator(file, name):
    """Of one type; None where the file has no such type."""
    types = json.loads(gzip.decompress((DATA / "schemas" / file).read_bytes()))["definitions"]
    if name not in types:
        return None
    return jsonschema_rs.Draft7Validator({"definitions": types, "$ref": f"#/definitions/{name}"})


@pytest.fixture(scope="module")
def validators():
    if not (DATA / "schemas").is_dir():
        pytest.skip("unsupported: no schemas on this machine (LAMPLIGHTER_DATA)")
    return {(dialect, what): validator(file, name)
            for dialect, (file, names) in TYPES.items() for what, name in names.items()}


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
            if kind not in validators:  # no schemas of Bedrock's, Cohere's, Ollama's
                continue
            for text in documents(one["what"], one["text"]):
                counts[kind] += 1
                for error in validators[kind].iter_errors(json.loads(text)):
                    faults.append(f"{kind} {one['name']} of {one['from']}, "
                                  f"{error.instance_path}: {error.message:.300}")
    print(counts)
    assert not faults, "\n".join([f"{len(faults)} faults", *faults[:20]])
    assert len(counts) == len(validators) and min(counts.values()) > 1000


def test_the_check_can_fail(validators):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
    assert validators["openai.chat", "stream"].is_valid(chunk)
    chunk["choices"][0]["finish_reason"] = "stop_sequence"
    assert not validators["openai.chat", "stream"].is_valid(chunk)
