"""The machine under the gateway: few descriptors, a clock that jumps."""
import contextlib
import pathlib
import struct
import subprocess
import time

import pytest

import asks
import bed
import wire
from asks import CHAT, WORDS

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "build/release/src/lamplighter"


def opened(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def test_few_descriptors(mock, tmp_path):
    """More clients than there are descriptors for: they wait, and each gets its whole answer."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 64\nexec "{bed.program()}" "$@"\n')
    few.chmod(0o755)
    gateway = bed.Gateway(few, tmp_path, bed.basic(mock.addr, workers=2), env=bed.KEYS)
    try:
        assert "64 open files are enough for 8 connections" in gateway.said()
        pids = gateway.workers()
        before = {pid: opened(pid) for pid in pids}
        with contextlib.ExitStack() as stack:
            conns = [stack.enter_context(wire.Conn(gateway.addr)) for _ in range(80)]
            for conn in conns:
                conn.send(wire.request("POST", *asks.question(CHAT, "oai/m;gap=5ms", True),
                                       {"connection": "close"}))
            for conn in conns:
                answer = conn.read()
                conn.close()
                assert (answer.status, answer.end) == (200, "whole"), answer
                assert asks.text_of(CHAT, True, answer.text) == WORDS
        assert gateway.workers() == pids
        bed.wait_for(lambda: all(opened(pid) <= before[pid] + 10 for pid in pids))
    finally:
        gateway.stop()


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static const volatile long *shift; /* seconds; read where the wall clock is */

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("CLOCK_FILE"), O_RDONLY);

    shift = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, t);

    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        t->tv_sec += *shift;
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """The wall clock of a program that has its environment; the monotonic one runs on."""

    def __init__(self, directory):
        source, self.shim, self.file = (directory / name for name in ("clock.c", "clock.so", "clock"))
        source.write_text(SHIM)
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.shim, source, "-ldl"], check=True)
        self.file.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(self.shim), "CLOCK_FILE": str(self.file)}

    def set(self, days):
        with open(self.file, "r+b") as f:
            f.write(struct.pack("l", days * 86400))


@pytest.fixture
def clock(tmp_path):
    if bed.sanitized(bed.program()) and not RELEASE.exists():
        pytest.skip("unsupported: a sanitizer's clock cannot be shifted, and there is no release build")
    return Clock(tmp_path)


def test_a_clock_that_jumps(clock, tmp_path, mock):
    """Streams, kept connections and time-outs go by the monotonic clock; what has a date does not."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400))
    key = "k" * 32
    digest = subprocess.run(["sha256sum"], input=key.encode(), capture_output=True,
                            check=True).stdout.split()[0].decode()
    conf = bed.basic(mock.addr, workers=2)
    conf["keys"] = {"a": {"hash": f"sha256:{digest}", "models": "*", "expires": day}}
    binary = RELEASE if bed.sanitized(bed.program()) else bed.program()
    gateway = bed.Gateway(binary, tmp_path, conf, env={**bed.KEYS, **clock.env})
    headers = {"authorization": f"Bearer {key}"}
    try:
        jumps = iter((1, -1, 2, 0))

        def jump(reader):
            if reader.body.count(b"data: ") % 3 == 2:
                clock.set(next(jumps, 0))
            return False

        where, body = asks.question(CHAT, "oai/m;gap=100ms", True)
        with wire.Conn(gateway.addr) as conn:
            for _ in range(2):
                conn.send(wire.request("POST", where, body, headers))
                answer = conn.read(until=jump)
                assert (answer.status, answer.end) == (200, "whole"), answer
                assert asks.text_of(CHAT, True, answer.text) == WORDS
        records = [r for r in gateway.records() if r["op"] == "chat"]
        assert {r["outcome"] for r in records} == {"full"}
        assert all(1000 < r["duration_ms"] < 10000 for r in records)
        clock.set(5)
        assert gateway.ask(where, body, headers).status == 401
        clock.set(0)
        assert gateway.ask(where, body, headers).status == 200
        assert len(set(gateway.workers())) == 2
    finally:
        gateway.stop()
