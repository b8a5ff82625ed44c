#!/usr/bin/env python3
"""What a tree is, one sorted line per name, for comparing trees that different programs made.

    tree.py ROOT [SKIP...]     SKIP: paths beneath ROOT that are left out, with what is in them

Type, mode, owner; of files size, digest, and how many names in this tree are this file (an overlay
counts names that it hides as well); of links the target; of devices the
number; extended attributes (user.*, file capabilities, ACLs) and, but for directories, the time."""
import ctypes
import hashlib
import os
import stat
import sys

KEPT = (b"user.", b"security.capability", b"system.posix_acl_")


libc = ctypes.CDLL(None)


def xattr(path, name):
    if not name.startswith(b"system.posix_acl_"):
        return os.getxattr(path, name, follow_symlinks=False)
    # Linux before 6.2: the ids are right only where the room is of such a size (fsroot/cp/pack.c).
    value = ctypes.create_string_buffer((1 << 16) - 4)
    size = libc.lgetxattr(os.fsencode(path), name, value, ctypes.c_size_t(len(value)))
    return value.raw[:size] if size > 0 else b""


def xattrs(path):
    names = sorted(n for n in map(os.fsencode, os.listxattr(path, follow_symlinks=False)) if n.startswith(KEPT))
    return "".join(" %s=%s" % (ascii(os.fsdecode(n)), xattr(path, n).hex()) for n in names)


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while piece := f.read(1 << 20):
            h.update(piece)
    return h.hexdigest()


names = {}  # (device, inode) -> how many


def line(path, name):
    st = os.lstat(path)
    out = "%s %06o %d:%d" % (ascii(os.fsdecode(name)), st.st_mode, st.st_uid, st.st_gid)
    if stat.S_ISREG(st.st_mode):
        out += " %d %s links=%d" % (st.st_size, digest(path), names[(st.st_dev, st.st_ino)])
    elif stat.S_ISLNK(st.st_mode):
        out += " -> " + ascii(os.fsdecode(os.readlink(path)))
    elif not stat.S_ISDIR(st.st_mode):
        out += " dev=%d" % st.st_rdev
    if not stat.S_ISDIR(st.st_mode):
        out += " time=%d" % int(st.st_mtime)
    return out + (xattrs(path) if not stat.S_ISLNK(st.st_mode) else "")


def walk(top, name, skip, each):
    path = os.path.join(top, name) if name else top
    if name in skip:
        return
    each(path, name)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for entry in os.listdir(path):
            walk(top, os.path.join(name, entry) if name else entry, skip, each)


def count(path, name):
    st = os.lstat(path)
    names[(st.st_dev, st.st_ino)] = names.get((st.st_dev, st.st_ino), 0) + 1


lines = []
top, skip = os.fsencode(sys.argv[1]), set(map(os.fsencode, sys.argv[2:]))
walk(top, b"", skip, count)
walk(top, b"", skip, lambda path, name: lines.append(line(path, name)))
print("\n".join(sorted(lines)))
