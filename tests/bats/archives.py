"""Make archives to import: lawful ones, and ones that try what must be refused (S20, S19, B27..B37).
Writes FILEs, `accepted` (one name a line) and `refused` (name TAB what the error must say)."""
import io, os, sys, tarfile, gzip, lzma, subprocess

out = sys.argv[1]
os.makedirs(out)
accepted, refused = [], []


def member(name, **kw):
    m = tarfile.TarInfo(name)
    m.mode = kw.pop("mode", 0o755 if kw.get("type") == tarfile.DIRTYPE else 0o644)
    for k, v in kw.items():
        setattr(m, k, v)
    return m


def base(t, fmt_dirs=("bin", "etc", "dev", "proc", "sys", "tmp")):
    for d in fmt_dirs:
        t.addfile(member("./" + d, type=tarfile.DIRTYPE))
    with open("/bin/busybox", "rb") as f:
        m = member("./bin/busybox", mode=0o755)
        m.size = os.fstat(f.fileno()).st_size
        t.addfile(m, f)
    t.addfile(member("./bin/sh", type=tarfile.SYMTYPE, linkname="busybox"))


def make(name, *entries, fmt=tarfile.PAX_FORMAT, with_base=True):
    path = os.path.join(out, name)
    with tarfile.open(path, "w", format=fmt) as t:
        if with_base:
            base(t)
        for e in entries:
            m, data = e if isinstance(e, tuple) else (e, None)
            if data is not None:
                m.size = len(data)
            t.addfile(m, io.BytesIO(data) if data is not None else None)
    return path


def bad(name, says, *entries, **kw):
    make(name, *entries, **kw)
    refused.append((name, says))


L, H, D = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE

plain = make("plain.tar")
accepted.append("plain.tar")
data = open(plain, "rb").read()
for suffix, packed in (("gz", gzip.compress(data)), ("xz", lzma.compress(data))):
    with open(plain + "." + suffix, "wb") as f:
        f.write(packed)
    accepted.append("plain.tar." + suffix)
subprocess.run(["zstd", "-q", "-k", plain], check=True)
accepted.append("plain.tar.zst")
make("gnu.tar", member("./" + "long/" * 30, type=D), fmt=tarfile.GNU_FORMAT)
make("odd.tar", member("./etc/abs", type=L, linkname="/etc/passwd"), member("./etc/up", type=L, linkname="../etc/x"),
     (member("./etc/hard1"), b"1"), member("./etc/hard2", type=H, linkname="./etc/hard1"),
     member("./etc/fifo", type=tarfile.FIFOTYPE), member("./dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
     (member("./etc/\u00fcml\u00e4ut"), b"x"), (member("./etc/set", mode=0o4755), b"x"))
accepted += ["gnu.tar", "odd.tar"]

bad("absolute.tar", "absolute", (member("/tmp/cella-evil"), b"x"))
bad("dotdot.tar", "..", (member("./../../../tmp/cella-evil"), b"x"))
bad("dotdot-mid.tar", "..", (member("./etc/../../../../tmp/cella-evil"), b"x"))
bad("through-link.tar", "link", member("./out", type=L, linkname="/tmp"), (member("./out/cella-evil"), b"x"))
bad("through-dirlink.tar", "link", member("./d", type=D), member("./d/l", type=L, linkname="/etc"),
    (member("./d/l/cella-evil"), b"x"))
bad("climbing-link.tar", "link", member("./etc/climb", type=L, linkname="../../../../../../etc/shadow"))
bad("hardlink-out.tar", "link", member("./etc/h", type=H, linkname="../../../../etc/shadow"))
bad("hardlink-abs.tar", "link", member("./etc/h", type=H, linkname="/etc/shadow"))
bad("hardlink-missing.tar", "link", member("./etc/h", type=H, linkname="./etc/nosuch"))
bad("device.tar", "device", member("./etc/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0))
bad("uid.tar", "65536", (member("./etc/x", uid=65536), b"x"))
bad("overlay-xattr.tar", "overlay",
    (member("./etc/x", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y"}), b"x"))

with open(os.path.join(out, "cut.tar"), "wb") as f:
    f.write(data[: len(data) // 2])
refused.append(("cut.tar", "truncated"))
with open(os.path.join(out, "cut.tar.gz"), "wb") as f:
    f.write(gzip.compress(data)[:-5000])
refused.append(("cut.tar.gz", ""))
with open(os.path.join(out, "text.tar"), "wb") as f:
    f.write(b"this is no archive\n" * 1000)
refused.append(("text.tar", "archive"))

with tarfile.open(os.path.join(out, "many.tar.gz"), "w:gz", compresslevel=1) as t:
    base(t)
    for i in range(5000):
        t.addfile(member("./etc/f%d" % i))
with tarfile.open(os.path.join(out, "zeros.tar.gz"), "w:gz", compresslevel=1) as t:
    base(t)
    m = member("./etc/zeros")
    m.size = 200_000_000
    t.addfile(m, open("/dev/zero", "rb"))
with tarfile.open(os.path.join(out, "big.tar"), "w") as t:
    base(t)
    m = member("./etc/big")
    m.size = 40_000_000
    t.addfile(m, open("/dev/urandom", "rb"))

with open(os.path.join(out, "accepted"), "w") as f:
    f.writelines(n + "\n" for n in accepted)
with open(os.path.join(out, "refused"), "w") as f:
    f.writelines("%s\t%s\n" % r for r in refused)
