"""What the gateway thinks of its targets is seen where operators look: in the metrics, in the status and in
what `lamplighter status` prints."""
import subprocess

import pytest

import bed
import peers

ILL = peers.answer(503, {"error": {"type": "overloaded", "message": "it is ill"}})
COUNTED = 'lamplighter_last_resort_probes_total{target="p/m"}'


class Provider:
    """Ill until it is well."""

    def __init__(self):
        self.ill = True

    def say(self, _):
        return ILL if self.ill else peers.answer(200, peers.completion())


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def gateway(start, provider):
    with peers.Provider(provider.say) as peer:
        conf = bed.basic(peer.addr)
        conf["defaults"] |= {"breaker": True, "slow_start": "40s"}
        conf["providers"] = {"p": bed.provider("openai-compatible", peer.addr),
                             "q": bed.provider("openai-compatible", peer.addr)}
        conf["models"] = {"m": {"targets": ["p/m"]}, "two": {"targets": ["p/m", "q/m"]}}
        yield start(bed.Gateway, conf)


def agreed(g, name):
    """The target in the status, if the metrics say the same; None: it has changed between the two."""
    found = next(t for t in g.status()["targets"] if t["target"] == name)
    metrics = g.metrics()

    def value(metric, more=""):
        return metrics.get(f'lamplighter_{metric}{{target="{name}"{more}}}', 0)

    same = (value("target_state", f',state="{found["state"]}"') == 1 and
            (value("target_slow_start_seconds") > 0) == (found["state"] == "slow_start") and
            abs(value("target_retry_budget") - found["retries_left"]) < 0.2 and
            value("last_resort_probes_total") == found["last_resort_probes"])
    return found if same else None


def look(g, name="p/m"):
    return bed.wait_for(lambda: agreed(g, name))


def line(g, binary, name="p/m"):
    run = subprocess.run([binary, "status", "--admin", f"http://{g.admin}"], capture_output=True,
                         text=True, timeout=20, check=True)
    heads = next(text for text in run.stdout.splitlines() if text.startswith("TARGET "))
    assert heads.split()[-4:] == ["RETRIES", "LAST", "RESORT", "FOR"]
    return next(text for text in run.stdout.splitlines() if text.startswith(f"{name} ")).split()


def sicken(g):
    for _ in range(5):
        g.record(g.chat("m"))


def test_the_last_one_left_is_seen_to_be_probed_and_to_start_slowly(gateway, binary, provider):
    """Nobody else is left: it is probed before its time is over, and that is counted. One good answer
    then closes its breaker, and it starts slowly."""
    g = gateway
    assert look(g)["state"] == "unknown"
    assert look(g)["last_resort_probes"] == 0
    sicken(g)
    shut = look(g)
    assert shut["state"] == "open" and 0 < shut["for_s"] <= 5
    assert line(g, binary)[1] == "open"
    g.record(g.chat("m"))
    probes = look(g)["last_resort_probes"]
    assert probes == 1
    assert line(g, binary)[6] == str(probes)
    provider.ill = False
    answer = bed.wait_for(lambda: (a := g.chat("m")).status == 200 and a)
    bed.wait_for(lambda: look(g)["last_resort_probes"] == probes + 1)
    slow = look(g)
    assert slow["state"] == "slow_start" and 30 < slow["for_s"] <= 40
    words = line(g, binary)
    assert words[1] == "slow_start" and 30 < int(words[7]) <= 40 and words[8] == "s", words
    told = subprocess.run([binary, "request", answer["x-lamplighter-request-id"], "--admin",
                           f"http://{g.admin}"], capture_output=True, text=True, timeout=20, check=True)
    assert "  as the last resort" in told.stdout
    assert g.metrics()[COUNTED] == probes + 1


def test_a_breaker_whose_time_is_over_is_seen_half_open(gateway, binary):
    g = gateway
    sicken(g)
    assert look(g)["state"] == "open"
    half = bed.wait_for(lambda: look(g)["state"] == "half_open" and look(g), seconds=8, every=0.1)
    assert "for_s" not in half
    assert line(g, binary)[1] == "half_open"


def test_a_retry_budget_is_seen_to_fall(gateway, binary):
    """Each request that fails over costs the second target a retry, once that has failed too."""
    g = gateway
    full = look(g, "q/m")["retries_left"]
    assert 4.5 < full <= 5.01, full
    for _ in range(4):
        assert g.chat("two").status == 503
    left = look(g, "q/m")["retries_left"]
    assert left < full - 2, (full, left)
    assert abs(float(line(g, binary, "q/m")[5]) - left) < 0.4
