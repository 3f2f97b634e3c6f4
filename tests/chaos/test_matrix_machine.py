"""The fault matrix, rows 40 and 41: memory that the kernel does not give. A limit of the control group under
twice the load that fits into it, and system calls that fail, once and for ever, in clients of every dialect."""
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

import bed
import matrix

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "build/release/src/lamplighter"
WAYS = [matrix.Way(client, target, form) for client in matrix.CLIENTS for target in ("chat", "messages")
        for form in matrix.FORMS]
MIB = 1 << 20


@pytest.fixture(scope="module")
def shipped(binary):
    """A sanitizer takes memory of its own, and wants no tracer beside its own."""
    if not bed.sanitized(binary):
        return binary
    if not RELEASE.exists():
        pytest.skip("unsupported: a sanitizer's memory cannot be bounded, and there is no release build")
    return RELEASE


def configuration(mock, **server):
    conf = bed.basic(mock.addr, workers=2, **server)
    conf["providers"] = {**matrix.providers(mock.addr), "vllm": bed.provider("vllm", mock.addr)}
    conf["models"] = {f"m-{target}": {"targets": f"{target}/m"} for target in matrix.TARGETS} | {
        f"slow-{target}": {"targets": f"{target}/slow;head=1s"} for target in matrix.TARGETS}
    return conf


# ---- a limit on memory ----

LIMIT = 160 * MIB
# What an operator gives each of two workers of it; what they are without any request is a third of the limit.
SHARE = {"memory": "24MiB", "translation": "64MiB", "body": "4MiB"}


class Group:
    """A control group with a limit; v1 has its files in a tree of its own."""

    def __init__(self, limit):
        own = re.search(r"^\d+:memory:(/\S*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.M)
        root = pathlib.Path("/sys/fs/cgroup/memory")
        if not own or not root.exists():
            pytest.skip("unsupported: no control group for memory here")
        self.path = root / own[1].lstrip("/") / f"lamplighter-{os.getpid()}"
        try:
            self.path.mkdir()
            (self.path / "memory.limit_in_bytes").write_text(str(limit))
        except OSError as e:
            with contextlib.suppress(OSError):
                self.path.rmdir()
            pytest.skip(f"unsupported: no control group of one's own here ({e})")

    def kills(self):
        return int(re.search(r"^oom_kill (\d+)", (self.path / "memory.oom_control").read_text(), re.M)[1])

    def most(self):
        return int((self.path / "memory.max_usage_in_bytes").read_text())

    def close(self):
        self.path.rmdir()


@pytest.fixture
def group():
    group = Group(LIMIT)
    yield group
    group.close()


@pytest.mark.parametrize("limits, size", [(SHARE, 3 * MIB), ({}, MIB)], ids=["by the configuration", "by the group"])
def test_twice_the_load_that_memory_is_there_for(shipped, group, mock, tmp_path, limits, size):
    """Row 40: who finds no room is refused; nobody is killed, and it is over with the load."""
    inside = tmp_path / "inside"
    inside.write_text(f'#!/bin/sh\necho $$ > "{group.path}/cgroup.procs"\nexec "{shipped}" "$@"\n')
    inside.chmod(0o755)
    gateway = bed.Gateway(inside, tmp_path, configuration(mock, limits=limits), env=bed.KEYS)
    try:
        pids, clients = gateway.workers(), 2 * LIMIT // size  # of which some are translated, in 15 times that
        ways = [WAYS[n % len(WAYS)] for n in range(clients)]

        def one(way):
            try:
                return matrix.ask(gateway, way, f"slow-{way.target}", timeout=60, size=size)
            except OSError as e:  # refused before its body was read
                return e

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(one, ways))
        came = [getattr(answer, "status", None) for answer in answers]
        print(f"{came.count(200)} answered, {came.count(503)} refused, {came.count(None)} cut off, "
              f"at most {group.most() / MIB:.0f} of {LIMIT / MIB:.0f} MiB")
        assert set(came) <= {200, 503, None} and came.count(200) > 0 and came.count(503) > 0
        assert ("the control group grants 160 MiB" in gateway.err.read_text()) == (limits is not SHARE)
        for way, answer in zip(ways, answers):
            if getattr(answer, "status", None):
                matrix.honest(way, answer)
        assert group.kills() == 0 and gateway.workers() == pids
        bed.wait_for(lambda: gateway.status()["requests_live"] == 0, 10)
        for way in WAYS:
            assert matrix.ask(gateway, way, f"m-{way.target}").status == 200, str(way)
    finally:
        gateway.stop()


