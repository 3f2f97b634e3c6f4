"""What the providers of the matrix have in common: a request that does not fit a schema is refused, and
what it says is told in plain words and compared with the talk of talks.py.
"""
import gzip
import json
import os
import pathlib
import re

import jsonschema_rs

from models import need

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("LAMPLIGHTER_DATA") or ROOT.parent / "shared/data")
SCHEMAS = {
    "openai": "openai/openai-sdk-6.49.0.lenient.schema.json.gz",
    "2023-06-01": "anthropic/anthropic-messages-0.137.0.lenient.schema.json.gz",
    "2026-10-21": "anthropic/anthropic-messages-1.12.0.lenient.schema.json.gz",
    "google": "google/gemini-v1beta.schema.json.gz",
}
KEY = "a-providers-key"
PIECE = 5  # characters of a streamed delta


def pieces(text):
    return [text[at:at + PIECE] for at in range(0, len(text), PIECE)]


# --- Schemas --------------------------------------------------------------------------------

def closed(node):
    """The same schema, but no object has keys that it does not name."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        node.setdefault("additionalProperties", False)
    return node


def widened(file, definitions):
    """Where an API takes what its SDK's types do not have: answers are sent back as they came, the
    text of one and what was thought need no id (Codex sends none), nor an image its detail."""
    if file == "openai":
        chat = definitions["ChatCompletionAssistantMessageParam"]["properties"]
        chat["annotations"] = {"type": "array"}
        call = definitions["ChatCompletionMessageFunctionToolCall"]["properties"]
        call["index"] = {"type": "integer"}
        easy = definitions["EasyInputMessage"]["properties"]
        text = {"type": "object", "required": ["type", "text"],
                "properties": {"type": {"const": "output_text"}, "text": {"type": "string"}}}
        easy["content"] = {"anyOf": [easy["content"], {"type": "array", "items": text}]}
        definitions["ResponseReasoningItem"]["required"].remove("id")
        definitions["ResponseInputImage"]["required"].remove("detail")
    return definitions


def fits(validator, value):
    fault = next(validator.iter_errors(value), None)
    need(fault is None, fault and f"{list(fault.instance_path)}: {fault.message:.300}")


class Schemas:
    def __init__(self):
        self.read, self.validators = {}, {}

    def check(self, file, name, value):
        if file not in self.read:
            self.read[file] = closed(widened(file, json.loads(gzip.decompress(
                (DATA / "schemas" / SCHEMAS[file]).read_bytes()))["definitions"]))
        if (file, name) not in self.validators:
            self.validators[file, name] = jsonschema_rs.Draft7Validator(
                {"$ref": f"#/definitions/{name}", "definitions": self.read[file]})
        fits(self.validators[file, name], value)


def plain_schema(schema):
    """What all dialects can say of a schema: Google spells types in capitals, and has no closed
    objects."""
    if isinstance(schema, dict):
        found = {k: plain_schema(v) for k, v in schema.items()
                 if k not in ("additionalProperties", "$schema", "propertyOrdering")}
        if isinstance(found.get("type"), str):
            found["type"] = found["type"].lower()
        return found
    return [plain_schema(one) for one in schema] if isinstance(schema, list) else schema


def said_by_tool(value):
    """The text of a result, which clients of Google's wrap into an object of their own making."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    for key in ("output", "result", "content"):
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return found[key]
    return value


class Heard:
    """What a request says, in the words of talks.py. `forced` is the tool that must be called; "":
    any. `single`: no more than one call at a time."""

    def __init__(self):
        self.system, self.tools, self.turns, self.names = "", {}, [], {}
        self.schema, self.thinks, self.limit, self.stream = None, False, None, False
        self.json, self.forced, self.stops, self.signatures = False, None, [], []
        self.single, self.thoughts, self.calls = False, [], []

    def user(self, text="", image=None):
        if not self.turns or self.turns[-1][0] != "user":
            self.turns.append(["user", "", None])
        self.turns[-1][1] += text
        self.turns[-1][2] = image or self.turns[-1][2]

    def model(self, text="", call=None, call_id=None):
        if not self.turns or self.turns[-1][0] != "model":
            self.turns.append(["model", "", []])
        self.turns[-1][1] += text
        if call:
            self.turns[-1][2].append(call)
            self.names[call_id] = call[0]
            self.calls.append(call_id)

    def result(self, call_id, value):
        need(call_id in self.names, f"a result for {call_id!r}, which was not called")
        if not self.turns or self.turns[-1][0] != "results":
            self.turns.append(["results", []])
        self.turns[-1][1].append([self.names.pop(call_id), said_by_tool(value)])

    def signed(self, found, due, thought=None):
        """What stands where the provider's signature does, and what it signs."""
        need(found in (None, due), f"a signature of another's: {found}")
        self.signatures += [found] if found else []
        self.thoughts += [thought] if found and thought is not None else []

    def against(self, talk):
        """The number of the turn; a request that says anything else than the talk is refused."""
        number = sum(turn[0] == "model" for turn in self.turns)
        image = talk["image"] and [talk["image"]["type"], talk["image"]["data"]]
        due = [["user", talk["user"], image]]
        for past in talk["answers"][:number]:
            due.append(["model", past["text"], past["calls"]])
            due.append(["results", [[name, talk["results"][name]] for name, _ in past["calls"]]])
        tools = {t["name"]: [t["description"], plain_schema(t["schema"])] for t in talk["tools"]}
        for what, got, want in (
                ("system", self.system, talk["system"]), ("turns", self.turns, due),
                ("tools", self.tools, tools), ("limit", self.limit, talk["limit"]),
                ("schema", plain_schema(self.schema), plain_schema(talk["schema"])),
                ("thinks", self.thinks, talk["thinks"]),
                ("thoughts", self.thoughts,
                 [past["thinking"] for past in talk["answers"][:len(self.thoughts)]])):
            need(got == want, f"{what}: {got!r} where {want!r} is due")
        need(not self.names or number == 0, f"calls without a result: {self.names}")
        return number


def text_of(content, kinds=("text",)):
    if isinstance(content, str):
        return content
    need(all(part["type"] in kinds for part in content), f"more than text: {content}")
    return "".join(part["text"] for part in content)


def listed(value):
    return [value] if isinstance(value, str) else value or []


def forced(choice):
    """The tool's name; "" for any, None where none must be called."""
    if choice in ("required", {"type": "any"}):
        return ""
    return choice.get("function", choice).get("name", "" if choice.get("type") == "any" else None) \
        if isinstance(choice, dict) else None


def data_url(url):
    found = re.fullmatch(r"data:([^;]+);base64,(.+)", url)
    need(found, f"no data URL: {url:.40}")
    return [found[1], found[2]]
