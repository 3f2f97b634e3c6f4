"""What is left of a target's rate limit is known before it is asked: whoever would be refused goes
elsewhere, or waits, and no 429 is provoked."""
import concurrent.futures
import json
import subprocess
import threading
import time

import pytest

import bed
import peers

LIMIT, SECONDS = 4000, 4  # tokens; in which an empty bucket is full
MESSAGES = "/v1/messages"


class Account:
    """A bucket of tokens that fills up all the time, counted as OpenAI does."""

    def __init__(self, limit=LIMIT, seconds=SECONDS):
        self.limit, self.per_s, self.left = limit, limit / seconds, limit
        self.at, self.lock, self.served, self.refused = time.monotonic(), threading.Lock(), 0, 0

    def head(self):
        reset = (self.limit - self.left) / self.per_s
        return ["x-ratelimit-limit-requests: 5000", "x-ratelimit-remaining-requests: 4999",
                "x-ratelimit-reset-requests: 12ms", f"x-ratelimit-limit-tokens: {self.limit}",
                f"x-ratelimit-remaining-tokens: {int(self.left)}",
                f"x-ratelimit-reset-tokens: {int(1000 * reset)}ms"]

    def say(self, request):
        body = json.loads(request.body)
        need = len(request.body) // 4 + body.get("max_tokens", 0)
        with self.lock:
            now = time.monotonic()
            self.left = min(self.limit, self.left + (now - self.at) * self.per_s)
            self.at = now
            if need > self.left:
                self.refused += 1
                return peers.answer(429, {"error": {"code": "rate_limit_exceeded",
                                                    "message": "Rate limit reached"}},
                                    [*self.head(), "retry-after: 1"])
            self.left -= need
            self.served += 1
            return peers.answer(200, peers.completion(), self.head())


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def gateway(binary, place, account):
    with peers.Provider(account.say) as limited, peers.Provider() as free:
        conf = bed.basic(free.addr)
        conf["defaults"].pop("breaker")
        conf["defaults"].pop("rate_limits")
        conf["providers"]["lim"] = bed.provider("openai", limited.addr, key="env:OAI_KEY")
        targets = ["lim/m", "gen/m"]
        conf["models"] = {"both": {"targets": targets}, "one": {"targets": targets[0]},
                          "patient": {"targets": targets[0], "retry": {"wait_up_to": "5s"}},
                          "off": {"targets": targets, "rate_limits": False}}
        g = bed.Gateway(binary, place, conf, env=bed.KEYS)
        yield g
        g.stop()


def ask_many(gateway, model, n, **more):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        return list(pool.map(lambda _: gateway.chat(model, **more), range(n)))


def test_no_429_is_provoked(gateway, account):
    assert gateway.chat("both", max_tokens=100)["x-lamplighter-target"] == "lim/m"
    answers = ask_many(gateway, "both", 120, max_tokens=400)
    assert {a.status for a in answers} == {200} and account.refused == 0
    by = [a["x-lamplighter-target"] for a in answers]
    assert by.count("lim/m") == account.served - 1 >= 5 and by.count("gen/m") > 50
    skipped = [a for a in answers if a["x-lamplighter-target"] == "gen/m"]
    assert gateway.record(skipped[0])["skipped"].startswith("lim/m=rate-spent(")
    assert skipped[0]["x-lamplighter-attempts"] == "1"
    off = ask_many(gateway, "off", 40, max_tokens=400)
    assert {a.status for a in off} == {200} and account.refused > 0


def test_nobody_left_is_a_429_with_its_time(gateway, account, binary, place):
    assert gateway.chat("one", max_tokens=3900).status == 200
    answer = gateway.chat("one", max_tokens=3000)
    assert (answer.status, answer["x-lamplighter-reason"]) == (429, "rate-spent")
    assert answer["x-should-retry"] == "true" and 1 <= int(answer["retry-after"]) <= 4
    assert 1 <= int(answer["retry-after-ms"]) <= 4000
    assert "rate limits" in answer.json()["error"]["message"]
    assert (account.served, account.refused) == (1, 0)
    target = next(t for t in gateway.status()["targets"] if t["target"] == "lim/m")
    assert target["tokens_limit"] == LIMIT and target["tokens_left"] < 3000
    assert target["requests_left"] >= 4999
    row = 'lamplighter_target_ratelimit_remaining{target="lim/m",kind="tokens"}'
    assert gateway.metrics()[row] < 4000
    shown = subprocess.run([binary, "status", "--admin", f"http://{gateway.admin}"], capture_output=True,
                           text=True, check=True).stdout
    assert "TOKENS LEFT" in shown and f"/{LIMIT}" in shown
    (place / "body.json").write_text(json.dumps({"messages": [], "max_tokens": 3900}))
    told = subprocess.run([binary, "route", "both", "--admin", f"http://{gateway.admin}",
                           "-f", place / "body.json"], capture_output=True, text=True, check=False)
    assert "rate-spent" in told.stdout, told
    assert gateway.chat("one", max_tokens=1).status == 200  # a small one has room


