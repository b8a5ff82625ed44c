#!/usr/bin/env python3
"""Archives that a zone could be made from, each hostile or odd in one way (S19, S20, B26 to B37).

    hostile_archives.py make DIR      ($CANARY, $CONVERTER in the environment) writes them, and DIR/GROUP.list for each group: lines of
                                      "FILE <tab> what the refusal must say", or nothing if it is taken
    hostile_archives.py stream files|folders|hardlinks N
                                      so many of them in one directory, on stdout
    hostile_archives.py check FILE ROOT
                                      what was taken lies in ROOT as it should
"""
import bz2, gzip, io, lzma, os, stat, struct, subprocess, sys, tarfile, zipfile

L, H, D, F = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.REGTYPE
CANARY = os.environ.get("CANARY", "/nonexistent")
cases = []  # (file, group, function that gives bytes, refusal or None, check or None)


def member(name, data=None, kind=F, mode=None, **kw):
    m = tarfile.TarInfo(name)
    m.type = kind
    m.mode = (0o755 if kind == D else 0o644) if mode is None else mode
    if data is not None:
        m.size = len(data)
    for k, v in kw.items():
        setattr(m, k, v)
    return m, data


def link(name, target):
    return member(name, kind=L, linkname=target)


def hard(name, target, data=None):
    return member(name, data, kind=H, linkname=target)


def folder(name):
    return member(name, kind=D)


def header(name=b"f", size=0, kind=b"0", magic=b"ustar\0" + b"00", linkname=b"", mode=b"0000644\0", uid=b"0000000\0",
           gid=b"0000000\0", mtime=b"00000000000\0", checksum=None, sizefield=None, tail=b""):
    """One header block, whatever is in it."""
    h = bytearray(512)

    def put(at, room, value):
        h[at:at + min(room, len(value))] = value[:room]
    put(0, 100, name)
    put(100, 8, mode)
    put(108, 8, uid)
    put(116, 8, gid)
    put(124, 12, sizefield if sizefield is not None else b"%011o\0" % size)
    put(136, 12, mtime)
    put(148, 8, b" " * 8)
    put(156, 1, kind)
    put(157, 100, linkname)
    put(257, 8, magic)
    put(329, 16, b"0000000\0" * 2)
    put(345, 167, tail)
    put(148, 8, checksum if checksum is not None else b"%06o\0 " % sum(h))
    return bytes(h)


def padded(data):
    return data + bytes(-len(data) % 512)


END = bytes(1024)
FIRST = header(b"./first", 1) + padded(b"x")


def pax(records, kind=b"x"):
    body = b""
    for k, v in records.items():
        k = k.encode() if isinstance(k, str) else k
        v = v.encode() if isinstance(v, str) else v
        n = len(k) + len(v) + 3
        while n != len(k) + len(v) + 3 + len(str(n)):
            n = len(k) + len(v) + 3 + len(str(n))
        body += b"%d %s=%s\n" % (n, k, v)
    return header(b"pax", len(body), kind) + padded(body)


def tar(*entries, fmt=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt, encoding="utf-8", errors="surrogateescape") as t:
        for m, data in entries:
            t.addfile(m, io.BytesIO(data) if data is not None and m.type != H else None)
            if data is not None and m.type == H:  # content that has no place behind a link
                t.fileobj.write(padded(data))
                t.offset += len(padded(data))
    return out.getvalue()


def packed(data, program):
    return subprocess.run(program, input=data, stdout=subprocess.PIPE, check=True).stdout


def case(group, name, says, make, check=None):
    cases.append((name, group, make, says, check))


def refused(group, name, says, *entries, **kw):
    case(group, name, says, lambda: tar(member("./first", b"x"), *entries, **kw))


def taken(group, name, check, *entries, **kw):
    case(group, name, None, lambda: tar(member("./first", b"x"), *entries, **kw), check)


def raw(group, name, says, *parts, check=None):
    case(group, name, says, lambda: b"".join(parts) + END, check)


