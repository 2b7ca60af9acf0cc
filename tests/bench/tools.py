#!/usr/bin/env python3
"""Makes many tools with the parameter schemas that programs write for models, to measure a request with all of them.

    tests/bench/tools.py COUNT BYTES [--seed N] > tools.json

COUNT functions ("tools" of a chat request), whose parameters together take BYTES of JSON without spaces, a few per cent more or less:
    tests/bench/tools.py 200 500000
    tests/bench/tools.py 263 500000
    tests/bench/tools.py 500 1000000

Names share beginnings (calendar_create_event, calendar_create_reminder), sizes differ by an order of magnitude, and schemas have what those
of published interfaces have: required and optional members, nested objects, lists, enums, patterns and formats, bounds, null beside
another type, maps, alternatives told apart by a constant, and $defs that refer to each other, one of them to itself.  The same numbers
give the same bytes.
"""
import argparse
import json
import random

AREAS = ("calendar mail files contacts billing orders inventory tickets deploy cluster metrics search maps weather payments users reports "
         "storage queue network chemistry papers images audio sensors travel banking shipping support catalogue").split()
VERBS = "create get list update delete search export import cancel approve schedule assign archive validate compare".split()
THINGS = ("event reminder message folder document contact invoice refund order item ticket comment release node volume alert dashboard "
          "route forecast transfer account role report bucket topic address molecule citation image track reading booking label").split()
MEMBERS = ("id name title status priority owner amount currency start end limit offset cursor query tags region zone language timezone "
           "notes source target parent version threshold count ratio enabled visible recursive format mode reason attachments recipients "
           "labels metadata filters options range address window schedule price quantity unit width height depth email phone url").split()
WORDS = ("the of which this value is used when a request has more than one and must not be empty for each item in list that was given by "
         "user or system before it can be changed otherwise default applies only if set to true number identifier returned from earlier "
         "call see also optional maximum allowed time zone server account resource").split()
ENUMS = (["low", "normal", "high", "urgent"], ["asc", "desc"], ["draft", "open", "in_progress", "blocked", "done", "cancelled"],
         ["EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK"], ["json", "csv", "xml", "parquet", "text/plain"],
         ["eu-central-1", "eu-west-1", "eu-west-3", "us-east-1", "us-east-2", "us-west-2", "ap-northeast-1", "ap-southeast-2"],
         ["read", "write", "admin", "owner"], ["GET", "PUT", "POST", "PATCH", "DELETE"])
PATTERNS = ("^[a-z][a-z0-9_-]{0,62}$", "^[A-Z]{2}[0-9]{6}$", "^\\+[1-9][0-9]{6,14}$",
            "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$", "^#[0-9A-Fa-f]{6}$", "^v?[0-9]+\\.[0-9]+\\.[0-9]+$", "^(prj|usr|org)_[A-Za-z0-9]{12}$")
FORMATS = ("date-time", "date", "email", "uri", "uuid", "ipv4", "time")


