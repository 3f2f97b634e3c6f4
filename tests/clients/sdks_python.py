"""Talks of the matrix, held by the Python SDKs as people use them.

Each client is a function (base, key, model, talk, stream) that gives its answers as talks.py writes
them, one a turn; a list of models has one for each turn. What the SDK raises is told by `describe`.
"""
import base64
import json

import anthropic
import google.genai
import openai
from google.genai import errors, types

MORE = {"max_retries": 0, "timeout": 30}


def describe(e):
    """{class, status, type, message} of an SDK's exception, or the exception again."""
    if isinstance(e, openai.APIStatusError):
        return {"class": type(e).__name__, "status": e.status_code, "type": e.type,
                "message": e.message}
    if isinstance(e, anthropic.APIStatusError):
        return {"class": type(e).__name__, "status": e.status_code, "type": e.type,
                "message": e.message}
    if isinstance(e, errors.APIError):
        return {"class": type(e).__name__, "status": e.code, "type": e.status,
                "message": e.message}
    raise e


def at(model, answers):
    """The model of the next turn."""
    return model if isinstance(model, str) else model[len(answers)]


def neutral(text, stop, tokens, calls=(), thinking=""):
    return {"thinking": thinking or "", "text": text or "", "calls": [list(c) for c in calls],
            "stop": stop, "tokens": list(tokens)}


def openai_chat(base, key, model, talk, stream):
    parts = [{"type": "text", "text": talk["user"]}]
    if talk["image"]:
        url = f"data:{talk['image']['type']};base64,{talk['image']['data']}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    messages = [{"role": "system", "content": talk["system"]}, {"role": "user", "content": parts}]
    asked = {"messages": messages, "max_completion_tokens": talk["limit"]}
    if talk["tools"]:
        asked["tools"] = [{"type": "function", "function": {
            "name": t["name"], "description": t["description"], "parameters": t["schema"],
            "strict": True}} for t in talk["tools"]]
    if talk["schema"]:
        asked["response_format"] = {"type": "json_schema", "json_schema": {
            "name": "answer", "schema": talk["schema"], "strict": True}}
    if talk["thinks"]:
        asked["reasoning_effort"] = "low"
    answers = []
    with openai.OpenAI(api_key=key, base_url=base + "/v1", **MORE) as client:
        while True:
            asked["model"] = at(model, answers)
            answers.append(chat_turn(client, asked, stream, messages))
            calls = messages[-1].get("tool_calls") or []
            if not calls:
                return answers
            messages += [{"role": "tool", "tool_call_id": call["id"],
                          "content": talk["results"][call["function"]["name"]]} for call in calls]


def chat_turn(client, asked, stream, messages):
    if stream:
        try:
            with client.chat.completions.stream(
                    **asked, stream_options={"include_usage": True}) as events:
                whole = events.get_final_completion()
        except openai.LengthFinishReasonError as e:  # so the helper tells of a full answer
            whole = e.completion
    else:
        whole = client.chat.completions.create(**asked)
    (choice,), use = whole.choices, whole.usage
    said = choice.message
    kept = said.model_dump(exclude_none=True, exclude={"parsed"})
    for call in kept.get("tool_calls", []):
        call["function"].pop("parsed_arguments", None)
    messages.append(kept)
    return neutral(
        said.content, {"stop": "end", "tool_calls": "tools"}.get(choice.finish_reason,
                                                                 choice.finish_reason),
        (use.prompt_tokens, use.prompt_tokens_details.cached_tokens, use.completion_tokens),
        [(c.function.name, json.loads(c.function.arguments)) for c in said.tool_calls or []])


def openai_responses(base, key, model, talk, stream):
    parts = [{"type": "input_text", "text": talk["user"]}]
    if talk["image"]:
        url = f"data:{talk['image']['type']};base64,{talk['image']['data']}"
        parts.append({"type": "input_image", "image_url": url, "detail": "auto"})
    items = [{"role": "user", "content": parts}]
    asked = {"input": items, "instructions": talk["system"], "store": False,
             "max_output_tokens": talk["limit"]}
    if talk["tools"]:
        asked["tools"] = [{"type": "function", "name": t["name"], "strict": True,
                           "description": t["description"], "parameters": t["schema"]}
                          for t in talk["tools"]]
    if talk["schema"]:
        asked["text"] = {"format": {"type": "json_schema", "name": "answer", "strict": True,
                                    "schema": talk["schema"]}}
    if talk["thinks"]:
        asked.update(reasoning={"effort": "low", "summary": "auto"},
                     include=["reasoning.encrypted_content"])
    answers = []
    with openai.OpenAI(api_key=key, base_url=base + "/v1", **MORE) as client:
        while True:
            asked["model"] = at(model, answers)
            if stream:
                with client.responses.stream(**asked) as events:
                    for event in events:
                        if event.type in ("response.completed", "response.incomplete"):
                            whole = event.response
            else:
                whole = client.responses.create(**asked)
            calls = [item for item in whole.output if item.type == "function_call"]
            answers.append(response_said(whole, calls))
            if not calls:
                return answers
            items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"})
                      for item in whole.output]
            items += [{"type": "function_call_output", "call_id": call.call_id,
                       "output": talk["results"][call.name]} for call in calls]


