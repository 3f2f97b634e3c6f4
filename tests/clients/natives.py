"""Providers of the matrix whose APIs only targets speak: Bedrock's Converse, Cohere's chat and Ollama's.

They are as upstreams.py describes them. The vendors' schemas are written down here, of what a request may
hold: AWS's service model of bedrock-runtime (https://docs.aws.amazon.com/bedrock/latest/APIReference/),
Cohere's API v2 (https://docs.cohere.com/reference/chat), Ollama's api/types.go. Behind each stands what
the vendor says elsewhere, or what its server answers with 400.
"""
import json
import re
import struct
import zlib

import jsonschema_rs

from hearing import KEY, Heard, data_url, fits, listed, pieces, plain_schema, text_of
from models import need
from talks import MOVING, REASONING, TALKS

# --- Schemas --------------------------------------------------------------------------------

STRING, NUMBER, BOOL = ({"type": kind} for kind in ("string", "number", "boolean"))
FULL = {"type": "string", "minLength": 1}
BYTES = {"type": "string", "pattern": "^[A-Za-z0-9+/]+=*$"}  # base64
ANY_OBJECT = {"type": "object"}


def word(*words):
    return {"enum": list(words)}


def many(item, **more):
    return {"type": "array", "items": item, **more}


def number(kind, least, most=None):
    return {"type": kind, "minimum": least, **({} if most is None else {"maximum": most})}


def thing(required="", **members):
    return {"type": "object", "properties": members, "required": required.split(),
            "additionalProperties": False}


def union(**members):
    """One of them, and no other."""
    return {**thing(**members), "minProperties": 1, "maxProperties": 1}


def either(*schemas):
    return {"anyOf": list(schemas)}


NAME = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
CALL_ID = {"type": "string", "pattern": "^[a-zA-Z0-9_.:-]{1,64}$"}
CACHE_POINT = thing("type", type=word("default"), ttl=word("5m", "1h"))
S3 = thing("uri", uri={"type": "string", "pattern": "^s3://"}, bucketOwner=STRING)
SOURCE = union(bytes=BYTES, s3Location=S3)
IMAGE = thing("format source", format=word("png", "jpeg", "gif", "webp"), source=SOURCE)
VIDEO = thing("format source", source=SOURCE, format=word(
    "mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"))
AUDIO = thing("format source", source=SOURCE, format=word(
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga",
    "pcm", "webm"))
DOCUMENT = thing(
    "name source", name={"type": "string", "minLength": 1, "maxLength": 200},
    format=word("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"), context=STRING,
    citations=thing("enabled", enabled=BOOL),
    source=union(bytes=BYTES, s3Location=S3, text=STRING, content=many(union(text=STRING))))
RESULT = thing(
    "toolUseId content", toolUseId=CALL_ID, status=word("success", "error"), type=STRING,
    content=many(union(json={}, text=STRING, image=IMAGE, document=DOCUMENT, video=VIDEO)))
BLOCK = union(
    text=STRING, image=IMAGE, document=DOCUMENT, video=VIDEO, audio=AUDIO, toolResult=RESULT,
    cachePoint=CACHE_POINT,
    toolUse=thing("toolUseId name input", toolUseId=CALL_ID, name=NAME, input=ANY_OBJECT,
                  type=word("server_tool_use")),
    reasoningContent=union(reasoningText=thing("text", text=STRING, signature=STRING),
                           redactedContent=BYTES),
    guardContent=union(text=thing("text", text=STRING, qualifiers=many(
        word("grounding_source", "query", "guard_content")))))
TOOL = union(
    toolSpec=thing("name inputSchema", name=NAME, description=FULL, strict=BOOL,
                   inputSchema=union(json=ANY_OBJECT)),
    systemTool=thing("name", name=NAME), cachePoint=CACHE_POINT)
LABEL = {"type": "string", "pattern": r"^[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}$"}
LABELS = {"type": "object", "minProperties": 1, "maxProperties": 16, "additionalProperties": LABEL,
          "propertyNames": {**LABEL, "minLength": 1}}
