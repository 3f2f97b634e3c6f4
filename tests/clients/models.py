"""Models of upstreams.py that answer whatever they are asked: they are given what was heard, and give an
answer as talks.py has it."""
import json

from talks import answer

MADE = "made-by-a-tool.txt"
WORD = "lamplighter-was-here"
DONE = "The file is there now."
COMMAND = f"echo {WORD} > {MADE} && cat {MADE}"
SHELLS = {  # the tools of agents that run a command, and how it is told to them
    "Bash": {"command": COMMAND, "description": "Write a file"},
    "bash": {"command": COMMAND, "description": "Write a file"},
    "exec_command": {"cmd": COMMAND},
    "run_shell_command": {"command": COMMAND, "description": "Write a file"},
}
PLAIN = {"string": "x", "integer": 1, "number": 1.5, "boolean": True, "null": None}


class Wrong(Exception):
    """Why a request is refused."""


def need(condition, why):
    if not condition:
        raise Wrong(why)


def agent(heard):
    """First a command, and once that has given the file's word back, the end. Requests without a tool
    for it, for a title or a summary, get a word."""
    results = [text for turn in heard.turns if turn[0] == "results" for _, text in turn[1]]
    shell = next((name for name in SHELLS if name in heard.tools), None)
    if not shell:
        return answer("Files")
    if not results:
        return answer("I will write it.", "tools", calls=[(shell, SHELLS[shell])])
    need(WORD in str(results), f"the command's output did not come: {results}")
    return answer(DONE)


def fitting(schema):
    """A value of the schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: fitting(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [fitting(schema.get("items", {}))]
    return PLAIN[kind[0] if isinstance(kind, list) else kind]


def obedient(heard):
    """Calls what it must, writes the JSON that it must; else it says again what was said last. A word
    is a token."""
    if heard.forced is not None and heard.turns[-1][0] == "user":
        name = heard.forced or next(iter(heard.tools))
        return answer("", "tools", calls=[(name, fitting(heard.tools[name][1]))])
    text = json.dumps(fitting(heard.schema)) if heard.schema else '{"ok": true}'
    if not heard.schema and not heard.json:
        text = heard.turns[-1][1] if heard.turns[-1][0] == "user" else "and so on"
    for stop in heard.stops:
        text = text.split(stop)[0]
    words = text.split(" ")
    full = len(words) > (heard.limit or len(words))
    text = " ".join(words[:heard.limit]) if full else text
    return answer(text, "length" if full else "end",
                  tokens=(20, 0, min(len(words), heard.limit or len(words))))


MODELS = {"agent": agent, "obedient": obedient}