# ---- system calls that fail ----

# Not brk, whose failures this kind of injection cannot show to the C library.
CALLS = {"mmap": "ENOMEM", "socket": "EMFILE", "connect": "EAGAIN", "accept4": "ENFILE",
         "epoll_ctl": "ENOMEM", "openat": "EMFILE", "writev": "ENOBUFS", "write": "ENOSPC", "sendmsg": "ENOBUFS",
         "setsockopt": "ENOBUFS", "getsockname": "ENOBUFS", "pwrite64": "ENOSPC", "ftruncate": "ENOSPC"}
OFTEN = {"once": "1", "each second time": "1+2", "for ever": "1+"}
CASES = [(call, often) for n, call in enumerate(CALLS) for m, often in enumerate(OFTEN)
         if matrix.DEEP or (n + matrix.SEED) % len(OFTEN) == m]


class Failing:
    """A call of a process fails while this is there."""

    def __init__(self, pid, call, often):
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={call}", "-e",
             f"inject={call}:error={CALLS[call]}:when={OFTEN[often]}"], stderr=subprocess.PIPE, text=True)
        self.pid = pid

    def __enter__(self):
        def traced():
            if self.process.poll() is not None:
                pytest.skip(f"unsupported: nobody can be traced here ({self.process.stderr.read().strip()})")
            return not re.search(r"^TracerPid:\t0$", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.M)
        bed.wait_for(traced, 10)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        self.process.stderr.close()


@pytest.fixture(scope="module")
def gateway(shipped, place, mock):
    if not shutil.which("strace"):
        pytest.skip("unsupported: no strace here")
    g = bed.Gateway(shipped, place, configuration(mock), name="failing", env=bed.KEYS)
    yield g
    g.stop(blame=None)
    matrix.said_nothing(g)


sizes = itertools.count()


@pytest.mark.parametrize("call, often", CASES)
def test_a_call_that_fails(gateway, call, often):
    """Row 41: each request is answered, refused, or its connection ends; nothing is complete that is not, and
    afterwards all is well. A worker lives, or ends by its own hand (libuv aborts where it cannot wait for a
    descriptor) and is replaced; no memory is touched that is not there."""
    bed.wait_for(lambda: all(gateway.workers()), 10)
    ways = matrix.draw(f"{call} {often}") + matrix.draw(f"{call} {often} again")

    def one(way):
        try:  # no two of these are one request: what a worker died of is refused when it comes again
            return matrix.ask(gateway, way, f"m-{way.target}", timeout=5, size=MIB + next(sizes))
        except OSError as e:
            return e

    with contextlib.ExitStack() as stack:
        for pid in gateway.workers():
            stack.enter_context(Failing(pid, call, often))
        with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
            answers = list(pool.map(one, ways))
    for way, answer in zip(ways, answers):
        if getattr(answer, "status", None) and answer.end != "timeout":
            if answer.status == 200 or answer.end == "whole":
                matrix.honest(way, answer)
    told = [getattr(answer, "status", None) for answer in answers]
    print(f"{call} {often}: {told.count(200)} answered of {len(told)}, {told.count(None)} without an answer")
    for way in ways[:4]:
        bed.wait_for(lambda way=way: getattr(one(way), "status", None) == 200, 10, 0.1)
    assert not re.search(r"died of signal (11|7|4|8)\b", gateway.said()), gateway.said()[-2000:]
    bed.wait_for(lambda: gateway.status()["requests_live"] == 0, 10)
