"""Messages and tools to the tokens of corax-1; the daemon does the same in infer/dialect_corax.c."""


def text_of(message):
    return "".join(p["text"] for p in message.get("parts", []) if p["type"] == "text")


def signature(tool):
    required = tool["parameters"].get("required", [])
    names = [n + ("" if n in required else "?") for n in tool["parameters"].get("properties", {})]
    return f"{tool['name']}({','.join(names)})"


def segments(messages, tools):
    """[(control token's name, text), ...]; ends with an open thought when the model is to write next"""
    out = [("begin", "")]
    if messages and messages[0]["role"] == "system":
        out.append(("system", text_of(messages[0])))
        messages = messages[1:]
    ordered = sorted(tools, key=lambda t: t["name"].encode())
    out.append(("tools", "".join(signature(t) + "\n" for t in ordered)))
    for m in messages:
        if m["role"] == "user":
            out.append(("user", text_of(m)))
        elif m["role"] == "tool":
            out.append(("obs", ("error: " if m["error"] else "") + text_of(m)))
        else:
            out.append(("think", m.get("reasoning", "")))
            calls = m.get("calls", [])
            out += [("call", f"{c['name']} {c['arguments']}") for c in calls]
            if not calls:
                out += [("answer", text_of(m)), ("end", "")]
    if messages and messages[-1]["role"] != "assistant":
        out.append(("think", ""))
    return out


def as_text(segs):
    return "".join(f"<|{kind}|>{text}" for kind, text in segs)


def as_ids(bpe, segs):
    ids = []
    for kind, text in segs:
        ids += [bpe.control[kind]] + bpe.encode(text)
    return ids


def schema(*names, optional=(), numbers=(), integers=()):
    properties = {n: {"type": "number" if n in numbers else "integer" if n in integers else "string"} for n in names}
    return {"type": "object", "properties": properties, "required": [n for n in names if n not in optional], "additionalProperties": False}


TOOLS = [
    {"name": "calc", "description": "Exact decimal arithmetic.", "parameters": schema("expression")},
    {"name": "canonical_smiles", "description": "Canonical SMILES.", "parameters": schema("smiles")},
    {"name": "convert", "description": "Convert a value between units.", "parameters": schema("value", "from", "to", numbers=("value",))},
    {"name": "descriptors", "description": "logP, TPSA, hydrogen bonds, rings.", "parameters": schema("smiles")},
    {"name": "formula", "description": "Molecular formula.", "parameters": schema("smiles")},
    {"name": "mol_weight", "description": "Molecular weight.", "parameters": schema("smiles")},
    {"name": "now", "description": "Current time.", "parameters": schema()},
    {"name": "run_python", "description": "Run a Python program.", "parameters": schema("code", "stdin", optional=("stdin",))},
    {"name": "search", "description": "Search the files of the roots.", "parameters": schema("query", "limit", optional=("limit",), integers=("limit",))},
    {"name": "similarity", "description": "Tanimoto similarity of two molecules.", "parameters": schema("a", "b")},
]
