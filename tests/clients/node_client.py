"""A process that answers jobs, a JSON object a line; several threads may ask at a time. Of Node it is
client.mjs or talks.mjs, of Go the program in go/."""
import itertools
import json
import os
import pathlib
import subprocess
import threading

SCRIPT = pathlib.Path(__file__).with_name("client.mjs")


class Client:
    def __init__(self, command, env=None):
        self.process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **(env or {})},
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.waiting = {}  # number -> [event, answer]
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            slot = self.waiting.pop(answer["id"])
            slot[1] = answer
            slot[0].set()

    def run(self, job, seconds=40):
        slot = [threading.Event(), None]
        number = next(self.numbers)
        self.waiting[number] = slot
        with self.lock:
            self.process.stdin.write(json.dumps({"id": number, **job}) + "\n")
            self.process.stdin.flush()
        if not slot[0].wait(seconds):
            raise TimeoutError(f"{job}: no end after {seconds} s")
        return slot[1]

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(10)
        self.reader.join(10)


class NodeClient(Client):
    def __init__(self, node, script=SCRIPT, env=None):
        super().__init__([node / "bin/node", script], {"LAMPLIGHTER_NODE": str(node), **(env or {})})

    def call(self, sdk, base, key, call, *args, seconds=40, **options):
        return self.run({"sdk": sdk, "base": base, "key": key, "call": call, "args": list(args),
                         **options}, seconds)