def at(root, name):
    """In `root`, never through a link of it."""
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    parts = name.split("/") if isinstance(name, str) else name.split(b"/")
    for p in parts[:-1]:
        nxt = os.open(p, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        os.close(fd)
        fd = nxt
    st = os.stat(parts[-1], dir_fd=fd, follow_symlinks=False)
    os.close(fd)
    return st


def is_file(name, size=None, mode=None, uid=None):
    def check(root):
        st = at(root, name)
        assert stat.S_ISREG(st.st_mode), (name, oct(st.st_mode))
        assert size is None or st.st_size == size, (name, st.st_size)
        assert mode is None or stat.S_IMODE(st.st_mode) == mode, (name, oct(st.st_mode))
        assert uid is None or st.st_uid == uid, (name, st.st_uid)
    return check


def is_link(name, target):
    def check(root):
        assert os.readlink(os.path.join(root, name)) == target, name
    return check


def every(*checks):
    return lambda root: [c(root) for c in checks]


# ---- S20: names that leave, links that are crossed ----
g = "paths"
up = "../" * 14
refused(g, "absolute", "absolute name", member(CANARY + "/evil", b"x"))
refused(g, "absolute-slashes", "absolute name", member("//" + CANARY + "/evil", b"x"))
refused(g, "dotdot", "'..' in its name", member(up + CANARY[1:] + "/evil", b"x"))
refused(g, "dotdot-middle", "'..' in its name", folder("./etc"), member("./etc/" + up + CANARY[1:] + "/evil", b"x"))
refused(g, "dotdot-last", "'..' in its name", folder("./etc"), folder("./etc/.."))
refused(g, "dotdot-inside", "'..' in its name", folder("./etc"), member("./etc/../here", b"x"))
refused(g, "dotdot-link-target", "climbs above the root", link("./out", up + CANARY[1:]))
refused(g, "climbs-by-detour", "climbs above the root", folder("./a"), link("./a/l", "b/../../.." + CANARY))
refused(g, "link-then-write", "goes through 'out', which is a symbolic link", link("./out", CANARY), member("./out/evil", b"x"))
refused(g, "link-then-folder", "a symbolic link", link("./out", CANARY), folder("./out/evil"))
refused(g, "link-then-link", "a symbolic link", link("./out", CANARY), link("./out/evil", "x"))
refused(g, "link-then-fifo", "a symbolic link", link("./out", CANARY), member("./out/evil", kind=tarfile.FIFOTYPE))
refused(g, "link-then-hardlink", "a symbolic link", link("./out", CANARY), hard("./out/evil", "./first"))
refused(g, "link-within", "a symbolic link", folder("./real"), link("./l", "real"), member("./l/f", b"x"))
refused(g, "link-dangling", "a symbolic link", link("./l", "nowhere"), member("./l/f", b"x"))
refused(g, "link-to-itself", "a symbolic link", link("./l", "l"), member("./l/f", b"x"))
refused(g, "link-chain", "a symbolic link", *[link("./l%d" % i, "l%d" % (i + 1)) for i in range(40)], link("./l40", CANARY),
        member("./l0/evil", b"x"))
refused(g, "link-deep", "a symbolic link", folder("./a"), folder("./a/b"), link("./a/b/c", CANARY), member("./a/b/c/dir/evil", b"x"))
refused(g, "file-is-parent", "not a directory", member("./f", b"x"), member("./f/below", b"x"))
refused(g, "fifo-is-parent", "not a directory", member("./p", kind=tarfile.FIFOTYPE), member("./p/below", b"x"))
refused(g, "root-is-link", "names the top directory", link("./", CANARY), member("./evil", b"x"))
refused(g, "root-is-dot-link", "names the top directory", link(".", CANARY), member("./evil", b"x"))
refused(g, "root-is-file", "names the top directory", member(".", b"x"))
refused(g, "root-is-hardlink", "names the top directory", hard("./", "./first"))
refused(g, "slash", "absolute name", folder("/"))
refused(g, "slash-is-link", "absolute name", link("/", CANARY))
refused(g, "no-name", "", folder(""))
taken(g, "folder-link-folder", is_file("d/f", 6), folder("./d"), link("./d", CANARY), folder("./d"), member("./d/f", b"inside"))
taken(g, "link-then-file-of-its-name", is_file("l", 4), link("./l", CANARY + "/file"), member("./l", b"here"))
taken(g, "link-then-folder-of-its-name", is_file("l/f", 1), link("./l", CANARY), folder("./l"), member("./l/f", b"x"))
taken(g, "link-then-fifo-of-its-name", lambda r: None, link("./l", CANARY + "/file"), member("./l", kind=tarfile.FIFOTYPE))
taken(g, "absolute-link-is-kept", is_link("l", CANARY), link("./l", CANARY))
taken(g, "dots-that-are-names", every(is_file("...", 1), is_file("..a", 1)), member("./...", b"x"), member("./..a", b"x"))

g = "hardlinks"
refused(g, "hardlink-absolute", "absolute name", hard("./h", CANARY + "/file"))
refused(g, "hardlink-dotdot", "'..' in its name", hard("./h", up + CANARY[1:] + "/file"))
refused(g, "hardlink-through-link", "goes through a symbolic link", link("./l", CANARY), hard("./h", "./l/file"))
refused(g, "hardlink-missing", "not there", hard("./h", "./nosuch"))
refused(g, "hardlink-to-folder", "not a file", folder("./d"), hard("./h", "./d"))
refused(g, "hardlink-to-root", "top directory", hard("./h", "."))
refused(g, "hardlink-empty", "", hard("./h", ""))
refused(g, "hardlink-before-its-file", "not there", hard("./h", "./later"), member("./later", b"x"))
raw(g, "hardlink-with-content", "", FIRST, header(b"./h", 4, b"1", linkname=b"./first"), padded(b"evil"))
case(g, "hardlink-to-link-then-write", None,
     lambda: tar(member("./first", b"x"), link("./l", CANARY + "/file"), hard("./h", "./l"), member("./h", b"new")), is_file("h", 3))
case(g, "hardlink-to-link", None, lambda: tar(link("./l", CANARY + "/file"), hard("./h", "./l")), is_link("h", CANARY + "/file"))
taken(g, "hardlink-to-itself", is_file("first", 1), hard("./first", "./first"))
taken(g, "hardlink-then-write", every(is_file("first", 1), is_file("h", 5)), hard("./h", "./first"), member("./h", b"other"))


def linked(root):
    assert at(root, "first").st_nlink == 4, at(root, "first").st_nlink


taken(g, "hardlinks-kept", linked, *[hard("./h%d" % i, "./first") for i in range(3)])

g = "types"
taken(g, "file-twice", is_file("f", 3), member("./f", b"x"), member("./f", b"xyz"))
taken(g, "folder-twice", lambda r: None, folder("./d"), member("./d/f", b"x"), folder("./d"))
taken(g, "file-then-folder", is_file("f/g", 1), member("./f", b"x"), folder("./f"), member("./f/g", b"x"))
taken(g, "empty-folder-then-file", is_file("d", 1), folder("./d"), member("./d", b"x"))
refused(g, "full-folder-then-file", "directory with content", folder("./d"), member("./d/f", b"x"), member("./d", b"x"))
refused(g, "full-folder-then-link", "directory with content", folder("./d"), member("./d/f", b"x"), link("./d", CANARY))
taken(g, "same-name-a-hundred-times", is_file("f", 99), *[member("./f", b"y" * i) for i in range(100)])
taken(g, "kinds-in-turn", is_file("t", 2), *[e for _ in range(20) for e in (
    member("./t", b"x"), folder("./t"), link("./t", CANARY), member("./t", kind=tarfile.FIFOTYPE), hard("./t", "./first"))],
    member("./t", b"yy"))
refused(g, "device-of-a-disk", "is a device", member("./disk", kind=tarfile.BLKTYPE, devmajor=8, devminor=0))
refused(g, "device-of-memory", "is a device", member("./mem", kind=tarfile.CHRTYPE, devmajor=1, devminor=1))
refused(g, "whiteout-as-device", "is a device", member("./w", kind=tarfile.CHRTYPE, devmajor=0, devminor=0))


def no_devices(root):
    for where, dirs, files in os.walk(root):
        for n in dirs + files:
            st = os.lstat(os.path.join(where, n))
            assert not stat.S_ISCHR(st.st_mode) and not stat.S_ISBLK(st.st_mode), n


taken(g, "devices-in-dev", no_devices, *[member("./dev/d%d" % i, kind=tarfile.CHRTYPE, devmajor=1, devminor=i) for i in range(9)])
raw(g, "type-unknown", None, FIRST, header(b"./odd", 1, b"Q"), padded(b"x"), check=is_file("odd", 1))
raw(g, "type-nul-with-slash", None, FIRST, header(b"./olddir/", 0, b"\0", magic=b""), check=lambda r: os.listdir(r + "/olddir"))
# What is no content of such an entry is no header either.
raw(g, "folder-with-content", "", FIRST, header(b"./d", 3, b"5"), padded(b"abc"))
raw(g, "link-with-content", "", FIRST, header(b"./l", 3, b"2", linkname=b"first"), padded(b"abc"))
raw(g, "volume-label", None, header(b"label", 0, b"V"), FIRST, check=is_file("first", 1))
raw(g, "multi-volume", "", FIRST, header(b"./m", 3, b"M"), padded(b"abc"))

g = "names"
n255, n256 = "n" * 255, "n" * 256
taken(g, "name-255", is_file(n255, 1), member("./" + n255, b"x"))
refused(g, "name-256", "name that is too long", member("./" + n256, b"x"))
refused(g, "name-256-folder-on-the-way", "too long", member("./%s/f" % n256, b"x"))
deep = "/".join(["p" * 203] * 20) + "/" + "q" * 10
taken(g, "path-4090", lambda r: deep_file(r, deep), member(deep, b"x"))
refused(g, "path-5000", "name that is too long", member("/".join(["p" * 200] * 25), b"x"))
refused(g, "path-100000-levels", "name that is too long", member("d/" * 100000 + "f", b"x"))
taken(g, "path-2000-levels", lambda r: deep_file(r, "d/" * 2000 + "f"), member("d/" * 2000 + "f", b"x"))
refused(g, "link-target-4096", "without a usable target", link("./l", "t" * 4096))
taken(g, "link-target-4095", lambda r: None, link("./l", "/" + "t/" * 2047))
refused(g, "link-target-empty", "without a usable target", link("./l", ""))


def deep_file(root, path):
    fd = os.open(root, os.O_PATH)
    parts = path.split("/")
    for p in parts[:-1]:
        nxt = os.open(p, os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
        os.close(fd)
        fd = nxt
    assert os.stat(parts[-1], dir_fd=fd).st_size == 1
    os.close(fd)


def name_bytes(name):
    def check(root):
        assert name in os.listdir(root.encode()), os.listdir(root.encode())
    return check


for label, name in (("newline", b"a\nb"), ("control", b"a\x1b[2Jb\x07\x7f"), ("not-utf8", b"a\xff\xfe\xc3b"), ("bidi", "a\u202eb".encode()),
                    ("nfc", "caf\u00e9".encode()), ("nfd", "cafe\u0301".encode()), ("space", b" "), ("dash", b"-rf"),
                    ("percent", b"%s%n"), ("backslash", b"a\\..\\b"), ("star", b"*")):
    raw(g, "name-" + label, None, header(b"./" + name, 1), padded(b"x"), check=name_bytes(name))
    raw(g, "name-" + label + "-pax", None, pax({"path": b"./" + name}), header(b"x", 1), padded(b"x"), check=name_bytes(name))
# The message of a refusal must not act on a terminal; the bats file looks at that.
raw(g, "name-control-refused", "has '..'", FIRST, header(b"\x1b[2J/../\xff\n", 1), padded(b"x"))
raw(g, "name-nul", None, FIRST, pax({"path": b"./a\0/../b"}), header(b"x", 1), padded(b"x"), check=is_file("a", 1))
raw(g, "name-A-and-a", None, header(b"A", 1), padded(b"x"), header(b"a", 2), padded(b"xx"), check=every(is_file("A", 1), is_file("a", 2)))
raw(g, "name-nfc-and-nfd", None, header("\u00e9".encode(), 1), padded(b"x"), header("e\u0301".encode(), 2), padded(b"xx"),
    check=every(is_file("\u00e9", 1), is_file("e\u0301", 2)))
raw(g, "name-long-gnu", None, header(b"././@LongLink", 301, b"L"), padded(b"n" * 250 + b"/" + b"m" * 49 + b"\0"), header(b"n", 1),
    padded(b"x"), check=is_file("n" * 250 + "/" + "m" * 49, 1))
raw(g, "name-long-gnu-1MiB", "", FIRST, header(b"././@LongLink", 2 << 20, b"L"), padded(b"n/" * (1 << 20)), header(b"n", 1), padded(b"x"))
# In Debian 12's libc the converter of names is found in what was just unpacked; see confine.c.
case(g, "name-converter", None, lambda: converter(), lambda r: None)


def converter():
    """Brings its own iconv module, and then a name that must be converted."""
    with open(os.environ["CONVERTER"], "rb") as f:
        so = f.read()
    entries = []
    for d in ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib"):
        entries += [member("./%s/gconv/gconv-modules" % d, b"module INTERNAL ANSI_X3.4-1968// evil 1\n"),
                    member("./%s/gconv/evil.so" % d, so, mode=0o755)]
    return tar(*entries, member("./\u00fc", b"x"))


g = "attributes"
CAP2 = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
CAP3 = struct.pack("<6I", 0x03000001, 1 << 10, 0, 0, 0, 0)
CAP3_100000 = struct.pack("<6I", 0x03000001, 1 << 10, 0, 0, 0, 100000)


def xattr(group, name, says, records, check=None, kind=b"0", path=b"./f"):
    raw(group, name, says, FIRST, pax({"SCHILY.xattr." + k: v for k, v in records.items()}), header(path, 0, kind), check=check)


def has(name, key, value):
    def check(root):
        got = os.getxattr(os.path.join(root, name), key)
        assert got == value, (name, key, got)
    return check


def has_not(name, key):
    return lambda root: [None for k in os.listxattr(os.path.join(root, name)) if k == key and 1 / 0]


def capability(root):
    got = os.getxattr(os.path.join(root, "f"), "security.capability")
    rootid = struct.unpack("<I", got[20:24])[0] if len(got) == 24 else 0
    assert got[4:20] == CAP2[4:20] and rootid == 0, got.hex()


for kind, label in ((b"0", "file"), (b"5", "folder")):
    for key in ("trusted.overlay.opaque", "trusted.overlay.redirect", "trusted.overlay.metacopy", "trusted.overlay.whiteout",
                "trusted.overlay.origin", "user.overlay.opaque", "user.overlay.redirect"):
        xattr(g, "%s-%s" % (key, label), "'%s', which would act on other layers" % key, {key: b"y"}, kind=kind)
xattr(g, "overlay-on-the-root", "which would act on other layers", {"trusted.overlay.opaque": b"y"}, kind=b"5", path=b"./")
raw(g, "overlay-libarchive-form", "which would act on other layers", FIRST, pax({"LIBARCHIVE.xattr.trusted.overlay.opaque": b"eQ=="}),
    header(b"./d", 0, b"5"))
xattr(g, "capability-2", None, {"security.capability": CAP2}, capability)
xattr(g, "capability-3", None, {"security.capability": CAP3}, capability)
xattr(g, "capability-3-of-another-root", "security.capability", {"security.capability": CAP3_100000})
xattr(g, "capability-short", "security.capability", {"security.capability": b"\1"})
xattr(g, "ima", None, {"security.ima": b"\3" * 40}, has_not("f", "security.ima"))
xattr(g, "selinux", None, {"security.selinux": b"system_u:object_r:etc_t:s0\0"}, has_not("f", "security.selinux"))
xattr(g, "trusted-of-others", None, {"trusted.md5sum": b"x"}, has_not("f", "trusted.md5sum"))
xattr(g, "user", None, {"user.note": b"a\0b"}, has("f", "user.note", b"a\0b"))
xattr(g, "user-64KiB", "65536 bytes, more than the file system", {"user.big": b"v" * 65536})
xattr(g, "user-65537", "too long", {"user.big": b"v" * 65537})
xattr(g, "user-name-256", "too long", {"user." + "n" * 251: b"v"})
xattr(g, "user-65-of-them", "the limit is 64", {"user.a%d" % i: b"v" for i in range(65)})
xattr(g, "user-200KiB-in-all", "the limit is 131072", {"user.a%d" % i: b"v" * 50000 for i in range(4)})
xattr(g, "unknown-class", None, {"nosuch.x": b"v"}, has_not("f", "nosuch.x"))
raw(g, "attributes-1MiB", "", FIRST, pax({"SCHILY.xattr.user.a%d" % i: b"v" * 60000 for i in range(20)}), header(b"./f", 0))
raw(g, "acl", None, pax({"SCHILY.acl.access": "user::rw-,user:1000:r--,group::r--,mask::r--,other::---"}), header(b"./f", 0),
    check=lambda r: os.getxattr(r + "/f", "system.posix_acl_access"))
raw(g, "acl-65536", "ids outside 0 to 65535", FIRST,
    pax({"SCHILY.acl.access": "user::rw-,user:65536:r--,group::r--,mask::r--,other::---"}), header(b"./f", 0))
raw(g, "acl-4294967295", "", FIRST,
    pax({"SCHILY.acl.access": "user::rw-,user:4294967295:r--,group::r--,mask::r--,other::---"}), header(b"./f", 0))
raw(g, "acl-2000-entries", "access list", FIRST, pax({"SCHILY.acl.access": "user::rw-,group::r--,mask::r--,other::---," + ",".join(
    "user:%d:r--" % i for i in range(2000))}), header(b"./f", 0))
ACL_70000 = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *x) for x in (
    (1, 6, 0xffffffff), (2, 4, 70000), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)))
