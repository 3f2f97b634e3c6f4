"""Providers for the matrix of clients: one server that speaks their APIs, by the vendors' schemas.

It shares no code with the gateway and takes nothing on trust. A request must fit the vendor's schema
without a key beyond it, carry the provider's key where its API has it, and say the whole talk so far:
system prompt, text, image, tools, each call and the result to its id. Else it is refused with 400 and
the reason, which so arrives in the client's exception. The model's name is the talk's, or one of
models.py, which answers whatever it is asked.

An API is a class: `hear` reads a request into plain words, `whole` and `stream` say an answer.
"""
import base64
import http.server
import itertools
import json
import re
import sys
import threading
import traceback
import urllib.parse

import natives
from hearing import (KEY, SCHEMAS, Heard, Schemas, data_url, forced, listed, pieces, plain_schema,
                     text_of)
from models import MODELS, Wrong, need
from talks import MOVING, REASONING, TALKS

# --- APIs -----------------------------------------------------------------------------------

class Chat:
    path = re.compile(r"/(?:v1|v1beta/openai|models|compatibility/v1|ollama/v1)/chat/completions")
    stop = {"end": "stop", "tools": "tool_calls", "length": "length"}

    @staticmethod
    def check(schemas, request):
        need(KEY in (request.headers["api-key"],
                     (request.headers["authorization"] or "").removeprefix("Bearer ")),
             "not the provider's key")
        kind = "Streaming" if request.body.get("stream") else "NonStreaming"
        schemas.check("openai", f"ChatCompletionCreateParams{kind}", request.body)

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        heard.stream = body.get("stream", False)
        heard.limit = body.get("max_completion_tokens") or body.get("max_tokens")
        heard.thinks = body.get("reasoning_effort", "none") != "none"
        kind = body.get("response_format", {"type": "text"})
        heard.schema = kind["json_schema"]["schema"] if kind["type"] == "json_schema" else None
        heard.json, heard.stops = kind["type"] == "json_object", listed(body.get("stop"))
        heard.forced = forced(body.get("tool_choice"))
        heard.single = body.get("parallel_tool_calls") is False
        heard.tools = {t["function"]["name"]: [t["function"].get("description"),
                                               plain_schema(t["function"]["parameters"])]
                       for t in body.get("tools", [])}
        for message in body["messages"]:
            role, content = message["role"], message.get("content")
            if role in ("system", "developer"):
                heard.system += text_of(content)
            elif role == "tool":
                heard.result(message["tool_call_id"], text_of(content))
            elif role == "user":
                for part in [{"type": "text", "text": content}] if isinstance(content, str) \
                        else content:
                    if part["type"] == "text":
                        heard.user(part["text"])
                    else:
                        heard.user(image=data_url(part["image_url"]["url"]))
            else:
                heard.model(text_of(content or ""))
                for call in message.get("tool_calls") or []:
                    f = call["function"]
                    heard.model(call=[f["name"], json.loads(f["arguments"])], call_id=call["id"])
        return heard

    @staticmethod
    def calls(answer):
        return [{"id": f"call_{i}AbCdEf0123456789", "type": "function",
                 "function": {"name": name, "arguments": json.dumps(args)}}
                for i, (name, args) in enumerate(answer["calls"])]

    @staticmethod
    def usage(answer):
        prompt, cached, done = answer["tokens"]
        reasoning = REASONING if answer["thinking"] else 0
        return {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": prompt + done,
                "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0}}

    @staticmethod
    def shell(request, kind):
        return {"id": "chatcmpl-matrix", "object": kind, "created": 1767225600,
                "model": request.body["model"], "service_tier": "default",
                "system_fingerprint": None}

    @staticmethod
    def likely(body, text):
        """How likely the tokens of this text were, if asked."""
        if not body.get("logprobs"):
            return None
        words = [{"token": piece, "logprob": -0.5, "bytes": list(piece.encode())}
                 for piece in pieces(text)]
        return {"content": [{**word, "top_logprobs": [word]} for word in words], "refusal": None}

    def whole(self, request, answer):
        message = {"role": "assistant", "content": answer["text"] or None, "refusal": None,
                   "annotations": []}
        if answer["calls"]:
            message["tool_calls"] = self.calls(answer)
        return {**self.shell(request, "chat.completion"), "usage": self.usage(answer),
                "choices": [{"index": i, "message": message,
                             "logprobs": self.likely(request.body, answer["text"]),
                             "finish_reason": self.stop[answer["stop"]]}
                            for i in range(request.body.get("n") or 1)]}

    def stream(self, request, answer):
        def chunk(delta, finish=None):
            return {**self.shell(request, "chat.completion.chunk"), "usage": None,
                    "choices": [{"index": 0, "delta": delta, "logprobs": self.likely(
                        request.body, delta["content"]) if delta.get("content") else None,
                                 "finish_reason": finish}]}

        yield chunk({"role": "assistant", "content": None if answer["calls"] else "",
                     "refusal": None})
        for piece in pieces(answer["text"]):
            yield chunk({"content": piece})
        for i, call in enumerate(self.calls(answer)):
            arguments = call["function"]["arguments"]
            yield chunk({"tool_calls": [{"index": i, **call, "function": {
                **call["function"], "arguments": ""}}]})
            for piece in pieces(arguments):
                yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
        yield chunk({}, self.stop[answer["stop"]])
        if (request.body.get("stream_options") or {}).get("include_usage"):
            yield {**self.shell(request, "chat.completion.chunk"), "choices": [],
                   "usage": self.usage(answer)}
        yield None

    @staticmethod
    def event(data):
        return "data: [DONE]\n\n" if data is None else f"data: {json.dumps(data)}\n\n"

    @staticmethod
    def error(status, text):
        kind, code = {429: ("tokens", "rate_limit_exceeded"),
                      400: ("invalid_request_error", None)}[status]
        return {"error": {"message": text, "type": kind, "param": None, "code": code}}


class Deployments(Chat):
    """Azure's older URLs: the model is a deployment, and named there alone."""
    path = re.compile(r"/openai/deployments/([a-z]+)/chat/completions")

    @staticmethod
    def check(schemas, request):
        need(request.headers["api-key"] == KEY, "not the provider's key")
        need("?api-version=2" in request.path, "no api-version")
        request.body["model"] = request.model
        Chat.check(schemas, request)


class Responses(Chat):
    path = re.compile(r"/(?:ollama/)?v1/responses")
    signature = "c2lnbmVkIGJ5IE9wZW5BSQ=="

    @staticmethod
    def check(schemas, request):
        natives.bears_key(request)
        Responses.fits(schemas, request.body)

    @staticmethod
    def fits(schemas, body):
        kind = "Streaming" if body.get("stream") else "NonStreaming"
        schemas.check("openai", f"ResponseCreateParams{kind}", body)

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        heard.stream = body.get("stream", False)
        heard.limit = body.get("max_output_tokens")
        heard.thinks = (body.get("reasoning") or {"effort": "none"}).get("effort") != "none"
        heard.single = body.get("parallel_tool_calls") is False
        heard.system = body.get("instructions") or ""
        kind = (body.get("text") or {}).get("format", {"type": "text"})
        heard.schema = kind["schema"] if kind["type"] == "json_schema" else None
        heard.json, heard.forced = kind["type"] == "json_object", forced(body.get("tool_choice"))
        heard.tools = {t["name"]: [t.get("description"), plain_schema(t["parameters"])]
                       for t in body.get("tools", [])}
        items = body["input"]
        for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
            kind = item.get("type", "message")
            if kind == "function_call":
                heard.model(call=[item["name"], json.loads(item["arguments"])],
                            call_id=item["call_id"])
            elif kind == "function_call_output":
                heard.result(item["call_id"], text_of(item["output"], ("input_text",)))
            elif kind == "message":
                role, content = item["role"], item["content"]
                if role in ("system", "developer"):
                    heard.system += text_of(content, ("input_text",))
                elif role == "assistant":
                    heard.model(text_of(content, ("output_text",)))
                else:
                    for part in [{"type": "input_text", "text": content}] \
                            if isinstance(content, str) else content:
                        if part["type"] == "input_text":
                            heard.user(part["text"])
                        else:
                            heard.user(image=data_url(part["image_url"]))
            else:
                need(kind == "reasoning", f"an item of type {kind}")
                heard.signed(item.get("encrypted_content"), Responses.signature,
                             "".join(part["text"] for part in item["summary"]))
        return heard

    @staticmethod
    def usage(answer):
        prompt, cached, done = answer["tokens"]
        reasoning = REASONING if answer["thinking"] else 0
        return {"input_tokens": prompt, "input_tokens_details": {"cached_tokens": cached},
                "output_tokens": done, "output_tokens_details": {"reasoning_tokens": reasoning},
                "total_tokens": prompt + done}

    @staticmethod
    def logprobs(request, text):
        asked = "message.output_text.logprobs" in request.body.get("include", ())
        return Chat.likely({"logprobs": True}, text)["content"] if asked else []

    def items(self, request, answer):
        if answer["thinking"]:
            yield {"id": "rs_matrix", "type": "reasoning", "encrypted_content": Responses.signature,
                   "summary": [{"type": "summary_text", "text": answer["thinking"]}]}
        if answer["text"]:
            yield {"id": "msg_matrix", "type": "message", "role": "assistant",
                   "status": "completed",
                   "content": [{"type": "output_text", "text": answer["text"],
                                "annotations": [],
                                "logprobs": self.logprobs(request, answer["text"])}]}
        for i, (name, args) in enumerate(answer["calls"]):
            yield {"id": f"fc_{i}", "type": "function_call", "call_id": f"call_{i}XyZ",
                   "name": name, "arguments": json.dumps(args), "status": "completed"}

    def response(self, request, answer=None):
        body, cut = request.body, bool(answer) and answer["stop"] == "length"
        return {"id": f"resp_{request.number}", "object": "response", "created_at": 1767225600,
                "status": "incomplete" if cut else "completed" if answer else "in_progress",
                "completed_at": 1767225601 if answer else None, "error": None, "background": False,
                "max_tool_calls": None, "top_logprobs": 0, "service_tier": "default",
                "presence_penalty": 0, "frequency_penalty": 0, "prompt_cache_key": None,
                "safety_identifier": None,
                "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
                "instructions": body.get("instructions"), "metadata": {},
                "max_output_tokens": body.get("max_output_tokens"), "model": body["model"],
                "output": list(self.items(request, answer)) if answer else [],
                "parallel_tool_calls": True, "previous_response_id": None,
                "reasoning": {"effort": None, "summary": None}, "store": False,
                "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
                "tools": [], "top_p": 1.0, "truncation": "disabled", "usage": self.usage(answer) if answer else None}

    def whole(self, request, answer):
        return self.response(request, answer)

    def stream(self, request, answer):
        for number, event in enumerate(self.told(request, answer)):
            yield {**event, "sequence_number": number}

    def told(self, request, answer):
        begun = self.response(request)
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        for index, item in enumerate(self.items(request, answer)):
            place = {"item_id": item["id"], "output_index": index}
            empty = {"reasoning": {"summary": []}, "message": {"content": []},
                     "function_call": {"arguments": ""}}[item["type"]]
            state = {} if item["type"] == "reasoning" else {"status": "in_progress"}
            yield {"type": "response.output_item.added", "output_index": index,
                   "item": {**item, **empty, **state}}
            if item["type"] == "function_call":
                for piece in pieces(item["arguments"]):
                    yield {"type": "response.function_call_arguments.delta", **place,
                           "delta": piece}
                yield {"type": "response.function_call_arguments.done", **place,
                       "name": item["name"], "arguments": item["arguments"]}
            else:
                yield from self.part(request, item, place)
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        response = self.response(request, answer)
        yield {"type": f"response.{response['status']}", "response": response}

    def part(self, request, item, place):
        if item["type"] == "reasoning":
            (part,), word, text = item["summary"], "reasoning_summary_part", "reasoning_summary_text"
            place, likely = {**place, "summary_index": 0}, lambda text: {}
        else:
            (part,), word, text = item["content"], "content_part", "output_text"
            place = {**place, "content_index": 0}
            likely = lambda text: {"logprobs": self.logprobs(request, text)}  # noqa: E731
        yield {"type": f"response.{word}.added", **place, "part": {**part, "text": "", **likely("")}}
        for piece in pieces(part["text"]):
            yield {"type": f"response.{text}.delta", **place, "delta": piece, **likely(piece)}
        yield {"type": f"response.{text}.done", **place, "text": part["text"], **likely(part["text"])}
        yield {"type": f"response.{word}.done", **place, "part": part}

    @staticmethod
    def event(data):
        return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"


class Azure(Responses):
    path = re.compile(r"/openai/v1/responses")

    @staticmethod
    def check(schemas, request):
        need(request.headers["api-key"] == KEY, "not the provider's key")
        Responses.fits(schemas, request.body)


class Messages:
    path = re.compile(r"/(?:ollama/)?v1/messages")
    signature = "c2lnbmVkIGJ5IENsYXVkZQ=="
    stop = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens"}

    @staticmethod
    def check(schemas, request):
        head = request.headers
        need(KEY in (head["x-api-key"], (head["authorization"] or "").removeprefix("Bearer ")),
             "not the provider's key")
        version = head["anthropic-version"]
        need(version in SCHEMAS, f"anthropic-version {version}")
        Messages.fits(schemas, version, request.body)

    @staticmethod
    def fits(schemas, version, body):
        kind = "Streaming" if body.get("stream") else "NonStreaming"
        schemas.check(version, f"MessageCreateParams{kind}", body)

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        heard.stream, heard.limit = body.get("stream", False), body["max_tokens"]
        heard.thinks = body.get("thinking", {"type": "disabled"})["type"] != "disabled"
        need(body.get("thinking", {}).get("budget_tokens", 1024) >= 1024, "a budget below 1024")
        heard.system = text_of(body.get("system", ""))
        kind = (body.get("output_config") or {}).get("format") or {}
        heard.schema = kind.get("schema")
        heard.forced, heard.stops = forced(body.get("tool_choice")), body.get("stop_sequences", [])
        heard.single = body.get("tool_choice", {}).get("disable_parallel_tool_use", False)
        heard.json = "JSON" in heard.system  # it has no other word for that
        heard.tools = {t["name"]: [t.get("description"), plain_schema(t["input_schema"])]
                       for t in body.get("tools", [])}
        for message in body["messages"]:
            content = message["content"]
            for block in [{"type": "text", "text": content}] if isinstance(content, str) \
                    else content:
                say = heard.user if message["role"] == "user" else heard.model
                kind = block["type"]
                if kind == "text":
                    need(block["text"], "text blocks must be non-empty")
                    say(block["text"])
                elif kind == "image":
                    say(image=[block["source"]["media_type"], block["source"]["data"]])
                elif kind == "tool_use":
                    say(call=[block["name"], block["input"]], call_id=block["id"])
                elif kind == "tool_result":
                    heard.result(block["tool_use_id"], text_of(block.get("content", "")))
                else:
                    need(kind == "thinking", f"a block of type {kind}")
                    heard.signed(block["signature"], Messages.signature, block["thinking"])
        need([m["role"] for m in body["messages"]] ==
             [("user", "assistant")[i % 2] for i in range(len(body["messages"]))],
             "roles must alternate")
        return heard

    @staticmethod
    def usage(answer, whole=True):
        prompt, cached, done = answer["tokens"]
        return {"input_tokens": prompt - cached, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": cached, "output_tokens": done if whole else 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 0,
                                   "ephemeral_1h_input_tokens": 0},
                "service_tier": "standard"}

    @staticmethod
    def blocks(answer):
        if answer["thinking"]:
            yield {"type": "thinking", "thinking": answer["thinking"], "signature": Messages.signature}
        if answer["text"]:
            yield {"type": "text", "text": answer["text"]}
        for i, (name, args) in enumerate(answer["calls"]):
            yield {"type": "tool_use", "id": f"toolu_01Matrix{i}", "name": name, "input": args}

    def reason(self, answer):
        """Alone among them it tells which of the client's texts it was."""
        cut = answer.get("stopped")
        return {"stop_reason": "stop_sequence" if cut else self.stop[answer["stop"]],
                "stop_sequence": cut}

    def message(self, request, answer, whole):
        return {"id": "msg_01Matrix", "type": "message", "role": "assistant",
                "model": request.body["model"],
                "content": list(self.blocks(answer)) if whole else [],
                **(self.reason(answer) if whole else {"stop_reason": None, "stop_sequence": None}),
                "usage": self.usage(answer, whole)}

    def whole(self, request, answer):
        return self.message(request, answer, True)

    def stream(self, request, answer):
        yield {"type": "message_start", "message": self.message(request, answer, False)}
        yield {"type": "ping"}
        for i, block in enumerate(self.blocks(answer)):
            begin, deltas = {
                "thinking": ({"thinking": "", "signature": ""}, [
                    *({"type": "thinking_delta", "thinking": p}
                      for p in pieces(block.get("thinking", ""))),
                    {"type": "signature_delta", "signature": Messages.signature}]),
                "text": ({"text": ""}, [{"type": "text_delta", "text": p}
                                        for p in pieces(block.get("text", ""))]),
                "tool_use": ({"input": {}}, [
                    {"type": "input_json_delta", "partial_json": p}
                    for p in ["", *pieces(json.dumps(block.get("input")))]]),
            }[block["type"]]
            yield {"type": "content_block_start", "index": i, "content_block": {**block, **begin}}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": i, "delta": delta}
            yield {"type": "content_block_stop", "index": i}
        yield {"type": "message_delta", "usage": {"output_tokens": answer["tokens"][2]},
               "delta": self.reason(answer)}
        yield {"type": "message_stop"}

    event = staticmethod(Responses.event)

    @staticmethod
    def error(status, text):
        kind = {429: "rate_limit_error", 400: "invalid_request_error"}[status]
        return {"type": "error", "error": {"type": kind, "message": text},
                "request_id": "req_01Matrix"}