CONVERSE = thing(
    "messages",
    messages=many(thing("role content", role=word("user", "assistant"), content=many(BLOCK)),
                  minItems=1),
    system=many(union(text=FULL, cachePoint=CACHE_POINT)),
    inferenceConfig=thing(
        maxTokens=number("integer", 1), temperature=number("number", 0, 1),
        topP=number("number", 0, 1), stopSequences=many(FULL, maxItems=2500)),
    toolConfig=thing("tools", tools=many(TOOL, minItems=1), toolChoice=union(
        auto=thing(), any=thing(), tool=thing("name", name=NAME))),
    additionalModelRequestFields=ANY_OBJECT,
    additionalModelResponseFieldPaths=many({"type": "string", "pattern": "^/"}, maxItems=10),
    requestMetadata=LABELS,
    guardrailConfig=thing(guardrailIdentifier=STRING, guardrailVersion=STRING,
                          trace=word("enabled", "disabled", "enabled_full")),
    performanceConfig=thing(latency=word("standard", "optimized")),
    serviceTier=thing("type", type=word("priority", "default", "flex", "reserved")),
    outputConfig=thing(textFormat=thing(
        "type structure", type=word("json_schema"), structure=union(jsonSchema=thing(
            "schema", schema=STRING, name=STRING, description=STRING)))))

# Of one family's models: what they alone know (https://docs.aws.amazon.com/nova/latest/nova2-userguide/).
NOVA = thing(
    inferenceConfig=thing(topK=number("integer", 0, 128)),
    reasoningConfig=thing("type", type=word("enabled", "disabled"),
                          maxReasoningEffort=word("low", "medium", "high")))


def function(name):
    return thing("type function", type=word("function"), function=thing(
        "name parameters", name=name, description=STRING, parameters=ANY_OBJECT))


# Names and temperatures: https://docs.cohere.com/reference/errors.
PLAIN_NAME = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
FUNCTION_CALL = thing("id type function", id=FULL, type=word("function"), function=thing(
    "name arguments", name=PLAIN_NAME, arguments=STRING))
TEXT_ITEM = thing("type text", type=word("text"), text=STRING)
PAPER = thing("data", data=ANY_OBJECT, id=STRING)
COHERE = thing(
    "model messages stream", model=FULL, stream=BOOL,
    messages=many(either(
        thing("role content", role=word("system"), content=either(STRING, many(TEXT_ITEM))),
        thing("role content", role=word("user"), content=either(STRING, many(either(
            TEXT_ITEM, thing("type image_url", type=word("image_url"), image_url=thing(
                "url", url=FULL, detail=word("auto", "low", "high"))))))),
        thing("role", role=word("assistant"), tool_plan=STRING, citations=many(ANY_OBJECT),
              tool_calls=many(FUNCTION_CALL, minItems=1), content=either(
                  STRING, {"type": "null"}, many(either(
                      TEXT_ITEM,
                      thing("type thinking", type=word("thinking"), thinking=STRING))))),
        thing("role tool_call_id content", role=word("tool"), tool_call_id=FULL, content=either(
            STRING, many(either(TEXT_ITEM, thing(
                "type document", type=word("document"), document=PAPER))))),
    ), minItems=1),
    tools=many(function(PLAIN_NAME)), strict_tools=BOOL, documents=many(either(STRING, PAPER)),
    citation_options=thing(mode=word("ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF")),
    response_format=either(thing("type", type=word("text")), thing(
        "type", type=word("json_object"), json_schema=ANY_OBJECT)),
    safety_mode=word("CONTEXTUAL", "STRICT", "OFF"), max_tokens=number("integer", 1),
    stop_sequences=many(STRING, maxItems=5), temperature=number("number", 0, 1),
    seed=number("integer", 0), frequency_penalty=number("number", 0, 1),
    presence_penalty=number("number", 0, 1), k=number("integer", 0, 500),
    p=number("number", 0.01, 0.99), logprobs=BOOL, tool_choice=word("REQUIRED", "NONE"),
    thinking=thing("type", type=word("enabled", "disabled"), token_budget=number("integer", 1)),
    priority=number("integer", 0, 999))

