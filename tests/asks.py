"""The same small question in each dialect, and the text of what came."""
import json

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
GEMINI = "/v1beta/models/"
HELLO = [{"role": "user", "content": "hi"}]
BODIES = {CHAT: {"messages": HELLO}, MESSAGES: {"messages": HELLO, "max_tokens": 50},
          RESPONSES: {"input": "hi"}, GEMINI: {"contents": [{"parts": [{"text": "hi"}]}]}}
# What the mock says to it.
WORDS = "".join(f"w{n:06} " for n in range(12))


def question(path, model, stream):
    """Path and body."""
    body = dict(BODIES[path])
    if path == GEMINI:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{path}{model}:{verb}", body
    return path, {"model": model, **body, **({"stream": True} if stream else {})}


def said(text):
    """The events of a stream, as far as they are whole."""
    whole = text[:text.rfind(b"\n") + 1]
    events = [line[6:].strip() for line in whole.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(event) for event in events if event != b"[DONE]"]


def text_of(path, stream, text):
    events = said(text) if stream else [json.loads(text)]
    if path == CHAT:
        parts = [c.get("delta", c.get("message", {})).get("content")
                 for e in events for c in e.get("choices", [])]
    elif path == GEMINI:
        parts = [p.get("text") for e in events for c in e.get("candidates", [])
                 for p in c.get("content", {}).get("parts", [])]
    elif path == MESSAGES and stream:
        parts = [e["delta"].get("text") for e in events if e["type"] == "content_block_delta"]
    elif path == MESSAGES:
        parts = [b["text"] for b in events[0]["content"]]
    elif stream:
        parts = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    else:
        parts = [p["text"] for item in events[0]["output"] for p in item.get("content", [])]
    return "".join(part or "" for part in parts)