def size(value):
    return len(json.dumps(value, separators=(",", ":")))


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def sentence(self):
        words = self.random.choices(WORDS, k=self.random.randint(5, 22))
        return " ".join(words).capitalize() + "."

    def text(self):
        kind = self.random.random()
        if kind < 0.25:
            return {"enum": self.random.choice(ENUMS)}
        if kind < 0.4:
            return {"pattern": self.random.choice(PATTERNS)}
        if kind < 0.55:
            return {"format": self.random.choice(FORMATS)}
        if kind < 0.75:
            return {"minLength": 1, "maxLength": self.random.choice([16, 64, 100, 255, 1000])}
        return {}

    def number(self, kind):
        low, high = self.random.choice([(0, 100), (1, 50), (0, 1), (-90, 90), (1, 65535), (0, 1000000)])
        schema = {"type": kind}
        if self.random.random() < 0.6:
            schema["minimum"] = low
        if self.random.random() < 0.6:
            schema["maximum"] = high
        if self.random.random() < 0.1:
            schema["multipleOf"] = 5 if kind == "integer" else 0.5
        return schema

    def value(self, depth, defs):
        kind = self.random.random()
        if defs and kind < 0.12:
            return {"$ref": "#/$defs/" + self.random.choice(defs)}
        if depth < 4 and kind < 0.24:
            return self.object(self.random.randint(2, 6), depth + 1, defs)
        if depth < 4 and kind < 0.38:
            return {"type": "array", "items": self.value(depth + 1, defs), "minItems": self.random.randint(0, 1),
                    "maxItems": self.random.choice([5, 10, 20, 100])}
        if kind < 0.42:
            return {"type": "object", "additionalProperties": {"type": self.random.choice(["string", "number", "boolean"])}}
        if kind < 0.46:
            return {"anyOf": [self.value(4, []), {"type": "null"}]}
        if kind < 0.49 and depth < 3:
            return {"oneOf": [self.variant(name, depth) for name in self.random.sample(THINGS, 3)]}
        if kind < 0.59:
            return {"type": "boolean", "default": self.random.random() < 0.5}
        if kind < 0.72:
            return self.number(self.random.choice(["integer", "number"]))
        if kind < 0.75:
            return {"type": ["string", "null"]}
        return {"type": "string", **self.text()}

    def variant(self, name, depth):
        schema = self.object(2, depth + 2, [])
        schema["properties"] = {"kind": {"const": name}, **schema["properties"]}
        schema["required"] = ["kind"] + [r for r in schema["required"] if r != "kind"]
        return schema

    def object(self, n, depth, defs):
        schema = {"type": "object", "properties": {}, "required": []}
        for name in self.random.sample(MEMBERS, n):
            self.member(schema, name, depth, defs)
        if self.random.random() < 0.7:
            schema["additionalProperties"] = False
        return schema

    def member(self, schema, name, depth, defs):
        value = self.value(depth, defs)
        if "$ref" not in value and self.random.random() < 0.8:
            value["description"] = self.sentence()
        schema["properties"][name] = value
        if self.random.random() < 0.4:
            schema["required"].append(name)

    def parameters(self, n_bytes):
        """About that many bytes: members are added until they are there."""
        schema = {"type": "object", "properties": {}, "required": []}
        defs = []
        if n_bytes > 1500:
            defs = self.random.sample(["Address", "Money", "Period", "Page", "Reference", "Person"], 2)
            schema["$defs"] = {name: self.object(self.random.randint(2, 4), 3, []) for name in defs}
            schema["$defs"][defs[0]]["properties"]["next"] = {"$ref": "#/$defs/" + defs[1]}
            schema["$defs"]["Filter"] = {"type": "object", "required": ["op"], "additionalProperties": False, "properties": {
                "op": {"enum": ["and", "or", "eq", "lt", "gt"]}, "field": {"type": "string"},
                "value": {"type": ["string", "number", "boolean"]},
                "all": {"type": "array", "items": {"$ref": "#/$defs/Filter"}, "maxItems": 8}}}
            defs.append("Filter")
        names = [m + suffix for suffix in ("", "_from", "_to", "_2") for m in self.random.sample(MEMBERS, len(MEMBERS))]
        while names and size(schema) < n_bytes:
            self.member(schema, names.pop(0), 1, defs)
        schema["additionalProperties"] = False
        return schema

    def tools(self, count, n_bytes):
        names = [f"{a}_{v}_{t}" for a in AREAS for v in VERBS for t in THINGS]
        shares = [self.random.lognormvariate(0, 0.8) for _ in range(count)]
        tools, left = [], n_bytes
        for i, name in enumerate(sorted(self.random.sample(names, count))):
            parameters = self.parameters(left * shares[i] / sum(shares[i:])) # what came out too large is made up for by the next
            left = max(0, left - size(parameters))
            tools.append({"type": "function", "function": {"name": name, "description": self.sentence(), "parameters": parameters}})
        return tools


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("bytes", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(json.dumps(Maker(args.seed).tools(args.count, args.bytes), separators=(",", ":")))


if __name__ == "__main__":
    main()