OLLAMA = thing(
    "model messages", model=FULL, stream=BOOL, logprobs=BOOL, top_logprobs=number("integer", 0, 20),
    messages=many(thing(
        "role content", role=word("system", "user", "assistant", "tool"), content=STRING,
        thinking=STRING, images=many(BYTES), tool_name=STRING, tool_call_id=STRING,
        tool_calls=many(thing("function", id=STRING, function=thing(
            "name arguments", index=number("integer", 0), name=FULL, arguments=ANY_OBJECT)))),
        minItems=1),
    tools=many(function(FULL)), format=either(word("", "json"), ANY_OBJECT),
    think=either(BOOL, word("high", "medium", "low", "max")), truncate=BOOL, shift=BOOL,
    keep_alive=either(STRING, NUMBER, {"type": "null"}),
    options=thing(
        stop=many(STRING), **{name: {"type": "integer"} for name in (
            "num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch",
            "num_gpu", "main_gpu", "num_thread")},
        **{name: NUMBER for name in (
            "top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty",
            "frequency_penalty")}, use_mmap=BOOL))

SCHEMAS = {name: jsonschema_rs.Draft7Validator(schema) for name, schema in (
    ("bedrock.converse", CONVERSE), ("nova", NOVA), ("cohere.chat", COHERE),
    ("ollama.chat", OLLAMA))}


def bears_key(request):
    need(request.headers["authorization"] == f"Bearer {KEY}", "not the provider's key")


# --- Bedrock --------------------------------------------------------------------------------

def frame(name, payload):
    """One message of an AWS event stream: lengths, their CRC, headers, payload, CRC of all."""
    head = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in ((":event-type", name), (":content-type", "application/json"),
                           (":message-type", "event")))
    body = json.dumps(payload).encode()
    start = struct.pack(">II", 16 + len(head) + len(body), len(head))
    text = start + struct.pack(">I", zlib.crc32(start)) + head + body
    return text + struct.pack(">I", zlib.crc32(text))


