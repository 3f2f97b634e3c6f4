"""A DNS server of the tests' own, and a gateway that finds it in a resolv.conf of its own."""
import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest

DNS = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"  # runs do not meet
A, AAAA = 1, 28
NXDOMAIN, SERVFAIL, SILENT = "nxdomain", "servfail", "silent"
CODES = {NXDOMAIN: 3, SERVFAIL: 2}


class Dns:
    """Answers from `names`: {name: NXDOMAIN | SERVFAIL | SILENT | [address, ...]}."""

    def __init__(self):
        self.names, self.asked, self.ttl = {}, [], 1
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS, 53))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                if not query:
                    return
                answer = self._answer(query)
                if answer:
                    self.socket.sendto(answer, peer)
            except OSError:
                return

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.asked.append((name, kind))
        row = self.names.get(name, NXDOMAIN)
        if row == SILENT:
            return None
        records = []
        for address in row if isinstance(row, list) else []:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            if (kind == AAAA) == (family == socket.AF_INET6):
                data = socket.inet_pton(family, address)
                records.append(struct.pack(">HHHIH", 0xC00C, kind, 1, self.ttl, len(data)) + data)
        head = struct.pack(">HHHHH", 0x8180 | CODES.get(row if isinstance(row, str) else "", 0), 1,
                           len(records), 0, 0)
        return query[:2] + head + question + b"".join(records)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", (DNS, 53))
        self.thread.join(5)
        self.socket.close()


def served():
    """The server; a skip where the port is not to be had."""
    try:
        return Dns()
    except OSError:
        pytest.skip("unsupported: port 53 is not ours to bind on this machine")


def resolving(binary, place):
    """A script that runs the gateway with a resolv.conf of its own: a bind mount that only it sees."""
    conf = place / "resolv.conf"
    conf.write_text(f"nameserver {DNS}\nsearch corp.test\noptions timeout:1 attempts:2\n")
    unshare = shutil.which("unshare")
    for options in ("-m", "-rm"):
        words = [unshare, options, "--propagation", "private", "sh", "-c",
                 f'mount --bind "{conf}" /etc/resolv.conf && exec "$@"', "sh"]
        run = unshare and subprocess.run([*words, "cat", "/etc/resolv.conf"], capture_output=True,
                                         timeout=20, check=False)
        if run and run.returncode == 0 and DNS.encode() in run.stdout:
            break
    else:
        pytest.skip("unsupported: no mount namespace for a resolv.conf of one's own")
    script = place / "resolving"
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in [*words, str(binary)])
    script.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    script.chmod(0o755)
    return script
