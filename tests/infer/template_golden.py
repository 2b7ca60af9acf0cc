#!/usr/bin/env python3
"""
What Python's jinja2 makes of conversations in corax's neutral form, once they are in the form that each published template
takes; the forms and traits in vectors/template-conversations.json are by hand, from reading the templates.

    template_golden.py write                 fills in what the vectors expect (checksum and length, or what is raised)
    template_golden.py show TEMPLATE NAME    the text of one conversation

Needs jinja2 (3.1.6 was used) and CORAX_TEST_DATA.  Run it in the source folder.
"""
import json
import os
import re
import sys

import jinja_golden as golden

VECTORS = os.path.join(golden.HERE, "vectors", "template-conversations.json")
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "begin_token": "<s>"}


def text_of(message):
    return "".join(part["text"] for part in message.get("parts") or [])


def open_ai_calls(calls, first, form):
    return [{"id": f"c{first + i:08}", "type": "function",
             "function": {"name": c["name"], "arguments": c["arguments"] if form.get("arguments_text") else json.loads(c["arguments"])}}
            for i, c in enumerate(calls)]


def reads(template, member):
    return re.search(rf"\.{member}(?![_a-z])|(['\"]){member}\1", template) is not None


def thought_of(thought, template):
    names = ["reasoning_content"] + [n for n in ("reasoning", "thinking") if reads(template, n)]
    return {n: thought for n in names} if thought else {}


def assistant(messages, at, n_calls, form, template):
    message = messages[at]
    calls, text, thought = message.get("calls") or [], text_of(message), message.get("reasoning") or ""
    if not calls:
        return [{"role": "assistant", "content": text, **thought_of(thought, template)}]
    if form.get("content_to_thought"):
        thought, text = "\n\n".join(t for t in (thought, text) if t), ""
    results = {}
    for m in messages[at + 1:]:
        if m["role"] != "tool":
            break
        results[m["call_id"]] = ("error: " if m.get("error") else "") + text_of(m)
    out = []
    groups = [[c] for c in calls] if form.get("split_calls") else [calls]
    for group in groups:
        content = None if not text and form.get("null_content") else text
        out.append({"role": "assistant", "content": content, **thought_of(thought, template),
                    "tool_calls": open_ai_calls(group, n_calls + 1, form)})
        for i, c in enumerate(group):
            if c["id"] in results:
                out.append({"role": "tool", "tool_call_id": f"c{n_calls + 1 + i:08}", "name": c["name"],
                            "content": results[c["id"]]})
        n_calls += len(group)
        text = thought = ""
    return out


def open_ai_messages(messages, traits, form, template):
    messages = list(messages)
    if messages[0]["role"] == "system" and not traits["system"]:
        front = text_of(messages.pop(0))
        user = text_of(messages.pop(0)) if messages and messages[0]["role"] == "user" else ""
        messages.insert(0, {"role": "user", "parts": [{"type": "text", "text": "\n\n".join(t for t in (front, user) if t)}]})
    out, n_calls = [], 0
    for at, m in enumerate(messages):
        if m["role"] in ("system", "user"):
            out.append({"role": m["role"], "content": text_of(m)})
        elif m["role"] == "assistant":
            out += assistant(messages, at, n_calls, form, template)
            n_calls += len(m.get("calls") or [])
    return out


def open_ai_tools(tools):
    return [{"type": "function",
             "function": {"name": t["name"], "description": t.get("description") or "",
                          "parameters": t.get("parameters", {"type": "object", "properties": {}})}}
            for t in sorted(tools, key=lambda t: t["name"])]


def render(template, entry, conversation):
    traits, form = entry["traits"], entry.get("form", {})
    thinking = conversation.get("thinking", True)
    variables = {**NAMES, "messages": open_ai_messages(conversation["messages"], traits, form, template),
                 "add_generation_prompt": True, "enable_thinking": thinking, "thinking": thinking,
                 "date_string": golden.NOW.strftime("%d %b %Y"), "datetime": golden.NOW.strftime("%Y-%m-%d")}
    tools = open_ai_tools(conversation.get("tools") or [])
    if tools and not form.get("no_tools"):
        variables["tools"] = tools
    if form.get("functions"):
        variables["functions"] = json.dumps([t["function"] for t in tools], indent=4, ensure_ascii=False)
    return golden.reference(template, variables)


def write():
    vectors = json.load(open(VECTORS, encoding="utf-8"))
    templates = golden.published()
    for c in vectors["conversations"]:
        results = {name: render(templates[name], entry, c) for name, entry in vectors["templates"].items()}
        c["expect"] = {name: golden.short(r) if "error" not in r else False for name, r in results.items()}
        for name, r in results.items():
            if "out" not in r:
                print(f"{c['name']}: {name}: {r}")
    golden.save(VECTORS, vectors)


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif sys.argv[1:2] == ["show"]:
        with open(VECTORS, encoding="utf-8") as f:
            data = json.load(f)
        one = [c for c in data["conversations"] if c["name"] == sys.argv[3]][0]
        print(render(golden.published()[sys.argv[2]], data["templates"][sys.argv[2]], one))
    else:
        sys.exit(__doc__)