class Converse:
    """As a model of Nova's that thinks, and does not sign it."""
    path = re.compile(r"/model/us\.amazon\.nova-2-([a-z]+)-v1:0/converse(-stream)?")
    media = "application/vnd.amazon.eventstream"
    stop = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens"}

    @staticmethod
    def check(_, request):
        bears_key(request)
        body = request.body
        need(":" not in request.path, "a colon in a segment of the URL")
        fits(SCHEMAS["bedrock.converse"], body)
        fields = body.get("additionalModelRequestFields", {})
        fits(SCHEMAS["nova"], fields)
        need(fields.get("reasoningConfig", {}).get("maxReasoningEffort") != "high" or not
             {"maxTokens", "temperature", "topP", "topK"} & {
                 *body.get("inferenceConfig", ()), *fields.get("inferenceConfig", ())},
             "limits or sampling beside the highest effort")
        blocks = [block for message in body["messages"] for block in message["content"]]
        need("toolConfig" in body or not any(
            "toolUse" in block or "toolResult" in block for block in blocks),
            "The toolConfig field must be defined when using toolUse and toolResult blocks")
        need(all(block.get("text", "x").strip() for block in blocks), "a blank text")
        roles = [message["role"] for message in body["messages"]]
        need(roles == [("user", "assistant")[i % 2] for i in range(len(roles))],
             "roles must alternate")

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        config = body.get("inferenceConfig", {})
        thinks = body.get("additionalModelRequestFields", {}).get("reasoningConfig", {})
        heard.stream = request.path.endswith("-stream")
        heard.limit, heard.stops = config.get("maxTokens"), config.get("stopSequences", [])
        heard.thinks = thinks.get("type") == "enabled"
        heard.system = "".join(block.get("text", "") for block in body.get("system", []))
        heard.json = "JSON" in heard.system  # it has no other word for that
        form = body.get("outputConfig", {}).get("textFormat")
        heard.schema = form and json.loads(form["structure"]["jsonSchema"]["schema"])
        tools = body.get("toolConfig", {"tools": []})
        specs = [t["toolSpec"] for t in tools["tools"] if "toolSpec" in t]
        heard.tools = {s["name"]: [s.get("description"), plain_schema(s["inputSchema"]["json"])]
                       for s in specs}
        for kind, choice in tools.get("toolChoice", {}).items():
            heard.forced = None if kind == "auto" else choice.get("name", "")
        for message in body["messages"]:
            say = heard.user if message["role"] == "user" else heard.model
            for block in message["content"]:
                (kind, said), = block.items()
                if kind == "text":
                    say(said)
                elif kind == "image":
                    say(image=[f"image/{said['format']}", said["source"]["bytes"]])
                elif kind == "toolUse":
                    say(call=[said["name"], said["input"]], call_id=said["toolUseId"])
                elif kind == "toolResult":
                    heard.result(said["toolUseId"], "".join(
                        part.get("text") or json.dumps(part["json"]) for part in said["content"]))
                else:
                    need(kind == "cachePoint", f"a block of type {kind}")
        return heard

    @staticmethod
    def usage(answer):
        prompt, cached, done = answer["tokens"]
        return {"inputTokens": prompt - cached, "outputTokens": done, "totalTokens": prompt + done,
                "cacheReadInputTokens": cached, "cacheWriteInputTokens": 0}

    @staticmethod
    def blocks(answer):
        if answer["thinking"]:
            yield {"reasoningContent": {"reasoningText": {"text": answer["thinking"]}}}
        if answer["text"]:
            yield {"text": answer["text"]}
        for i, (name, args) in enumerate(answer["calls"]):
            yield {"toolUse": {"toolUseId": f"tooluse_Matrix-{i}", "name": name, "input": args}}

    def whole(self, request, answer):
        return {"metrics": {"latencyMs": 812}, "stopReason": self.stop[answer["stop"]],
                "output": {"message": {"role": "assistant", "content": list(self.blocks(answer))}},
                "usage": self.usage(answer)}

    def stream(self, request, answer):
        """Only a call's block is announced; each message is padded."""
        yield "messageStart", {"role": "assistant"}
        for i, block in enumerate(self.blocks(answer)):
            (kind, said), = block.items()
            if kind == "toolUse":
                yield "contentBlockStart", {"contentBlockIndex": i, "start": {
                    kind: {"toolUseId": said["toolUseId"], "name": said["name"]}}}
                deltas = [{kind: {"input": p}} for p in pieces(json.dumps(said["input"]))]
            elif kind == "text":
                deltas = [{kind: p} for p in pieces(said)]
            else:
                deltas = [{kind: {"text": p}} for p in pieces(said["reasoningText"]["text"])]
            for delta in deltas:
                yield "contentBlockDelta", {"contentBlockIndex": i, "delta": delta}
            yield "contentBlockStop", {"contentBlockIndex": i}
        yield "messageStop", {"stopReason": self.stop[answer["stop"]]}
        yield "metadata", {"usage": self.usage(answer), "metrics": {"latencyMs": 812}}

    @staticmethod
    def event(data):
        name, payload = data
        return frame(name, {**payload, "p": "abcdefghij"[:len(str(payload)) % 10]})

    @staticmethod
    def error(status, text):
        return {"message": text}

    @staticmethod
    def error_head(status):
        return {"x-amzn-ErrorType": {429: "ThrottlingException",
                                     400: "ValidationException:http://internal.amazon.com/"}[status]}


# --- Cohere ---------------------------------------------------------------------------------

