"""The fault matrix, rows 35 and 39: the machine under the gateway has few descriptors, or a clock that jumps, and
clients of each dialect, streaming and not, before targets of each dialect do not notice."""
import concurrent.futures
import contextlib
import hashlib
import itertools
import pathlib
import struct
import subprocess
import threading
import time

import pytest

import bed
import matrix
import wire

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "build/release/src/lamplighter"


def configuration(mock, sse, json, **more):
    """A model for each form and dialect of a target; what the mock does with each form."""
    conf = bed.basic(mock.addr, workers=2) | more
    conf["providers"] = matrix.providers(mock.addr)
    conf["models"] = {f"{form}-{target}": {"targets": f"{target}/{form}-{target};{how}"}
                      for form, how in (("sse", sse), ("json", json)) for target in matrix.TARGETS}
    return conf


def name_of(way):
    return f"{way.form}-{way.target}"


def kept(addr):
    """Connections to whoever listens there."""
    port = f":{int(addr.rpartition(':')[2]):04X}"
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(words[2].endswith(port) and words[3] == "01" for words in lines)


def test_few_descriptors(mock, tmp_path):
    """Row 39: more clients than there are descriptors for: they wait, and each gets its whole answer."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n 64\nexec "{bed.program()}" "$@"\n')
    few.chmod(0o755)
    gateway = bed.Gateway(few, tmp_path, configuration(mock, "gap=5ms", "head=50ms"), env=bed.KEYS)
    try:
        assert "64 open files are enough for 8 connections" in gateway.said()
        pids = gateway.workers()
        before = sum(map(matrix.opened, pids))
        ways = list(itertools.islice(itertools.cycle(matrix.draw("few descriptors")), 80))
        with contextlib.ExitStack() as stack:
            conns = [stack.enter_context(wire.Conn(gateway.addr, timeout=20)) for _ in ways]
            for conn, way in zip(conns, ways):
                conn.send(wire.request("POST", *way.question(name_of(way)), {"connection": "close"}))
            for conn, way in zip(conns, ways):
                answer = conn.read()
                conn.close()
                assert (answer.status, answer.end) == (200, "whole"), (str(way), answer)
                matrix.honest(way, answer)
        assert gateway.workers() == pids
        bed.wait_for(lambda: sum(map(matrix.opened, pids)) <= before + kept(mock.addr) + 4)
    finally:
        gateway.stop()


DAY_SECONDS = 86400
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
            f.write(struct.pack("l", int(days * DAY_SECONDS)))

    @contextlib.contextmanager
    def jumping(self):
        """By a day, back over two, by a second as one that leaps, and so on, for as long as it lasts. The value is
        how often it has jumped."""
        over, count = threading.Event(), []

        def jump():
            for days in itertools.cycle((1, -1, 1 / DAY_SECONDS, 2, 0)):
                self.set(days)
                count.append(days)
                if over.wait(0.1):
                    return

        thread = threading.Thread(target=jump)
        thread.start()
        try:
            yield count
        finally:
            over.set()
            thread.join()
            self.set(0)


@pytest.fixture
def clock(tmp_path):
    if bed.sanitized(bed.program()) and not RELEASE.exists():
        pytest.skip("unsupported: a sanitizer's clock cannot be shifted, and there is no release build")
    return Clock(tmp_path)


def keyed(mock):
    """(the configuration, what a client says by whose key it asks): for three days, in which the clock is right."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * DAY_SECONDS))
    key = "k" * 32
    digest = hashlib.sha256(key.encode()).hexdigest()
    keys = {"a": {"hash": f"sha256:{digest}", "models": "*", "expires": day}}
    return configuration(mock, "gap=100ms", "head=1200ms", keys=keys), {"authorization": f"Bearer {key}"}


def twice(gateway, way, headers, jumps):
    """On one connection: how often the clock jumped meanwhile, each time."""
    found = []
    with wire.Conn(gateway.addr, timeout=20) as conn:
        for _ in range(2):
            before = len(jumps)
            conn.send(wire.request("POST", *way.question(name_of(way)), headers))
            answer = conn.read()
            assert (answer.status, answer.end) == (200, "whole"), (str(way), answer)
            matrix.honest(way, answer)
            found.append(len(jumps) - before)
    return found


def test_a_clock_that_jumps(clock, tmp_path, mock):
    """Row 35: streams, answers that are waited for, kept connections and time-outs go by the monotonic clock; what
    has a date does not."""
    conf, headers = keyed(mock)
    binary = RELEASE if bed.sanitized(bed.program()) else bed.program()
    gateway = bed.Gateway(binary, tmp_path, conf, env={**bed.KEYS, **clock.env})
    ways = matrix.draw("clock")
    try:
        with clock.jumping() as jumps, concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
            met = list(pool.map(lambda way: twice(gateway, way, headers, jumps), ways))
        assert all(n >= 2 for each in met for n in each), met

        def told():
            return [r for r in gateway.records() if r.get("model", "").startswith(("sse-", "json-"))]

        records = bed.wait_for(lambda: told() if len(told()) >= 2 * len(ways) else None)
        assert len(records) == 2 * len(ways) and {r["outcome"] for r in records} == {"full"}
        assert all(1000 < r["duration_ms"] < 20000 for r in records)
        clock.set(5)
        for way in ways:
            assert matrix.ask(gateway, way, name_of(way), headers=headers).status == 401, str(way)
        clock.set(0)
        assert matrix.ask(gateway, ways[0], name_of(ways[0]), headers=headers).status == 200
        assert len(set(gateway.workers())) == 2
    finally:
        gateway.stop()