xattr(g, "acl-raw-70000", "system.posix_acl_access", {"system.posix_acl_access": ACL_70000})

g = "owners"
for label, uid in (("65536", 65536), ("4294967295", 2**32 - 1), ("4294967296", 2**32), ("2^62", 2**62)):
    refused(g, "uid-" + label, "but a zone has ids 0 to 65535 only", member("./f", b"x", uid=uid))
    refused(g, "gid-" + label, "but a zone has ids 0 to 65535 only", member("./f", b"x", gid=uid))
raw(g, "uid-negative", "", FIRST, header(b"./f", 0, uid=b"\xff" * 8))
raw(g, "uid-pax-negative", "", FIRST, pax({"uid": b"-1"}), header(b"./f", 0))
raw(g, "uid-pax-nonsense", None, FIRST, pax({"uid": b"root"}), header(b"./f", 0), check=is_file("f", uid=0))
taken(g, "uid-65535", is_file("f", uid=65535), member("./f", b"x", uid=65535, gid=65535))
taken(g, "uname-only", is_file("f", uid=7), member("./f", b"x", uid=7, uname="root", gname="root"))
taken(g, "mode-07777", is_file("f", mode=0o7777), member("./f", b"x", mode=0o7777))
taken(g, "mode-0", is_file("f", mode=0), member("./f", b"x", mode=0))
raw(g, "mode-of-a-folder-bits", None, header(b"./f", 0, mode=b"0040777\0"), check=is_file("f", mode=0o777))
taken(g, "folder-without-x", is_file("d/f", 1), member("./d", kind=D, mode=0), member("./d/f", b"x"))