class Cohere:
    path = re.compile(r"/v2/chat")
    takes_thoughts = True  # without a signature
    stop = {"end": "COMPLETE", "tools": "TOOL_CALL", "length": "MAX_TOKENS"}

    @staticmethod
    def check(_, request):
        bears_key(request)
        body = request.body
        fits(SCHEMAS["cohere.chat"], body)
        need(body.get("response_format", {"type": "text"})["type"] == "text" or not
             {"tools", "documents"} & set(body), "a response_format beside tools or documents")
        need("tool_choice" not in body or body.get("tools"), "a tool_choice without tools")

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        heard.stream, heard.limit = body["stream"], body.get("max_tokens")
        heard.thinks = body.get("thinking", {"type": "disabled"})["type"] == "enabled"
        heard.schema = body.get("response_format", {}).get("json_schema")
        heard.json = body.get("response_format", {}).get("type") == "json_object"
        heard.forced = "" if body.get("tool_choice") == "REQUIRED" else None
        heard.stops = listed(body.get("stop_sequences"))
        tools = [t["function"] for t in body.get("tools", [])]
        own = request.names = Cohere.names(request.model, tools)
        heard.tools = {own[f["name"]]: [f.get("description"), plain_schema(f["parameters"])]
                       for f in tools}
        for message in body["messages"]:
            role, content = message["role"], message.get("content") or ""
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if role == "system":
                heard.system += text_of(parts)
            elif role == "tool":
                heard.result(message["tool_call_id"], text_of(parts))
            elif role == "user":
                for part in parts:
                    if part["type"] == "text":
                        heard.user(part["text"])
                    else:
                        heard.user(image=data_url(part["image_url"]["url"]))
            else:
                thought = message.get("tool_plan", "") + "".join(
                    part.get("thinking", "") for part in parts)
                heard.thoughts += [thought] if thought else []
                heard.model("".join(part.get("text", "") for part in parts))
                for call in message.get("tool_calls", []):
                    f = call["function"]
                    heard.model(call=[own[f["name"]], json.loads(f["arguments"])],
                                call_id=call["id"])
        return heard

    @staticmethod
    def names(model, tools):
        """{what a tool is called here: its name in the talk}: not all names are taken, and then
        its description tells."""
        talk = (TALKS | MOVING).get(model, {"tools": []})
        own = {t["description"]: t["name"] for t in talk["tools"]}
        return {f["name"]: own.get(f.get("description"), f["name"]) for f in tools}

    @staticmethod
    def calls(request, answer):
        here = {own: name for name, own in request.names.items()}
        return [{"id": f"{here[name]}_c0h3r3{i}", "type": "function",
                 "function": {"name": here[name], "arguments": json.dumps(args)}}
                for i, (name, args) in enumerate(answer["calls"])]

    @staticmethod
    def usage(answer):
        """What is billed is less than what was read and made."""
        prompt, cached, done = answer["tokens"]
        thought = {"reasoning_tokens": REASONING} if answer["thinking"] else {}
        return {"billed_units": {"input_tokens": 3, "output_tokens": 2}, "cached_tokens": cached,
                "tokens": {"input_tokens": prompt, "output_tokens": done, **thought}}

    @staticmethod
    def contents(answer):
        return [{"type": kind, kind: answer[kind]} for kind in ("thinking", "text") if answer[kind]]

    def whole(self, request, answer):
        message = {"role": "assistant"}
        if self.contents(answer):
            message["content"] = self.contents(answer)
        if answer["calls"]:
            message["tool_calls"] = self.calls(request, answer)
        return {"id": "5d9ba5f7-matrix", "message": message, "usage": self.usage(answer),
                "finish_reason": self.stop[answer["stop"]]}

    def stream(self, request, answer):
        def event(kind, index=None, **message):
            place = {} if index is None else {"index": index}
            return {"type": kind, **place, **({"delta": {"message": message}} if message else {})}

        yield {**event("message-start", role="assistant", content=[], tool_plan="", tool_calls=[],
                       citations=[]), "id": "5d9ba5f7-matrix"}
        for i, content in enumerate(self.contents(answer)):
            kind = content["type"]
            yield event("content-start", i, content={"type": kind, kind: ""})
            for piece in pieces(content[kind]):
                yield event("content-delta", i, content={kind: piece})
            yield event("content-end", i)
        for i, call in enumerate(self.calls(request, answer)):
            f = call["function"]
            yield event("tool-call-start", i, tool_calls={
                **call, "function": {"name": f["name"], "arguments": ""}})
            for piece in pieces(f["arguments"]):
                yield event("tool-call-delta", i, tool_calls={"function": {"arguments": piece}})
            yield event("tool-call-end", i)
        yield {"type": "message-end", "delta": {"finish_reason": self.stop[answer["stop"]],
                                                "usage": self.usage(answer)}}
        yield None

    @staticmethod
    def event(data):
        return "data: [DONE]\n\n" if data is None else \
            f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"

    @staticmethod
    def error(status, text):
        return {"id": "5d9ba5f7-error", "message": text}


