"""S17: every text of a spec with a control character in it.

    texts.py CELLA SCHEMA_C DIRECTORY

Reads the tables of specs/schema.c, so that no field is forgotten; writes a spec with one bad text for
each field, place and character, validates it, and prints a line for each that is not refused with exit
code 2 and the field's JSON pointer. The last line is "N texts of M fields"."""
import json, re, subprocess, sys

CONTROLS = ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\t"]
TEXTS = "TEXT WORD CHOICE SIZE TIME RATE CORES READY COUNT TEXTS PAIRS RLIMITS".split()
KEYS = {"unified": "memory.high", "sysctl": "net.ipv4.ip_forward"}


def tables(source):
    """Name of each table -> [(key, type, name of its table or None)]."""
    found = {}
    for name, body in re.findall(r"struct schema_field (\w+)\[\] = \{(.*?)\bEND\b", source, re.S):
        rows = [(m[0], m[1], (re.search(r"\.fields = (\w+)", m[2]) or [None, None])[1])
                for m in re.findall(r'\{\.key = "(\w+)", \.type = SCHEMA_(\w+)(.*?)\}', body, re.S)]
        rows += [(p, "LIST", "hook_fields") for p in re.findall(r"HOOK\((\w+)\)", body)]
        found[name] = rows
    return found


def leaves(all_tables, name):
    """(path, type): the path's elements are keys, 0 for an item of a list."""
    for key, kind, fields in all_tables[name]:
        if kind in ("OBJECT", "LIST"):
            for path, leaf in leaves(all_tables, fields):
                yield [key] + [0] * (kind == "LIST") + path, leaf
        elif kind in TEXTS:
            yield [key], kind


def document(path, value):
    doc = {"zone_spec": 1, "name": "web"}
    at = doc
    for i, key in enumerate(path):
        last = i == len(path) - 1
        inner = value if last else [] if path[i + 1] == 0 else {}
        if isinstance(at, list):
            at.append(inner)
        else:
            at[key] = inner
        at = inner
    return doc


def main():
    cella, schema, where = sys.argv[1:]
    fields = list(leaves(tables(open(schema).read()), "schema_root"))
    n = 0
    for path, kind in fields:
        for c in CONTROLS:
            for text in ("a" + c + "b", c, "1" + c):
                pointer = "/" + "/".join(map(str, path))
                cases = [(text, pointer)]
                if kind == "TEXTS":
                    cases = [([text], pointer + "/0")]
                elif kind == "PAIRS":
                    key = KEYS.get(path[-1], "KEY")
                    cases = [({key: text}, pointer + "/" + key), ({text: "x"}, pointer)]
                elif kind == "RLIMITS":
                    cases = [({text: 1}, pointer)]
                for value, want in cases:
                    n += 1
                    with open(where + "/spec.json", "w") as out:
                        json.dump(document(path, value), out)
                    run = subprocess.run([cella, "validate", where + "/spec.json"], capture_output=True)
                    said = run.stderr.decode("utf-8", "surrogateescape")
                    # The JSON library itself refuses a NUL in a key, with line and column.
                    ok = want + ":" in said or ("NUL byte in object key" in said and c == "\0")
                    if run.returncode != 2 or not ok:
                        print(f"{want} {ascii(text)}: exit code {run.returncode}: {ascii(said)}")
                    elif any(ord(x) < 32 and x != "\n" or x in CONTROLS[3:] for x in said):
                        print(f"{want} {ascii(text)}: the message itself has it: {ascii(said)}")
    print(f"{n} texts of {len(fields)} fields")


main()
