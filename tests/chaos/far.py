"""A host of its own for a provider: a network namespace at the end of a cable, on which the kernel
loses, refuses and delays what it is told to; and the process there, which is stopped and killed."""
import contextlib
import itertools
import os
import re
import signal
import subprocess

import pytest

import bed

numbers = itertools.count()
# Addresses for documentation: no host has them.
HERE, THERE, PORT = "198.51.100.253", "198.51.100.254", 9000


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more)


class Mock(bed.Mock):
    """`lamplighter mock` over there."""

    def __init__(self, host, binary, place, script):
        self.log_file = place / f"far{next(numbers)}.log"
        self.lines = bed.JsonLines(self.log_file)
        bed.Program.__init__(self, place, self.log_file.stem,
                             ["ip", "netns", "exec", host.name, binary, "mock", "--listen",
                              f"{THERE}:{PORT}", "--log", self.log_file, "--script", script])
        self.addr = self.find(self.out, r"mock listening on http://(\S+)")


class Host:
    def __init__(self):
        self.name = f"lamplighter-{os.getpid()}-{next(numbers)}"
        self.cable = f"ll{os.getpid()}"[:13]
        self.mock = None

    def __enter__(self):
        try:
            run("ip", "netns", "add", self.name)
        except (OSError, subprocess.CalledProcessError) as e:
            pytest.skip(f"unsupported: no network namespaces here ({e})")
        try:
            run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns",
                self.name)
            run("ip", "addr", "add", f"{HERE}/30", "dev", self.cable)
            run("ip", "link", "set", self.cable, "up")
            self._ip("addr", "add", f"{THERE}/30", "dev", "eth0")
            self._ip("link", "set", "eth0", "up")
            self._nft("add table inet t")
            for hook in ("input", "output"):
                self._nft(f"add chain inet t {hook} {{ type filter hook {hook} priority 0; }}")
        except (OSError, subprocess.CalledProcessError) as e:
            self.__exit__()
            pytest.skip(f"unsupported: no cable or no nftables here ({e})")
        return self

    def __exit__(self, *_):
        if self.mock:
            self.end()
        for command in (("ip", "link", "del", self.cable), ("ip", "netns", "del", self.name)):
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                run(*command)

    def _ip(self, *words):
        run("ip", "-n", self.name, *words)

    def _nft(self, rule):
        run("ip", "netns", "exec", self.name, "nft", rule)

    def begin(self, binary, place, script):
        self.mock = Mock(self, binary, place, script)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.mock.signal(signal.SIGCONT)
        self.mock.process.kill()
        self.mock.wait()

    # ---- faults ----

    def rule(self, hook, rule):
        self._nft(f"add rule inet t {hook} {rule}")

    def dropped(self):
        """Packets, by the rules that count them."""
        said = run("ip", "netns", "exec", self.name, "nft", "list", "table", "inet", "t").stdout
        return sum(map(int, re.findall(r"counter packets (\d+)", said)))

    def heal(self):
        self._nft("flush table inet t")

    def kill(self):
        self.mock.process.kill()
        self.mock.wait()

    def stop(self):
        self.mock.signal(signal.SIGSTOP)