def mode_of(name, mode):
    def check(root):
        assert stat.S_IMODE(at(root, name).st_mode) == mode, oct(at(root, name).st_mode)
    return check


taken(g, "folder-setgid-sticky", mode_of("d", 0o3775), member("./d", kind=D, mode=0o3775))
for label, t in (("negative", "-1"), ("before-1901", "-3000000000"), ("2446", "15032385536"), ("2^62", str(2**62)),
                 ("2^63", str(2**63)), ("fraction", "1.999999999999"), ("nonsense", "soon")):
    raw(g, "mtime-" + label, None, pax({"mtime": t}), header(b"./f", 1), padded(b"x"), check=is_file("f", 1))
raw(g, "mtime-base256-negative", None, header(b"./f", 1, mtime=b"\xff" * 12), padded(b"x"), check=is_file("f", 1))

g = "sizes"
raw(g, "size-8EiB", "overflow", FIRST, pax({"size": str(2**63 - 1)}), header(b"./f", 0))
raw(g, "size-17TiB", "the limit is", FIRST, pax({"size": str(17 << 40)}), header(b"./f", 0))
raw(g, "size-base256-huge", "", FIRST, header(b"./f", sizefield=b"\x80" + b"\x7f" * 11))
raw(g, "size-base256-negative", "", FIRST, header(b"./f", sizefield=b"\xff" * 12))
raw(g, "size-pax-negative", "", FIRST, pax({"size": "-5"}), header(b"./f", 0))
raw(g, "size-more-than-there-is", "truncated", FIRST, header(b"./f", 1 << 20), padded(b"x"))


