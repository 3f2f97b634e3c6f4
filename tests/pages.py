"""A self-hosted engine, as far as a gateway sees it: its pages are what a test says."""
import subprocess

import peers

VLLM = """vllm:num_requests_running{engine="0",model_name="m"} 42.0
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.625
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
vllm:cache_config_info{block_size="16",num_gpu_blocks="1000"} 1.0
"""


class Engine(peers.Provider):
    """pages: path -> bytes of an answer, or what gives its pieces; what is not there is 404."""

    def __init__(self, pages):
        self.pages = pages
        super().__init__(self.page)

    def page(self, request):
        if request.path == "/v1/completions":
            return peers.answer(200, {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [
                {"index": 0, "text": peers.HELLO, "logprobs": None, "finish_reason": "stop"}]})
        if request.method == "POST":
            return peers.chat()
        found = self.pages.get(request.path)
        return found() if callable(found) else found or peers.answer(404, b"")

    def asked(self, path):
        return len([r for r in self.requests if r.path == path])


def healthy(metrics=VLLM):
    return {"/health": peers.answer(200, b""), "/metrics": peers.answer(200, metrics.encode(), kind="text/plain")}


def command(binary, g, *args):
    return subprocess.run([binary, *args, "--admin", f"http://{g.admin}"], capture_output=True, text=True, timeout=30,
                          check=True).stdout
