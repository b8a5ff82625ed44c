#!/usr/bin/env python3
"""S45: one of the store's files, each of its keys in turn dropped, null, of another type, twice, empty,
huge; then verbs. None may end by a signal, hang, or fail without a word.

    mutants.py FILE ZONE [--running] VERB...

Beside the file the rest of the store is put back after each round. CELLA and CELLA_ROOT are in the
environment. Prints a line per fault; the last line is the count of mutants and of commands."""
import json, os, shutil, subprocess, sys

CELLA, ROOT = os.environ["CELLA"], os.environ["CELLA_ROOT"]
KEPT = ("zones", "layers", "networks")
WRONG = {str: [7, [], {}, True], int: ["7", [], 1.5, True], bool: ["true", 1, None], list: [{}, "x", 1], dict: [[], "x", 1],
         float: ["x", []], type(None): ["x", 1]}


def values(v):
    """What stands in the place of v, each with a word for it."""
    yield "null", None
    for w in WRONG[type(v)]:
        yield "is %s" % json.dumps(w), w
    if isinstance(v, str):
        for label, w in (("empty", ""), ("long", "x" * 5000), ("slashes", "../../../../etc/passwd"), ("control", "a\nb\x1b[2J\u202e"),
                         ("percent", "%s%n%s%n"), ("lone surrogate", "\ud800")):
            yield label, w
    elif isinstance(v, bool):
        yield "not", not v
    elif isinstance(v, int):
        for w in (0, -1, 2**31, 2**32, 2**63 - 1, -2**63, 2**64, 10**400):
            yield "is %.12s" % w, w
    elif isinstance(v, list):
        yield "empty", []
        yield "of nulls", [None] * 3
        yield "of itself", [v, v]
        yield "ten thousand", v * 10000
    elif isinstance(v, dict):
        yield "empty", {}


def at(doc, path):
    for p in path:
        doc = doc[p]
    return doc


def paths(v, path=()):
    if path:
        yield path
    for k in v if isinstance(v, dict) else range(len(v)) if isinstance(v, list) else ():
        yield from paths(v[k], path + (k,))


def mutants(text):
    doc = json.loads(text)
    for path in paths(doc):
        name = "/" + "/".join(map(str, path))
        for label, w in values(at(doc, path)):
            copy = json.loads(text)
            at(copy, path[:-1])[path[-1]] = w
            yield name + " " + label, json.dumps(copy).encode()
        copy = json.loads(text)
        del at(copy, path[:-1])[path[-1]]
        yield name + " dropped", json.dumps(copy).encode()
        if len(path) == 1:
            twice = json.dumps(doc)[:-1] + ", %s: %s}" % (json.dumps(path[0]), json.dumps(doc[path[0]]))
            yield name + " twice", twice.encode()
    raw = text.encode()
    for label, data in (("nothing", b""), ("null", b"null"), ("a list", b"[]"), ("an empty object", b"{}"), ("half of it", raw[:len(raw) // 2]),
                        ("not UTF-8", raw.replace(b'"', b'"\xff', 3)), ("NULs", bytes(len(raw))), ("more behind it", raw + b"{}"),
                        ("100,000 brackets", b"[" * 100000), ("2 MiB", raw[:-2].rstrip(b"}\n") + b" " * (2 << 20) + b"}"),
                        ("a key more", raw.replace(b"{", b'{"nosuch": 1, ', 1))):
        yield "file is " + label, data


def main():
    target, zone, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    running = rest[0] == "--running"
    verbs = rest[running:]
    with open(target) as f:
        text = f.read()
    saved = ROOT + ".saved"
    if not running:
        subprocess.run(["cp", "-a", ROOT, saved], check=True)
    mutated = commands = 0
    for label, data in mutants(text):
        mutated += 1
        with open(target, "wb") as f:
            f.write(data)
        started = False
        for verb in verbs:
            args = [a.replace("ZONE", zone) for a in verb.split()]
            commands += 1
            try:
                p = subprocess.run([CELLA] + args, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
            except subprocess.TimeoutExpired:
                print("%s: %s: hangs" % (label, verb))
                continue
            started = started or (args[0] == "start" and p.returncode == 0)
            if not (0 <= p.returncode <= 9 or p.returncode == 125):
                print("%s: %s: ended with %d: %s" % (label, verb, p.returncode, p.stderr.decode(errors="replace")[-300:]))
            elif p.returncode and not p.stderr.strip():
                print("%s: %s: exit code %d without a word" % (label, verb, p.returncode))
            elif any((b < 32 and b != 10) or b == 127 for b in p.stderr) or "\u202e".encode() in p.stderr + p.stdout:
                print("%s: %s: acts on a terminal: %r" % (label, verb, p.stderr[:300]))
        if running:
            continue
        if started:  # by whatever name the file gave it
            if os.path.exists(os.path.join(ROOT, "zones", zone)):
                with open(target, "w") as f:
                    f.write(text)
            subprocess.run([CELLA, "kill", "-q", zone], capture_output=True)
        for d in KEPT:
            shutil.rmtree(os.path.join(ROOT, d))
            subprocess.run(["cp", "-a", os.path.join(saved, d), ROOT], check=True)
    with open(target, "w") as f:
        f.write(text)
    if not running:
        shutil.rmtree(saved)
    print("%d mutants, %d commands" % (mutated, commands))


main()