def gnu_sparse(size, at_offset, data=b"x"):
    h = bytearray(header(b"./s", len(data), b"S", magic=b"ustar  \0"))
    h[386:386 + 24] = b"%011o\0%011o\0" % (at_offset, len(data)) if at_offset < 8**11 else b256(at_offset) + b"%011o\0" % len(data)
    h[483:483 + 12] = b"%011o\0" % size if size < 8**11 else b256(size)
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h) + padded(data)


def b256(n):
    return b"\x80" + n.to_bytes(11, "big")


def sparse(size):
    def check(root):
        st = at(root, "s")
        assert st.st_size == size and st.st_blocks < 1000, (st.st_size, st.st_blocks)
    return check


def pax_sparse(size, offset):
    body = padded(b"1\n%d\n1\n" % offset) + b"x"
    return pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "./s", "GNU.sparse.realsize": str(size)}) + \
        header(b"./GNUSparseFile.0/s", len(body)) + padded(body)


raw(g, "sparse-1GiB", None, gnu_sparse(1 << 30, 4096), check=sparse(1 << 30))
raw(g, "sparse-hole-at-the-end-8TiB", None, gnu_sparse(8 << 40, 4096), check=sparse(8 << 40))
raw(g, "sparse-8EiB", "the limit is", FIRST, gnu_sparse(2**63 - 1, 4096))
raw(g, "sparse-data-behind-the-end", "beyond its end", FIRST, gnu_sparse(100, 4096))
raw(g, "sparse-pax-1.0", None, pax_sparse(1 << 30, 8192), check=sparse(1 << 30))
raw(g, "sparse-pax-1.0-8EiB", "the limit is", FIRST, pax_sparse(2**63 - 1, 8192))
raw(g, "sparse-pax-0.1-map", None, pax({"GNU.sparse.size": "1000000", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "500000,1",
                                      "GNU.sparse.name": "./s"}), header(b"./s", 1), padded(b"x"), check=sparse(1000000))