class VertexClaude(Messages):
    """A cloud's Claude: the version stands in the body, the model in the URL alone."""
    path = re.compile(r"/v1/projects/p/locations/r/publishers/anthropic/models/"
                      r"claude-([a-z]+):(?:rawPredict|streamRawPredict)")
    version = "vertex-2023-10-16"

    def check(self, schemas, request):
        natives.bears_key(request)
        said = request.body.pop("anthropic_version", None)
        need(said == self.version, f"anthropic_version {said}")
        need("model" not in request.body, "a model beside the URL's")
        request.body["model"] = request.model
        self.streams(request, "stream" in request.path)
        Messages.fits(schemas, "2023-06-01", request.body)

    @staticmethod
    def streams(request, stream):
        need(request.body.get("stream", False) == stream, "the URL streams, the body does not")


class BedrockClaude(VertexClaude):
    """Here the URL alone says that it is a stream, whose events are chunks of AWS's."""
    path = re.compile(r"/model/anthropic\.claude-([a-z]+)-v1:0/invoke(?:-with-response-stream)?")
    version = "bedrock-2023-05-31"
    media = natives.Converse.media
    error, error_head = staticmethod(natives.Converse.error), staticmethod(natives.Converse.error_head)

    @staticmethod
    def streams(request, stream):
        need("stream" not in request.body, "a word of streams in the body")
        request.body["stream"] = stream

    @staticmethod
    def event(data):
        return natives.Converse.event(("chunk", {"bytes": base64.b64encode(
            json.dumps(data).encode()).decode()}))


