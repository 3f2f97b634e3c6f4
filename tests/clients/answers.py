"""Recordings that the mock replays, for what it does not make up by itself: two tools called in
one answer, their arguments interleaved."""
import json

CALLS = [("call_a", "weather", '{"city":"Ulm"}'), ("call_b", "time", '{"zone":"CET"}')]


def openai_chunks():
    def chunk(delta, finish=None):
        return {"id": "chatcmpl-two", "object": "chat.completion.chunk", "created": 1767225600,
                "model": "mock",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def call(index, **function):
        return chunk({"tool_calls": [{"index": index, "function": function}]})

    yield chunk({"role": "assistant", "content": None})
    for i, (id_, name, _) in enumerate(CALLS):
        first = {"index": i, "id": id_, "type": "function",
                 "function": {"name": name, "arguments": ""}}
        yield chunk({"tool_calls": [first]})
    for at in range(0, max(len(args) for _, _, args in CALLS), 4):
        for i, (_, _, args) in enumerate(CALLS):
            yield call(i, arguments=args[at:at + 4])
    yield chunk({}, "tool_calls")


def anthropic_events():
    yield {"type": "message_start",
           "message": {"id": "msg_two", "type": "message", "role": "assistant", "model": "mock",
                       "content": [], "stop_reason": None, "stop_sequence": None,
                       "usage": {"input_tokens": 9, "output_tokens": 1}}}
    for i, (id_, name, args) in enumerate(CALLS):
        yield {"type": "content_block_start", "index": i,
               "content_block": {"type": "tool_use", "id": id_, "name": name, "input": {}}}
        for at in range(0, len(args), 4):
            yield {"type": "content_block_delta", "index": i,
                   "delta": {"type": "input_json_delta", "partial_json": args[at:at + 4]}}
        yield {"type": "content_block_stop", "index": i}
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
           "usage": {"output_tokens": 17}}
    yield {"type": "message_stop"}


def write(path):
    """The recordings `two-openai` and `two-anthropic`."""
    chat = "".join(f"data: {json.dumps(c)}\n\n" for c in openai_chunks()) + "data: [DONE]\n\n"
    messages = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n"
                       for e in anthropic_events())
    rows = [("two-openai", chat), ("two-anthropic", messages)]
    head = {"content-type": "text/event-stream"}
    path.write_text("".join(
        json.dumps({"id": id_, "status": 200, "resp_headers": head, "resp": text}) + "\n"
        for id_, text in rows))
