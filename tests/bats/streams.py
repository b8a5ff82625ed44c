"""Streams that a hostile end could send in the place of a copied tree: DIR/NAME.tar, and DIR/refused
with "NAME<tab>what the message says". The top entry is "./", as pack has it."""
import io
import struct
import sys
import tarfile
from pathlib import Path

out = Path(sys.argv[1])
out.mkdir(parents=True)
canary = sys.argv[2]
refused = open(out / "refused", "w")


def entry(name, kind=tarfile.REGTYPE, data=b"", link="", **more):
    t = tarfile.TarInfo(name)
    t.type, t.linkname, t.size, t.mode = kind, link, len(data), 0o644
    for k, v in more.items():
        setattr(t, k, v)
    return t, data


def raw(*entries, top=True, fmt=tarfile.PAX_FORMAT):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=fmt) as tar:
        if top:
            tar.addfile(*entry(".", tarfile.DIRTYPE, mode=0o755))
        for t, data in entries:
            tar.addfile(t, io.BytesIO(data))
    return b.getvalue()


def refuse(name, want, data):
    (out / f"{name}.tar").write_bytes(data)
    refused.write(f"{name}\t{want}\n")


SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
refuse("dotdot", "has '..' in its name", raw(entry("../escaped", data=b"x")))
refuse("dotdot-inside", "has '..' in its name", raw(entry("a/../../escaped", data=b"x")))
refuse("absolute", "has an absolute name", raw(entry(canary + "/escaped", data=b"x")))
refuse("dotdot-dir", "has '..' in its name", raw(entry("..", DIR)))
refuse("through-link", "is a symbolic link", raw(entry("l", SYM, link=canary), entry("l/file", data=b"x")))
refuse("through-link-dir", "is a symbolic link",
       raw(entry("l", SYM, link=canary + "/dir"), entry("l", DIR, mode=0o777), entry("l/file", data=b"x")))
refuse("through-relative", "is a symbolic link", raw(entry("l", SYM, link="../canary"), entry("l/dir/file", data=b"x")))
refuse("hard-outside", "outside of what is copied", raw(entry("h", HARD, link="../canary/file")))
refuse("hard-absolute", "outside of", raw(entry("h", HARD, link=canary + "/file")))
refuse("hard-through-link", "hard link to", raw(entry("l", SYM, link=canary), entry("h", HARD, link="l/file")))
refuse("hard-to-link", "which is no file", raw(entry("l", SYM, link=canary + "/file"), entry("h", HARD, link="l")))
refuse("hard-to-top", "outside of what is copied", raw(entry("h", HARD, link=".")))
refuse("no-top", "not what was asked for", raw(entry("x", data=b"x"), top=False))
refuse("top-is-file-later", "there is a directory", raw(entry("./.", data=b"x")))
refuse("file-under-file", "not a directory", raw(entry("f", data=b"x"), entry("f/g", data=b"x")))
refuse("dir-on-file", "not a directory", raw(entry("f", data=b"x"), entry("f", DIR)))
refuse("file-on-dir", "there is a directory", raw(entry("d", DIR), entry("d", data=b"x")))
refuse("unknown-type", "unknown type", raw(entry("x", b"Q")))
refuse("empty-link", "link to nothing", raw(entry("x", SYM, link="")))
refuse("truncated-data", "ends in the middle", raw(entry("x", data=b"y" * 5000))[:2000])
refuse("truncated-end", "ends in the middle", raw(entry("x", data=b"y"))[:1536])
refuse("empty", "ends in the middle", b"")
refuse("no-tar", "not a tar archive", b"hello" * 1000)
refuse("nothing", "the stream is empty", bytes(10240))
bad = bytearray(raw(entry("x", data=b"y")))
bad[512 + 20] ^= 1
refuse("checksum", "damaged", bytes(bad))


def header(name=b"x", kind=b"0", size=b"00000000000\0", mode=b"0000644\0"):
    h = bytearray(512)
    h[0:len(name)] = name
    h[100:108], h[108:116], h[116:124] = mode, b"0000000\0", b"0000000\0"
    h[124:136], h[136:148], h[156:157], h[257:265] = size, b"00000000000\0", kind, b"ustar\x0000"
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


