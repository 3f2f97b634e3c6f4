"""All targets of a model refuse for a while, under a load that does not slow down and clients that ask
again by themselves: what reaches the providers stays near what was asked for, and it is over when the
cause is. A minute of it in `make deep`, a fifth of that otherwise."""
import asyncio
import os
import time

import openai
import pytest

import bed

DEEP = bool(os.environ.get("LAMPLIGHTER_DEEP"))
RATE = 100 if DEEP else 30  # requests a second
STORM_SECONDS = 60 if DEEP else 12
AFTER_SECONDS = 15
TARGETS = 2
# An application's patience; the SDK asks again twice by itself.
LIMIT_SECONDS = 30


def targets(binary, place, name, listen, script):
    file = place / f"{name}.script"
    file.write_text(script)
    return [bed.Mock(binary, place, "--listen", addr, "--script", file, name=f"{name}{n}")
            for n, addr in enumerate(listen)]


async def load(gateway, seconds, came):
    """Open-loop: a request each so often, whatever became of those before. Notes (when it began, whether
    it got its answer)."""
    client = openai.AsyncOpenAI(base_url=f"http://{gateway.addr}/v1", api_key="any",
                                timeout=LIMIT_SECONDS)

    async def one():
        began = time.monotonic()
        try:
            answer = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], max_tokens=5)
            came.append((began, answer.choices[0].finish_reason is not None))
        except openai.APIError:
            came.append((began, False))

    begin, running = time.monotonic(), []
    for n in range(int(seconds * RATE)):
        await asyncio.sleep(max(0.0, begin + n / RATE - time.monotonic()))
        running.append(asyncio.ensure_future(one()))
    await asyncio.gather(*running)
    await client.close()


@pytest.mark.timeout(300)
def test_a_storm_of_refusals(binary, place, start):
    sick = targets(binary, place, "sick", ["127.0.0.1:0"] * TARGETS, "* => status=503,retry-after=none\n")
    conf = bed.basic(sick[0].addr, workers=2)
    conf["providers"] = {f"p{n}": bed.provider("openai-compatible", m.addr)
                         for n, m in enumerate(sick)}
    del conf["defaults"]
    conf["models"] = {"m": {"targets": [f"p{n}/m" for n in range(TARGETS)]}}
    gateway = start(bed.Gateway, conf)
    well = []

    async def weather():
        await asyncio.sleep(STORM_SECONDS)
        for mock in sick:
            mock.stop()
        well.extend(targets(binary, place, "well", [m.addr for m in sick], ""))
        return time.monotonic()

    async def all_of_it():
        return (await asyncio.gather(load(gateway, STORM_SECONDS + AFTER_SECONDS, came),
                                     weather()))[1]

    came = []
    begin = time.monotonic()
    try:
        over = asyncio.run(all_of_it())
        asked = sum(began < over for began, _ in came)
        attempts = sum(len(mock.requests()) for mock in sick)
        print(f"{asked} requests, {attempts} attempts: {attempts / asked:.3f} a request")
        assert asked > 0.5 * RATE * STORM_SECONDS  # the load was one, also on a busy machine
        assert attempts <= 1.2 * asked
        late = [good for began, good in came if began > over + 10]
        print(f"{sum(late)} of {len(late)} answered from 10 s behind its end on")
        assert sum(late) >= 0.95 * len(late)
        assert len(late) > 0.5 * RATE * (AFTER_SECONDS - 10)
        # Nobody stays out for good: who has rested longer than is left of this test is asked all the
        # same once the others are gone.
        rested = [t["state"] in ("open", "half_open") for t in gateway.status()["targets"]]
        for mock, rests in zip(well, rested):
            if not rests and any(rested):
                mock.stop()
        assert [gateway.chat("m").status for _ in range(20)] == [200] * 20
    finally:
        for mock in well:
            if mock.process.poll() is None:
                mock.stop()