# --- Ollama ---------------------------------------------------------------------------------

class Ollama:
    path = re.compile(r"/ollama/api/chat")
    media = "application/x-ndjson"
    takes_thoughts = True

    @staticmethod
    def check(_, request):
        bears_key(request)
        fits(SCHEMAS["ollama.chat"], request.body)

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        heard.stream = body.get("stream", True)
        options = body.get("options", {})
        heard.limit, heard.stops = options.get("num_predict"), options.get("stop", [])
        heard.thinks = bool(body.get("think"))
        heard.json = bool(body.get("format"))
        heard.schema = body["format"] if isinstance(body.get("format"), dict) else None
        heard.tools = {t["function"]["name"]: [t["function"].get("description"),
                                               plain_schema(t["function"]["parameters"])]
                       for t in body.get("tools", [])}
        for message in body["messages"]:
            role, content = message["role"], message["content"]
            if role == "system":
                heard.system += content
            elif role == "tool":
                call_id = message.get("tool_call_id")
                need(heard.names.get(call_id) == message.get("tool_name"),
                     f"a result of {message.get('tool_name')!r} for the call {call_id!r}")
                heard.result(call_id, content)
            elif role == "user":
                heard.user(content)
                for image in message.get("images", []):
                    heard.user(image=["image/png", image])  # the type is not said
            else:
                heard.thoughts += [message["thinking"]] if message.get("thinking") else []
                heard.model(content)
                for call in message.get("tool_calls", []):
                    f = call["function"]
                    heard.model(call=[f["name"], f["arguments"]], call_id=call["id"])
        return heard

    @staticmethod
    def line(request, done=False, **message):
        return {"model": request.model, "created_at": f"2026-01-01T00:00:{request.number % 60:02}.5Z",
                "message": {"role": "assistant", "content": "", **message}, "done": done}

    def last(self, request, answer, **message):
        prompt, _, tokens = answer["tokens"]
        return {**self.line(request, True, **message),
                "done_reason": "length" if answer["stop"] == "length" else "stop",
                "total_duration": 1078043917, "load_duration": 109557375,
                "prompt_eval_count": prompt, "prompt_eval_duration": 153401750,
                "eval_count": tokens, "eval_duration": 814595750}

    @staticmethod
    def calls(answer, ids):
        """Older servers give no ids."""
        return [{**({"id": f"call_0llama{i}"} if ids else {}),
                 "function": {"index": i, "name": name, "arguments": args}}
                for i, (name, args) in enumerate(answer["calls"])]

    def whole(self, request, answer):
        said = {"thinking": answer["thinking"], "tool_calls": self.calls(answer, True)}
        return self.last(request, answer, content=answer["text"],
                         **{key: value for key, value in said.items() if value})

    def stream(self, request, answer):
        for piece in pieces(answer["thinking"]):
            yield self.line(request, thinking=piece)
        for piece in pieces(answer["text"]):
            yield self.line(request, content=piece)
        for call in self.calls(answer, False):
            yield self.line(request, tool_calls=[call])
        yield self.last(request, answer)

    @staticmethod
    def event(data):
        return json.dumps(data) + "\n"

    @staticmethod
    def error(status, text):
        return {"error": text}


# Rows of the gateway's providers; `path` is behind the server's URL.
ROWS = {"bedrock": ("bedrock", ""), "cohere": ("cohere", ""), "ollama": ("ollama", "/ollama")}

APIS = {"bedrock.converse": Converse(), "cohere.chat": Cohere(), "ollama.chat": Ollama()}
