"""Amazon Bedrock on loopback, as far as its answers go. What it does stands in the model's name,
behind the family: "nova-cut", "claude-crc". What it was asked it keeps."""
import base64
import http.server
import json
import struct
import threading
import urllib.parse
import zlib

TOOL_INPUT = {"city": "Paris", "n": 9007199254740993}
WORDS = [f"w{i} " for i in range(20)]
LONG = "long text " * 30000  # far more than a window


def header(name, value):
    return (bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value))
            + value.encode())


def frame(kind, key, name, payload):
    head = (header(":message-type", kind) + header(key, name)
            + header(":content-type", "application/json"))
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    text = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + body
    return text + struct.pack(">I", zlib.crc32(text))


def event(name, **payload):
    return frame("event", ":event-type", name, {**payload, "p": "abcdef"})


def exception(name, message):
    return frame("exception", ":exception-type", name, {"message": message})


def delta(index, **said):
    return event("contentBlockDelta", contentBlockIndex=index, delta=said)


USAGE = {"inputTokens": 10, "outputTokens": 22, "totalTokens": 39, "cacheReadInputTokens": 7,
         "cacheWriteInputTokens": 0}


def converse_stream(way):
    texts = [LONG] if way == "long" else WORDS
    half = json.dumps(TOOL_INPUT)
    return [event("messageStart", role="assistant"),
            delta(0, reasoningContent={"text": "hm"}),
            delta(0, reasoningContent={"signature": "c2ln"}),
            event("contentBlockStop", contentBlockIndex=0),
            *(delta(1, text=text) for text in texts),
            event("contentBlockStop", contentBlockIndex=1),
            event("contentBlockStart", contentBlockIndex=2,
                  start={"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}),
            delta(2, toolUse={"input": half[:7]}), delta(2, toolUse={"input": half[7:]}),
            event("contentBlockStop", contentBlockIndex=2),
            event("messageStop", stopReason="tool_use"),
            event("metadata", usage=USAGE, metrics={"latencyMs": 1})]


def converse(_):
    content = [{"text": "".join(WORDS)},
               {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": TOOL_INPUT}}]
    return {"output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use", "usage": USAGE, "metrics": {"latencyMs": 1}}


MESSAGE = {"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
           "content": [], "stop_reason": None, "stop_sequence": None,
           "usage": {"input_tokens": 10, "output_tokens": 1}}


def messages():
    """The events of Claude's own stream."""
    return [{"type": "message_start", "message": MESSAGE},
            {"type": "content_block_start", "index": 0,
             "content_block": {"type": "text", "text": ""}},
            *({"type": "content_block_delta", "index": 0,
               "delta": {"type": "text_delta", "text": text}} for text in WORDS),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
             "usage": {"output_tokens": 22}},
            {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 10}}]


def invoke_stream(_):
    return [event("chunk", bytes=base64.b64encode(json.dumps(m).encode()).decode())
            for m in messages()]


def invoke(_):
    return {**MESSAGE, "content": [{"type": "text", "text": "".join(WORDS)}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 10, "output_tokens": 22}}


def spoil(frames, way):
    """What the wire makes of it. The eighth frame is one of many texts."""
    if way == "cut":
        return b"".join(frames[:8])[:-3]
    if way == "between":
        return b"".join(frames[:8])
    if way == "crc":
        frames[7] = frames[7][:-1] + bytes([frames[7][-1] ^ 1])
    if way == "prelude":
        frames[7] = frames[7][:8] + bytes([frames[7][8] ^ 1]) + frames[7][9:]
    if way == "exception":
        frames = [*frames[:8], exception("modelStreamErrorException", "it broke")]
    if way == "throttled":
        frames = [exception("throttlingException", "Too many tokens")]
    if way == "unmeasured":
        frames = frames[:-1]
    return b"".join(frames)


REFUSALS = {"busy": (429, "ThrottlingException", "Too many requests, please wait."),
            "cold": (429, "ModelNotReadyException:http://internal.amazon.com/", "Not ready."),
            "denied": (403, "AccessDeniedException", "You don't have access to the model."),
            "toolong": (400, "ValidationException", "Input is too long for requested model.")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        _, _, model, operation = self.path.split("/")
        way = urllib.parse.unquote(model).split("-")[-1]
        self.server.asked.append({"path": self.path, "headers": dict(self.headers.items()),
                                  "text": body.decode(), "body": json.loads(body)})
        if way in REFUSALS:
            status, name, message = REFUSALS[way]
            self.whole(status, {"message": message}, name)
        elif operation in ("converse", "invoke"):
            self.whole(200, (converse if operation == "converse" else invoke)(way))
        else:
            frames = converse_stream(way) if operation == "converse-stream" else invoke_stream(way)
            self.stream(spoil(frames, way), way)

    def whole(self, status, answer, error=None):
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(text)

    def stream(self, text, way):
        step = 7 if way == "pieces" else len(text)
        self.send_response(200)
        self.send_header("content-type", "application/vnd.amazon.eventstream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for at in range(0, len(text), step):
            piece = text[at:at + step]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class Bedrock:
    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.asked = []
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def addr(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    def asked(self):
        return self.server.asked[-1]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
