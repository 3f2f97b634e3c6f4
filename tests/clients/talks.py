"""What the clients of the matrix ask, and what they are answered: the same for each of them, whatever
API it speaks and whatever API the provider speaks.

A talk is plain JSON, since clients in other languages get it too:

    system, user   what is said first; `image` stands beside the user's text
    tools          [{name, description, schema}]; `results` is what they return
    schema         of an answer in JSON
    thinks         the model is asked to think, and to show it
    signed         what the provider signs of its thinking must come back to it
    limit          most tokens of an answer
    answers        one a turn: {thinking, text, calls: [[name, arguments]], stop, tokens}
                   stop: end, tools or length; tokens: [prompt, of these cached, answer]
    refused        instead of answers: [status, sentence]
"""

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
       "rkJggg==")


REASONING = 4  # tokens of an answer that were thought, if any was


def answer(text, stop="end", thinking="", calls=(), tokens=(25, 8, 9)):
    return {"thinking": thinking, "text": text, "calls": [list(c) for c in calls], "stop": stop,
            "tokens": list(tokens)}


def talk(user, *answers, **more):
    return {"system": "Be brief.", "user": user, "image": None, "tools": [], "results": {},
            "schema": None, "thinks": False, "signed": False, "limit": 4096, "answers": list(answers),
            "refused": None, **more}


def fields(**kinds):
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()},
            "required": list(kinds), "additionalProperties": False}


WEATHER = {"name": "weather", "description": "The weather of the next days.",
           "schema": fields(city="string", days="integer")}
CLOCK = {"name": "world-clock", "description": "The time in a zone.", "schema": fields(zone="string")}
IN_ULM = ("weather", {"city": 'Ulm "an der" Donau\n\u2713', "days": 3})
RESULTS = {"weather": "21 C, dry", "world-clock": "09:30"}

TALKS = {
    "chat": talk("Say hello.", answer("Hello, W\u00f6rld \u2713\n\"quoted\" \U0001f600")),
    "tools": talk("What is the weather in Ulm?",
                  answer("I will look.", "tools", calls=[IN_ULM]),
                  answer("21 C and dry.", tokens=(60, 25, 7)),
                  tools=[WEATHER], results=RESULTS),
    "parallel": talk("Weather and time in Ulm?",
                     answer("", "tools", calls=[IN_ULM, ("world-clock", {"zone": "CET"})]),
                     answer("21 C, half past nine.", tokens=(80, 25, 7)),
                     tools=[WEATHER, CLOCK], results=RESULTS),
    "image": talk("What is this?", answer("A dot."), image={"type": "image/png", "data": PNG}),
    "structured": talk("Who was Ada?", answer('{"name":"Ada","age":36}'),
                       schema=fields(name="string", age="integer")),
    "thinking": talk("Which is more, 9.9 or 9.11?",
                     answer("9.9", thinking="9.90 is more than 9.11."), thinks=True),
    "signed": talk("What is the weather in Ulm?",
                   answer("I will look.", "tools", "A tool knows.", [IN_ULM]),
                   answer("21 C and dry.", thinking="Dry it is.", tokens=(60, 25, 7)),
                   tools=[WEATHER], results=RESULTS, thinks=True, signed=True),
    "length": talk("Count.", answer("1 2 3", "length"), limit=16),
    "error": talk("Hurry.", refused=[429, "Too many talks at a time."]),
    "refused": talk("Too much.", refused=[400, "The prompt is too long for this model."]),
}

# That no provider holds alone: the next turn is another's, and the one after it the first one's again.
MOVING = {
    "moving": talk("Weather and time in Ulm, and in Bonn?",
                   answer("", "tools", calls=[IN_ULM, ("world-clock", {"zone": "CET"})]),
                   answer("Now Bonn.", "tools", calls=[("weather", {"city": "Bonn", "days": 1})],
                          tokens=(80, 25, 7)),
                   answer("21 C, half past nine; Bonn alike.", tokens=(99, 25, 9)),
                   tools=[WEATHER, CLOCK], results=RESULTS),
}
