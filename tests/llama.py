"""llama-server as an engine that somebody else has started, and gateways before several of them."""
import json
import urllib.request

import serving

MODEL = "smollm2"
READY_SECONDS_MAX = 50


class Llama(serving.Server):
    """One thread: more of them wait for each other by spinning."""

    def __init__(self, engine, directory, name, alias=MODEL):
        server, model = engine
        self.port = serving.free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}/v1"
        super().__init__([server, "-m", model, "-a", alias, "--host", "127.0.0.1", "--port",
                          self.port, "-c", 1024, "-t", 1], directory, name)

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"{self.name} died while loading"
            try:
                serving.get(f"http://127.0.0.1:{self.port}/health")
            except OSError:
                return False
            return True

        serving.wait_for(ready, READY_SECONDS_MAX, 0.1)
        return self

    def kill(self):
        """Without a word, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()


def configuration(endpoints, aliases=None, **model):
    """One model of all these endpoints, each a provider of its own: a, b, ...; aliases: what each calls
    its model, if not all of them have the same weights."""
    names = "abcdefgh"[:len(endpoints)]
    aliases = aliases or [MODEL] * len(endpoints)
    return json.dumps({
        "version": 1,
        "server": {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "workers": 1, "drain": "1s"},
        "providers": {n: {"type": "llama.cpp", "endpoints": e} for n, e in zip(names, endpoints)},
        "defaults": {"retry": {"same_target": 0}, "breaker": False},
        "models": {MODEL: {"targets": [f"{n}/{alias}" for n, alias in zip(names, aliases)], **model}},
    })


class Told:
    """A streamed chat as its client reads it; `until(told)` is asked behind each event, and may act."""

    def __init__(self, base, body, until=None, timeout=120):
        self.text, self.pieces, self.mark, self.stop, self.error = "", 0, None, None, None
        self.done = False
        request = urllib.request.Request(
            base + "/v1/chat/completions", json.dumps({"stream": True, **body}).encode(),
            {"content-type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            self.headers = answer.headers
            for line in answer:
                if line.startswith(b"data: "):
                    self.read(line[6:].strip())
                    if until:
                        until(self)

    def read(self, data):
        if data == b"[DONE]":
            self.done = True
            return
        said = json.loads(data)
        self.error = said.get("error", self.error)
        self.mark = said.get("lamplighter", {}).get("joined", self.mark)
        for choice in said.get("choices", []):
            self.text += choice["delta"].get("content") or ""
            self.pieces += bool(choice["delta"].get("content"))
            self.stop = choice["finish_reason"] or self.stop
