"""Models of upstreams.py that answer whatever they are asked: they are given what was heard, and give an
answer as talks.py has it."""
import json
import re

from talks import REASONING, answer

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


def spoken(heard):
    """JSON that fits; the word that it must say; or what was said last, and how it goes on."""
    if heard.schema or heard.json:
        return json.dumps(fitting(heard.schema)) if heard.schema else '{"ok": true}'
    word = re.search(r'exactly the word "(\w+)"', heard.system)
    if word:
        return word[1]
    return heard.turns[-1][1] if heard.turns[-1][0] == "user" else "is as it is."


def cut(text, stops):
    """The text up to the first of the stops in it, and which that is."""
    found = min((s for s in stops if s in text), key=text.index, default=None)
    return (text[:text.index(found)], found) if found else (text, None)


def obedient(heard):
    """Calls what it must, thinks when it must, and says what it must; a word is a token. Who asks it to
    think at length has its limit spent on that."""
    kind, said = heard.turns[-1][:2]
    if heard.forced is not None and kind == "user":
        several = "both" in said and not heard.single
        names = list(heard.tools) if several else [heard.forced or next(iter(heard.tools))]
        return answer("", "tools", calls=[(name, fitting(heard.tools[name][1])) for name in names])
    thought = "It is easily said." if heard.thinks else ""
    if thought and "at length" in said:
        return answer("", "length", thought, tokens=(20, 0, heard.limit))
    text, stopped = cut(spoken(heard), heard.stops)
    words = text.split(" ")
    limit = heard.limit or len(words)
    text = " ".join(words[:limit])
    return {**answer(text, "length" if len(words) > limit else "end", thought,
                     tokens=(20, 0, min(len(words), limit) + (REASONING if thought else 0))),
            "stopped": stopped}


MODELS = {"agent": agent, "obedient": obedient}