def camel(node):
    """Google takes keys spelt either way; what is not Google's to spell stays as it is."""
    if isinstance(node, list):
        return [camel(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): value
             for key, value in node.items()}
    free = ("args", "response", "parametersJsonSchema", "responseJsonSchema")
    return {key: value if key in free else camel(value) for key, value in found.items()}


class Gemini:
    path = re.compile(r"/(?:v1(?:beta)?|v1/projects/p/locations/r/publishers/google)/models/"
                      r"([^/:]+):(generateContent|streamGenerateContent)")  # of its own, and Vertex
    signature = "c2lnbmVkIGJ5IEdlbWluaQ=="
    no_signatures = ("skip_thought_signature_validator",  # the API's own word, for a call alone
                     "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")
    stop = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS"}

    @staticmethod
    def check(schemas, request):
        if "/projects/" in request.path:  # Vertex
            natives.bears_key(request)
        else:
            need(request.headers["x-goog-api-key"] == KEY, "not the provider's key")
        request.body = camel(request.body)
        schemas.check("google", "GenerateContentRequest", request.body)

    @staticmethod
    def hear(request):
        body, heard = request.body, Heard()
        config = body.get("generationConfig") or {}
        heard.stream = "stream" in request.path
        heard.limit = config.get("maxOutputTokens")
        heard.thinks = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
        heard.schema = config.get("responseJsonSchema") or config.get("responseSchema")
        heard.json = config.get("responseMimeType") == "application/json"
        need(not heard.schema or heard.json, "a schema without its type")
        calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        if calling.get("mode") == "ANY":
            heard.forced = (calling.get("allowedFunctionNames") or [""])[0]
        heard.stops = config.get("stopSequences") or []
        heard.system = "".join(p["text"] for p in
                               (body.get("systemInstruction") or {"parts": []})["parts"])
        heard.tools = {
            f["name"]: [f.get("description"),
                        plain_schema(f.get("parametersJsonSchema") or f.get("parameters"))]
            for t in body.get("tools") or [] for f in t["functionDeclarations"]}
        for content in body["contents"]:
            need(content.get("parts"), "contents without parts")
            for part in content["parts"]:
                say = heard.model if content["role"] == "model" else heard.user
                signature = part.get("thoughtSignature")
                if "functionCall" not in part or signature not in Gemini.no_signatures:
                    heard.signed(signature, Gemini.signature)
                if "functionCall" in part:
                    call = part["functionCall"]
                    say(call=[call["name"], call.get("args", {})], call_id=call["name"])
                elif "functionResponse" in part:
                    result = part["functionResponse"]
                    heard.result(result["name"], result["response"])
                elif "inlineData" in part:
                    say(image=[part["inlineData"]["mimeType"], part["inlineData"]["data"]])
                elif not part.get("thought"):
                    say(part["text"])
        return heard

    @staticmethod
    def usage(answer):
        prompt, cached, done = answer["tokens"]
        thought = REASONING if answer["thinking"] else 0
        found = {"promptTokenCount": prompt, "cachedContentTokenCount": cached,
                 "candidatesTokenCount": done - thought, "totalTokenCount": prompt + done,
                 "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}]}
        return {**found, "thoughtsTokenCount": thought} if thought else found

    def page(self, request, answer, parts, last=True):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if last:
            candidate["finishReason"] = self.stop[answer["stop"]]
        return {"candidates": [candidate], "usageMetadata": self.usage(answer),
                "modelVersion": request.model, "responseId": "matrix"}

    @staticmethod
    def calls(answer):
        return [{"functionCall": {"name": name, "args": args},
                 "thoughtSignature": Gemini.signature}
                for name, args in answer["calls"]]

    def whole(self, request, answer):
        parts = [{"text": answer["thinking"], "thought": True}] if answer["thinking"] else []
        parts += [{"text": answer["text"]}] if answer["text"] else []
        return self.page(request, answer, parts + self.calls(answer))

    def stream(self, request, answer):
        for piece in pieces(answer["thinking"]):
            yield self.page(request, answer, [{"text": piece, "thought": True}], False)
        for piece in pieces(answer["text"]):
            yield self.page(request, answer, [{"text": piece}], False)
        for call in self.calls(answer):
            yield self.page(request, answer, [call], False)
        yield self.page(request, answer, [{"text": ""}])

    @staticmethod
    def event(data):
        return f"data: {json.dumps(data)}\r\n\r\n"

    @staticmethod
    def error(status, text):
        word = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT"}[status]
        return {"error": {"code": status, "message": text, "status": word}}


# Rows of the gateway's providers, and below which path each finds its API here. OpenAI and Google have
# more than one API, and a client of the second is served by that: `azure` has Chat Completions alone,
# `vertex` Gemini's own.
ROWS = {"openai": ("openai", "/v1"), "azure": ("azure-models", ""),
        "responses": ("openai-responses", "/v1"), "anthropic": ("anthropic", ""),
        "google": ("gemini", ""), "vertex": ("vertex", ""), "azure-v1": ("azure", ""),
        "deployments": ("azure-deployments", ""), **natives.ROWS}


def configuration(url, **more):
    """Of a gateway before the server at the URL; its environment has UPSTREAM_KEY."""
    rows = {name: {"type": kind, "endpoints": url + path, "private": True, "key": "env:UPSTREAM_KEY"}
            for name, (kind, path) in ROWS.items()}
    rows["vertex"].update(project="p", region="r")
    return {"version": 1, "providers": rows, **more,
            # a talk's errors are its own: the next one asks the same providers
            "defaults": {"retry": {"same_target": 0}, "breaker": False, "rate_limits": False,
                         **more.get("defaults", {})},
            "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "workers": 1,
                       "drain": "1s"}}


