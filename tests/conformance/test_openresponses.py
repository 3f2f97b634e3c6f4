"""Recorded answers of other dialects, as a client of the Responses API gets them: each event and
each answer fits the Open Responses specification and is taken by the official SDK, and what is done
is what has been said."""
import collections
import gzip
import json
import os
import pathlib
import subprocess

import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")
SPEC = DATA / "schemas/openresponses/openapi-2026-04-24.json.gz"
EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
         "array": list, "null": type(None)}


class Schemas:
    """As much of JSON Schema as the specification uses."""

    def __init__(self, text):
        self.all = json.loads(text)["components"]["schemas"]
        # Its converter has lost the schema of the answer's own format.
        self.all["JsonSchemaResponseFormat"]["properties"]["schema"] = {"type": "object"}
        self.events = {s["properties"]["type"]["enum"][0]: s for name, s in self.all.items()
                       if name.endswith("StreamingEvent")}

    def faults(self, schema, value, where=""):
        """Sentences; none: it fits."""
        if "$ref" in schema:
            schema = self.all[schema["$ref"].rsplit("/", 1)[1]]
        kind = schema.get("type")
        if kind and (not isinstance(value, KINDS[kind])
                     or isinstance(value, bool) and kind in ("integer", "number")):
            return [f"{where}: {value!r:.60} is no {kind}"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where}: {value!r:.60} is none of {schema['enum']}"]
        found = [f for s in schema.get("allOf", []) for f in self.faults(s, value, where)]
        for some in (schema[k] for k in ("anyOf", "oneOf") if k in schema):
            if all(self.faults(s, value, where) for s in some):
                found.append(f"{where}: {value!r:.60} fits no alternative")
        if isinstance(value, dict):
            found += [f"{where}.{k} is missing" for k in schema.get("required", [])
                      if k not in value]
            for key, s in schema.get("properties", {}).items():
                if key in value:
                    found += self.faults(s, value[key], f"{where}.{key}")
        if isinstance(value, list) and "items" in schema:
            for i, one in enumerate(value):
                found += self.faults(schema["items"], one, f"{where}[{i}]")
        return found


def check_stream(schemas, text):
    """Numbered, framed by type, in the specification's shapes; the end repeats what was said."""
    said, items, last = collections.defaultdict(str), {}, None
    *blocks, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    for number, block in enumerate(blocks):
        name, data = block.split("\n")
        last = json.loads(data.removeprefix("data: "))
        assert name == "event: " + last["type"]
        assert last["sequence_number"] == number
        if not last["type"].startswith("response.custom_tool_call"):  # OpenAI's alone
            assert schemas.faults(schemas.events[last["type"]], last) == []
        EVENT.validate_python(last)
        place = (last.get("item_id"), last.get("content_index"), last.get("summary_index"))
        if last["type"].endswith(".delta"):
            said[place] += last["delta"]
        for member in ("text", "refusal", "arguments", "input"):
            if member in last and last["type"].endswith(".done"):
                assert said[place] == last[member]
        if last["type"] == "response.output_item.done":
            items[last["output_index"]] = last["item"]
    assert last["type"] in ("response.completed", "response.incomplete")
    assert last["response"]["output"] == [items[i] for i in range(len(items))]


def check_whole(schemas, text):
    body = json.loads(text)
    assert schemas.faults(schemas.all["ResponseResource"], body) == []
    Response.model_validate(body)


@pytest.fixture(scope="module")
def schemas():
    if not SPEC.is_file():
        pytest.skip("unsupported: no schemas on this machine (LAMPLIGHTER_DATA)")
    return Schemas(gzip.decompress(SPEC.read_bytes()))


@pytest.mark.timeout(300)
def test_answers_follow_the_specification(binary, schemas, tmp_path):
    program, kept = binary.parents[1] / "tests/conformance/translate", tmp_path / "kept"
    done = subprocess.run([program, DATA, kept], capture_output=True, text=True, timeout=280,
                          check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    counts = collections.Counter()
    with kept.open(encoding="utf-8") as lines:
        for answer in map(json.loads, lines):
            check = {"stream": check_stream, "answer": check_whole}.get(answer["what"])
            if answer["to"] == "openai.responses" and check:
                counts[answer["what"]] += 1
                check(schemas, answer["text"])
    assert counts["stream"] > 300 and counts["answer"] > 900


def test_the_check_can_fail(schemas):
    """What does not fit is told with its place."""
    event = {"type": "response.output_text.delta", "sequence_number": "0", "item_id": "i",
             "output_index": 0, "content_index": True}
    assert schemas.faults(schemas.events[event["type"]], event) == [
        ".delta is missing", ".sequence_number: '0' is no integer",
        ".content_index: True is no integer"]
    item = {"type": "message", "id": "m", "status": "late", "role": "assistant", "content": []}
    assert schemas.faults(schemas.all["ItemField"], item)
    assert not schemas.faults(schemas.all["ItemField"], {**item, "status": "completed"})