def test_it_is_waited_for_where_the_model_says_so(gateway, account):
    assert gateway.chat("patient", max_tokens=3900).status == 200
    began = time.monotonic()
    answer = gateway.chat("patient", max_tokens=1500)
    assert answer.status == 200 and account.refused == 0
    assert time.monotonic() - began > 0.9
    assert gateway.record(answer)["attempts"] == 1


def test_one_request_larger_than_the_limit_is_asked(gateway, account):
    account.limit = account.left = 2000
    assert gateway.chat("one", max_tokens=10).status == 200
    answer = gateway.chat("one", max_tokens=2500)
    assert (answer.status, account.refused) == (429, 1)  # the provider's word, not a guess
    assert answer["x-lamplighter-reason"] == "upstream-status"


def test_input_and_output_are_apart_at_anthropic(binary, place):
    left = {"input-tokens": 5000, "output-tokens": 8000}

    def say(_):
        head = [f"anthropic-ratelimit-{kind}-{what}: {value}" for kind, most in left.items()
                for what, value in (("limit", 10000), ("remaining", most),
                                    ("reset", "2099-01-01T00:00:00Z"))]
        return peers.answer(200, {"id": "msg", "type": "message", "role": "assistant", "model": "m",
                                  "content": [{"type": "text", "text": "hi"}],
                                  "stop_reason": "end_turn", "stop_sequence": None,
                                  "usage": {"input_tokens": 1, "output_tokens": 1}}, head)

    def ask(gateway, max_tokens=10, text="hi"):
        return gateway.ask(MESSAGES, {"model": "ant/m", "max_tokens": max_tokens,
                                      "messages": [{"role": "user", "content": text}]})

    with peers.Provider(say) as provider:
        conf = bed.basic(provider.addr)
        conf["defaults"]["rate_limits"] = True
        g = bed.Gateway(binary, place, conf, env=bed.KEYS)
        assert ask(g).status == 200
        assert ask(g, max_tokens=9000).status == 200  # output is counted as it comes
        assert ask(g, text="word " * 6000).status == 429
        left["output-tokens"] = 0
        assert ask(g).status == 200
        assert ask(g).status == 429
        assert len(provider.requests) == 3
        g.stop()


def test_who_asks_to_slow_down_is_sent_no_more_than_before(binary, place):
    answers = []

    def say(_):
        return answers.pop() if answers else peers.chat()

    with peers.Provider(say) as fast, peers.Provider() as other:
        conf = bed.basic(other.addr)
        conf["defaults"].pop("rate_limits")
        conf["providers"]["lim"] = bed.provider("openai", fast.addr, key="env:OAI_KEY")
        conf["models"] = {"m": {"targets": ["lim/m", "gen/m"]}}
        g = bed.Gateway(binary, place, conf, env=bed.KEYS)
        for _ in range(4):
            assert g.chat("m", max_tokens=1000)["x-lamplighter-target"] == "lim/m"
        answers.append(peers.answer(429, {"error": {"code": "slow_down", "message": "Slow down"}},
                                    ["retry-after-ms: 1"]))
        assert g.chat("m", max_tokens=2000)["x-lamplighter-target"] == "gen/m"
        time.sleep(0.01)
        later = g.chat("m", max_tokens=2000)
        assert later["x-lamplighter-target"] == "gen/m"
        assert g.record(later)["skipped"].startswith("lim/m=ramping(")
        target = next(t for t in g.status()["targets"] if t["target"] == "lim/m")
        assert target["ramp_tokens_per_minute"] >= 4096
        assert 'lamplighter_target_ramp_tokens_per_minute{target="lim/m"}' in g.metrics()
        g.stop()


@pytest.mark.parametrize("status, head, again, seconds, ms", [
    (429, ["retry-after-ms: 1500"], "true", "2", "1500"),
    (429, ["retry-after: 60"], "true", "60", "60000"),
    (429, ["retry-after: 61"], "false", "61", "61000"),
    (429, ["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 2m0s"], "false", "120",
     "120000"),
    (429, ["retry-after: 0"], "true", "0", "1"),
    (429, ["retry-after: 99999999999"], "false", "99999999999", "3600000"),
    (529, [], "true", None, None),
    (401, ["retry-after: 3"], "false", "3", "3000"),
    (400, [], "false", None, None),
])
def test_sdks_are_told_whether_and_when(binary, place, status, head, again, seconds, ms):
    error = {"error": {"type": "an_error", "message": "No."}}
    with peers.Provider(lambda _: peers.answer(status, error, head)) as provider:
        g = bed.Gateway(binary, place, bed.basic(provider.addr), env=bed.KEYS)
        answer = g.chat("oai/m")
        assert (answer.status >= 400, answer["x-should-retry"]) == (True, again)
        assert (answer["retry-after"], answer["retry-after-ms"]) == (seconds, ms)
        g.stop()