top = header(b"./", b"5", mode=b"0000755\0")
end = bytes(1024)


def pax(records):
    return header(b"pax", b"x", b"%011o\0" % len(records)) + records + bytes(-len(records) % 512)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    n = len(body) + 1
    while len(b"%d" % n) + len(body) != n:
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


refuse("size-negative", "damaged", top + header(size=b"\xff" * 12) + end)
refuse("size-huge", "absurd", top + header(size=b"\x80\0\0\0\x7f" + b"\xff" * 7) + end)
refuse("size-letters", "damaged", top + header(size=b"12345678zzz\0") + end)
refuse("pax-short", "makes no sense", top + pax(b"3 a=b\n") + header() + end)
refuse("pax-long", "makes no sense", top + pax(b"999 a=b\n") + header() + end)
refuse("pax-wrap", "makes no sense", top + pax(b"99999999999999999999999 a=b\n") + header() + end)
refuse("pax-no-equals", "makes no sense", top + pax(b"7 abcd\n") + header() + end)
refuse("pax-nul", "makes no sense", top + pax(record(b"path", b"ok\0../escaped")) + header() + end)
refuse("pax-size", "makes no sense", top + pax(record(b"size", b"-1")) + header() + end)
refuse("pax-huge", "extended header", top + header(b"pax", b"x", b"77777777777\0") + end)
refuse("pax-dotdot", "has '..' in its name", top + pax(record(b"path", b"../escaped")) + header() + end)
refuse("pax-dotdot-global", "ends in the middle", top + header(b"g", b"g", b"%011o\0" % 30))
refuse("gnu-dotdot", "has '..' in its name", top + header(b"L", b"L", b"%011o\0" % 11) + b"../escaped\0".ljust(512, b"\0") + header() + end)
refuse("long-name", "too long", top + pax(record(b"path", b"n" * 256)) + header() + end)
refuse("longer-name", "a name of 5000 bytes", top + pax(record(b"path", b"n" * 5000)) + header() + end)


def sparse(text, data=b"", real=b"1000000", version=b"1"):
    body = text.ljust(512, b"\0") + data
    return (top + pax(record(b"GNU.sparse.major", version) + record(b"GNU.sparse.minor", b"0") + record(b"GNU.sparse.name", b"s")
            + record(b"GNU.sparse.realsize", real)) + header(size=b"%011o\0" % len(body)) + body + bytes(-len(body) % 512) + end)


refuse("sparse-beyond", "makes no sense", sparse(b"1\n999999\n10\n", b"x" * 10))
refuse("sparse-back", "makes no sense", sparse(b"2\n100\n5\n50\n5\n", b"x" * 10))
refuse("sparse-many", "pieces", sparse(b"99999999\n"))
refuse("sparse-text", "makes no sense", sparse(b"one\n"))
refuse("sparse-short", "does not fit", sparse(b"1\n0\n500\n", b"x" * 10))
refuse("sparse-version", "unknown form", sparse(b"0\n", version=b"2"))
refuse("xattr-name", "makes no sense", top + pax(record(b"SCHILY.xattr." + b"u" * 300, b"v")) + header() + end)
refuse("xattr-many", "more than", top + pax(b"".join(record(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(70))) + header() + end)
refused.close()

# Lawful, and what they must not do: devices, setuid.
(out / "device.tar").write_bytes(raw(entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3), entry("ok", data=b"ok")))
(out / "setuid.tar").write_bytes(raw(entry("su", data=b"#!", mode=0o6755), entry("dir", DIR, mode=0o2755)))
(out / "owner.tar").write_bytes(raw(entry("mine", data=b"x", uid=70000)))
(out / "names.tar").write_bytes(raw(entry("umlaut-\u00fc", data=b"x"), entry("n" * 255, data=b"y"),
                                    entry("/".join(["d" * 200] * 12), data=b"z"), entry("line\nbreak", data=b"n")))
(out / "others-file.tar").write_bytes(raw(entry("mine", data=b"x"), entry("mine-too", HARD, link="mine"),
                                          entry("stolen", HARD, link="private/key")))