raw(g, "sparse-map-overlaps", "", FIRST, pax({"GNU.sparse.size": "100", "GNU.sparse.map": "50,10,0,10,99,99", "GNU.sparse.name": "./s"}),
    header(b"./s", 119), padded(b"x" * 119))
raw(g, "sparse-map-nonsense", "", FIRST, pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}),
    header(b"./s", 512), padded(b"99999999999999999999\n"))

g = "formats"
ordinary = tar(folder("./etc"), member("./etc/f", b"content\n" * 300), link("./etc/l", "f"))
for fmt, label in ((tarfile.USTAR_FORMAT, "ustar"), (tarfile.GNU_FORMAT, "gnu"), (tarfile.PAX_FORMAT, "pax")):
    taken(g, "format-" + label, is_file("etc/f", 3), folder("./etc"), member("./etc/f", b"abc"), fmt=fmt)
raw(g, "format-v7", None, header(b"./f", 1, magic=b""), padded(b"x"), check=is_file("f", 1))
raw(g, "format-mixed", None, header(b"./v7", 1, magic=b""), padded(b"x"), FIRST, pax({"path": "./pax"}), header(b"x", 1), padded(b"x"),
    header(b"././@LongLink", 200, b"L", magic=b"ustar  \0"), padded(b"g" * 199 + b"\0"), header(b"g", 1, magic=b"ustar  \0"), padded(b"x"),
    check=every(is_file("v7", 1), is_file("first", 1), is_file("pax", 1), is_file("g" * 199, 1)))