def response_said(whole, calls):
    stop = "tools" if calls else "end"
    if whole.status == "incomplete":
        stop = {"max_output_tokens": "length"}[whole.incomplete_details.reason]
    thinking = "".join(part.text for item in whole.output if item.type == "reasoning"
                       for part in item.summary)
    use = whole.usage
    return neutral(whole.output_text, stop,
                   (use.input_tokens, use.input_tokens_details.cached_tokens, use.output_tokens),
                   [(c.name, json.loads(c.arguments)) for c in calls], thinking)


def anthropic_messages(base, key, model, talk, stream):
    parts = [{"type": "text", "text": talk["user"]}]
    if talk["image"]:
        parts.append({"type": "image", "source": {
            "type": "base64", "media_type": talk["image"]["type"], "data": talk["image"]["data"]}})
    messages = [{"role": "user", "content": parts}]
    asked = {"messages": messages, "system": talk["system"],
             "max_tokens": talk["limit"]}
    if talk["tools"]:
        asked["tools"] = [{"name": t["name"], "description": t["description"],
                           "input_schema": t["schema"]} for t in talk["tools"]]
    if talk["schema"]:
        asked["output_config"] = {"format": {"type": "json_schema", "schema": talk["schema"]}}
    if talk["thinks"]:
        asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    answers = []
    with anthropic.Anthropic(api_key=key, base_url=base, **MORE) as client:
        while True:
            asked["model"] = at(model, answers)
            if stream:
                with client.messages.stream(**asked) as events:
                    whole = events.get_final_message()
            else:
                whole = client.messages.create(**asked)
            calls = [b for b in whole.content if b.type == "tool_use"]
            answers.append(message_said(whole, calls))
            if not calls:
                return answers
            messages += [
                {"role": "assistant", "content": [b.model_dump(exclude_none=True)
                                                  for b in whole.content]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id,
                                              "content": talk["results"][call.name]}
                                             for call in calls]}]


def message_said(whole, calls):
    stop = {"end_turn": "end", "tool_use": "tools", "max_tokens": "length"}[whole.stop_reason]
    use = whole.usage
    cached = use.cache_read_input_tokens or 0
    return neutral("".join(b.text for b in whole.content if b.type == "text"), stop,
                   (use.input_tokens + cached, cached, use.output_tokens),
                   [(c.name, c.input) for c in calls],
                   "".join(b.thinking for b in whole.content if b.type == "thinking"))


def google_genai(base, key, model, talk, stream):
    parts = [types.Part(text=talk["user"])]
    if talk["image"]:
        parts.append(types.Part.from_bytes(data=base64.b64decode(talk["image"]["data"]),
                                           mime_type=talk["image"]["type"]))
    contents = [types.Content(role="user", parts=parts)]
    config = {"system_instruction": talk["system"], "max_output_tokens": talk["limit"]}
    if talk["tools"]:
        config["tools"] = [types.Tool(function_declarations=[types.FunctionDeclaration(
            name=t["name"], description=t["description"], parameters_json_schema=t["schema"])
            for t in talk["tools"]])]
    if talk["schema"]:
        config.update(response_mime_type="application/json", response_json_schema=talk["schema"])
    if talk["thinks"]:
        config["thinking_config"] = {"include_thoughts": True, "thinking_budget": 1024}
    client = google.genai.Client(api_key=key, vertexai=False, http_options={
        "base_url": base, "timeout": 30000, "retry_options": {"attempts": 1}})
    ask = client.models.generate_content_stream if stream else client.models.generate_content
    answers = []
    while True:
        pages = ask(model=at(model, answers), contents=contents, config=config)
        pages = list(pages) if stream else [pages]
        said = [part for page in pages for c in page.candidates or []
                for part in (c.content and c.content.parts) or []]
        calls = [part.function_call for part in said if part.function_call]
        answers.append(pages_said(pages, said, calls))
        if not calls:
            return answers
        contents += [types.Content(role="model", parts=said), types.Content(role="user", parts=[
            types.Part(function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": talk["results"][call.name]}))
            for call in calls])]


def pages_said(pages, said, calls):
    stops = [c.finish_reason.name for page in pages for c in page.candidates or []
             if c.finish_reason]
    use = pages[-1].usage_metadata
    return neutral("".join(p.text or "" for p in said if not p.thought),
                   {"STOP": "tools" if calls else "end", "MAX_TOKENS": "length"}[stops[-1]],
                   (use.prompt_token_count, use.cached_content_token_count or 0,
                    (use.candidates_token_count or 0) + (use.thoughts_token_count or 0)),
                   [(c.name, c.args) for c in calls],
                   "".join(p.text or "" for p in said if p.thought))


CLIENTS = {  # name: (what it speaks, how it holds a talk)
    "openai chat (Python)": ("openai.chat", openai_chat),
    "openai responses (Python)": ("openai.responses", openai_responses),
    "anthropic (Python)": ("anthropic.messages", anthropic_messages),
    "google-genai (Python)": ("gemini.generate", google_genai),
}