APIS = {"openai.chat": Chat(), "openai.responses": Responses(), "anthropic.messages": Messages(),
        "gemini.generate": Gemini(), **natives.APIS}
# The same at clouds.
HOSTED = {"Azure OpenAI": Azure(), "Azure OpenAI, by deployment": Deployments(),
          "Claude on Vertex AI": VertexClaude(), "Claude on Bedrock": BedrockClaude()}


def completion(body):
    use = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    return {"id": "cmpl-matrix", "object": "text_completion", "created": 1767225600,
            "model": body["model"], "usage": use, "choices": [
                {"text": str(body["prompt"]), "index": 0, "logprobs": None, "finish_reason": "stop"}]}


def embedded(body):
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    return {"object": "list", "model": body["model"],
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
            "data": [{"object": "embedding", "index": i, "embedding": [0.5] * body.get("dimensions", 8)}
                     for i in range(len(texts))]}


def counted(key, **more):
    return lambda body: {**more, key: len(json.dumps(body).split())}


# What is no talk: counts of tokens, where a word is one, vectors, and OpenAI's old completions, which say
# their prompt again.
PLAIN = [(re.compile(r"/v1/messages/count_tokens"), counted("input_tokens")),
         (re.compile(r"/v1/responses/input_tokens"),
          counted("input_tokens", object="response.input_tokens")),
         (re.compile(r"/v1(?:beta)?/models/[^/:]+:countTokens"), counted("totalTokens")),
         (re.compile(r"/(?:v1|v1beta/openai)/embeddings"), embedded),
         (re.compile(r"/v1/completions"), completion)]