raw(g, "checksum-wrong", "at byte", FIRST, header(b"./f", 1, checksum=b"000001\0 "), padded(b"x"))
raw(g, "checksum-wrong-first", "not a tar archive", header(b"./f", 1, checksum=b"000001\0 "), padded(b"x"))
case(g, "two-tars", "garbage behind the end of the archive, at byte", lambda: ordinary + tar(member("./evil", b"x")))
case(g, "garbage-behind", "garbage behind the end of the archive, at byte", lambda: ordinary + b"#!/bin/sh\n")
case(g, "zeros-behind", None, lambda: ordinary + bytes(100000), is_file("etc/f", 2400))
case(g, "no-end-marker", "end marker is missing", lambda: ordinary.rstrip(b"\0")[:3072 + 512])
case(g, "one-zero-block", None, lambda: FIRST + bytes(512), is_file("first", 1))
case(g, "empty", "the archive is empty", lambda: b"")
case(g, "one-byte", "", lambda: b"x")
case(g, "zeros-only", "no entries", lambda: bytes(10240))
case(g, "noise", "not a tar archive", lambda: bytes((i * 7 + i * i // 3) % 256 for i in range(20000)))
case(g, "text", "not a tar archive", lambda: b"this is no archive\n" * 1000)
case(g, "elf", "not a tar archive", lambda: open("/bin/busybox", "rb").read()[:65536])
case(g, "zip", "not a tar archive", lambda: zipped())
case(g, "cpio", "not a tar archive", lambda: subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"/etc/hostname\n",
                                                           stdout=subprocess.PIPE).stdout or b"070701" + b"0" * 500)
case(g, "tar-in-tar", None, lambda: tar(member("./inner.tar", ordinary)), is_file("inner.tar", len(ordinary)))


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("evil", "x" * 5000)
    return out.getvalue()


for label, pack in (("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress), ("zst", lambda d: packed(d, ["zstd", "-q"]))):
    case(g, "packed-" + label, None, lambda pack=pack: pack(ordinary), is_file("etc/f", 2400))
    case(g, "packed-twice-" + label, "", lambda pack=pack: pack(pack(ordinary)))
    case(g, "packed-and-garbage-" + label, "", lambda pack=pack: pack(ordinary) + b"garbage!" * 100)
    case(g, "packed-two-members-with-two-tars-" + label, "garbage behind the end", lambda pack=pack: pack(ordinary) + pack(ordinary))
    case(g, "packed-cut-" + label, "", lambda pack=pack: pack(ordinary)[:-9])
    case(g, "packed-flipped-" + label, "", lambda pack=pack: flipped(pack(ordinary)))
    case(g, "packed-empty-" + label, "", lambda pack=pack: pack(b""))
case(g, "packed-gz-in-xz", "", lambda: lzma.compress(gzip.compress(ordinary)))


def flipped(data):
    b = bytearray(data)
    b[len(b) // 2] ^= 0x55
    return bytes(b)


raw(g, "special-headers-300000", "", (header(b"././@LongLink", 5, b"L") + padded(b"name\0")) * 20000, header(b"./f", 0))
raw(g, "global-header", None, pax({"path": "./evil", "comment": "x"}, b"g"), FIRST, check=lambda r: None)
raw(g, "pax-length-too-long", "", FIRST, header(b"pax", 30, b"x"), padded(b"99999999999 path=evil\n"), header(b"./f", 0))
raw(g, "pax-length-zero", "", FIRST, header(b"pax", 30, b"x"), padded(b"0 path=evil\n"), header(b"./f", 0))
raw(g, "pax-2MiB", "", FIRST, pax({"comment": "c" * (2 << 20)}), header(b"./f", 0))
raw(g, "pax-link-and-path", "absolute name", FIRST, pax({"path": CANARY + "/evil"}), header(b"./f", 1), padded(b"x"))
raw(g, "prefix-dotdot", "'..' in its name", FIRST, header(b"evil", 1, tail=b"../../../.."), padded(b"x"))

# What is large is made to meet limits that the test sets low: 1,000 entries, 1,000,000 bytes.
g = "bombs"


def bomb(program, size=16 << 20):
    h = header(b"./zeros", size)
    return packed(FIRST + h + bytes(size) + END, program)


case(g, "bomb-gz", "limit of 1000000 bytes", lambda: bomb(["gzip", "-9"]))
case(g, "bomb-xz", "limit of 1000000 bytes", lambda: bomb(["xz", "-1"]))
case(g, "bomb-zst", "limit of 1000000 bytes", lambda: bomb(["zstd", "-q", "-12", "--long=27"]))
case(g, "bomb-bz2", "limit of 1000000 bytes", lambda: bomb(["bzip2"]))
# The stream itself may have twice the bytes and 1 GiB.
case(g, "bomb-of-padding-zst", "limit of", lambda: packed(FIRST, ["sh", "-c", "(cat; head -c 1100M /dev/zero) | zstd -q -1"]))
case(g, "bomb-of-entries", "limit of 1000 entries", lambda: tar(*[member("./f%d" % i) for i in range(1001)]))
case(g, "bomb-of-folders-on-the-way", "limit of 1000 entries", lambda: tar(member("d/" * 1001 + "f", b"x")))
case(g, "bomb-of-hardlinks", "limit of 1000 entries", lambda: tar(member("./f", b"x"), *[hard("./h%d" % i, "./f") for i in range(1000)]))
case(g, "bomb-of-one-name", "limit of 1000 entries", lambda: tar(*[member("./f") for i in range(1001)]))
case(g, "bomb-of-attributes", "limit of 1000000 bytes", lambda: b"".join(
    pax({"SCHILY.xattr.user.a": b"v" * 3000}) + header(b"./f%d" % i) for i in range(400)) + END)
case(g, "bomb-of-links", "limit of 1000000 bytes", lambda: tar(*[link("./l%d" % i, "/" + "t" * 4000) for i in range(300)]))
case("space", "space-bytes", "-", lambda: tar(member("./noise", os.urandom(60 << 20))))
case("space", "space-entries", "-", lambda: tar(*[member("./f%d" % i) for i in range(5000)]))
case(g, "bomb-of-sparse-pieces", "", lambda: pieces())


def pieces():
    m = b"".join(b"%d\n1\n" % (i * 2) for i in range(100000))
    body = padded(b"100000\n" + m) + b"x" * 100000
    return FIRST + pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "./s", "GNU.sparse.realsize": "9" * 12}) + \
        header(b"./s", len(body)) + padded(body) + b"garbage" + END


def make(out):
    os.makedirs(out, exist_ok=True)
    groups = {}
    names = set()
    for name, group, give, says, _ in cases:
        assert name not in names, name
        names.add(name)
        with open(os.path.join(out, name), "wb") as f:
            f.write(give())
        groups.setdefault(group, []).append(name + ("" if says is None else "\t" + (says or "-")))
    for group, lines in groups.items():
        with open(os.path.join(out, group + ".list"), "w") as f:
            f.write("\n".join(lines) + "\n")
    with open(os.path.join(out, "ordinary.tar"), "wb") as f:
        f.write(ordinary)
    print("%d archives" % len(cases))


def stream(kind, n):
    """Very many entries, written as they are made."""
    out = sys.stdout.buffer
    out.write(FIRST)
    for i in range(n):
        name = b"./%s%d" % (b"n" * 80, i)
        if kind == "files":
            out.write(header(name))
        elif kind == "folders":
            out.write(header(name, kind=b"5"))
        else:
            out.write(header(name, kind=b"1", linkname=b"./first"))
    out.write(END)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "stream":
        stream(sys.argv[2], int(sys.argv[3]))
    else:
        for name, _, _, _, look in cases:
            if name == sys.argv[2]:
                look(sys.argv[3])