# --- The server -----------------------------------------------------------------------------

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    numbers = itertools.count(1)  # no two answers have one id, of whatever provider they are

    def do_POST(self):
        self.number = next(self.numbers)
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = urllib.parse.unquote(self.path.split("?")[0])
        name, api = next(((n, a) for n, a in (APIS | HOSTED).items() if a.path.fullmatch(path)),
                         (None, None))
        plain = next((say for form, say in PLAIN if form.fullmatch(path)), None)
        if plain:
            return self.say(200, plain(self.body))
        if not api:
            self.server.wrong.append(f"no API at {path}")
            return self.say(404, {})
        self.server.asked.add(name)
        found = api.path.fullmatch(path)
        self.model = found[1] if found.groups() else self.body.get("model", "")
        try:
            api.check(self.server.schemas, self)
            heard = api.hear(self)
            talk = (TALKS | MOVING).get(self.model)
            need(talk or self.model in MODELS, f"no model is called {self.model}")
            if talk:
                self.server.calls.append((name, heard.calls))
                self.server.signatures += heard.signatures
                self.server.thoughts += heard.thoughts
                answer = (talk["answers"] or [None])[heard.against(talk)]
            else:
                answer = MODELS[self.model](heard)
        except Wrong as e:
            self.server.wrong.append(f"{path}: {e}")
            return self.refuse(api, 400, str(e))
        if not answer:
            return self.refuse(api, *talk["refused"])
        if heard.stream:
            return self.tell(getattr(api, "media", "text/event-stream"),
                             (api.event(e) for e in api.stream(self, answer)))
        return self.say(200, api.whole(self, answer))

    def refuse(self, api, status, text):
        head = api.error_head(status) if hasattr(api, "error_head") else {}
        self.say(status, api.error(status, text), head)

    def say(self, status, body, head=()):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **dict(head)}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def tell(self, media, events):
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event if isinstance(event, bytes) else event.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


class Upstreams(http.server.ThreadingHTTPServer):
    """All of them at one port. `wrong` has a line for each request that was refused as wrong;
    `signatures` are those that came back to whom they are of, `thoughts` what came back of their
    thinking; `asked` names the APIs that were; `calls` has of each talk's request its API and the ids of
    all calls in it."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.schemas, self.wrong, self.asked = Schemas(), [], set()
        self.signatures, self.thoughts, self.calls = [], [], []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that leaves is none; a handler that fails is told."""
        if not isinstance(sys.exception(), ConnectionError):
            self.wrong.append(traceback.format_exc())

    def stop(self):
        self.shutdown()
        self.server_close()
