"""Images, clones, snapshots: by what they hold, against peers and against tar and cp."""
import os

import peers
from host import Failed, summary

PRIVATE = ["--set", "network.mode=none"]


def rounds(bench, full):
    return 2 if bench.quick else full


def big_root(bench):
    """A root of 250 MB in files of 256 KiB (8 MB if quick), and its tar."""
    root, tar = f"{bench.work}/big", f"{bench.work}/big.tar"
    if os.path.exists(tar):
        return root, tar
    bench.sh("cp", "-a", bench.root, root)
    os.makedirs(f"{root}/data")
    for i in range(32 if bench.quick else 1000):
        with open(f"{root}/data/{i}", "wb") as f:
            f.write(os.urandom(256 * 1024))
    bench.sh("tar", "-C", root, "-cf", tar, ".")
    os.sync()
    return root, tar


def unpack(bench, tar):
    to = f"{bench.work}/unpacked@"
    return {"run": ["sh", "-c", f"mkdir {to} && tar -xf {tar} -C {to} && sync -f {to}"], "after": ["rm", "-rf", to]}


def roots(bench):
    """a root of 250 MB: import, full and linked clone, snapshot, restore, destroy"""
    root, tar = big_root(bench)
    cella, out = bench.cella, []
    commands = {
        "tar -x and sync": unpack(bench, tar),
        "cella image import": {"run": [cella, "image", "import", tar, "imported@"], "after": [cella, "image", "delete", "--force", "imported@"]},
    }
    podman = [*peers.podman(bench), "import", "-q", tar, "bench@"]
    if "podman" in bench.peers:
        commands["podman import"] = {"run": podman, "after": [*peers.podman(bench), "rmi", "-f", "bench@"]}
    out += group(bench, commands, 5)

    bench.sh(cella, "create", "--from", tar, "big", *PRIVATE)
    copy = f"{bench.work}/copied@"
    commands = {
        "cp -a and sync": {"run": ["sh", "-c", f"cp -a {root} {copy} && sync -f {copy}"], "after": ["rm", "-rf", copy]},
        "cella clone --full": {"run": [cella, "clone", "--full", "big", "f@"], "after": [cella, "destroy", "--force", "f@"]},
    }
    with lxc_source(bench, root) as lxc:
        if lxc and bench.has("rsync"):
            commands["lxc-copy"] = {"run": ["lxc-copy", *lxc, "-N", "f@"], "after": ["lxc-destroy", *lxc[:2], "-n", "f@"]}
        out += group(bench, commands, 5)
        commands = {"cella clone": {"run": [cella, "clone", "big", "l@"], "after": [cella, "destroy", "--force", "l@"]}}
        if lxc:
            commands["lxc-copy -s -B overlayfs"] = {"run": ["lxc-copy", "-s", "-B", "overlayfs", *lxc, "-N", "o@"],
                                                   "after": ["lxc-destroy", *lxc[:2], "-n", "o@"]}
        out += group(bench, commands, 15)
    some = f"{bench.work}/root/bin/busybox"
    write = [cella, "cp", some, "big:/written@"]
    commands = {
        "cella snapshot create": {"before": write, "run": [cella, "snapshot", "create", "big", "s@"]},
        "cella snapshot restore": {"before": write, "run": [cella, "snapshot", "restore", "--force", "big", "s@"]},
        "cella destroy": {"before": [cella, "clone", "big", "d@"], "run": [cella, "destroy", "--force", "d@"]},
    }
    out += group(bench, commands, 15)
    bench.sh(cella, "destroy", "--force", "big")
    return out


def group(bench, commands, full):
    """The ratio is to the first of them."""
    times = bench.times(rounds(bench, full), commands)
    out = [summary(name, t) for name, t in times.items()]
    for r in out:
        r["ratio"] = r["median"] / out[0]["median"]
    return out


class lxc_source:
    """A stopped container of LXC with the same root; nothing where there is no LXC that works."""

    def __init__(self, bench, root):
        self.bench, self.root, self.d = bench, root, f"{bench.work}/lxc-big"

    def __enter__(self):
        if "lxc" not in self.bench.peers or not self.bench.has("lxc-copy"):
            return None
        os.makedirs(f"{self.d}/big")
        self.bench.sh("cp", "-a", self.root, f"{self.d}/big/rootfs")
        with open(f"{self.d}/big/config", "w", encoding="utf-8") as f:
            f.write(f"lxc.rootfs.path = dir:{self.d}/big/rootfs\nlxc.uts.name = big\nlxc.net.0.type = empty\n")
        name = ["-P", self.d, "-n", "big"]
        try:
            self.bench.sh("lxc-copy", "-s", "-B", "overlayfs", *name, "-N", "probe", timeout=120)
            self.bench.sh("lxc-destroy", "-P", self.d, "-n", "probe")
        except Failed as e:
            self.bench.missing.add(f"lxc-copy (does not work here: {str(e).splitlines()[-1]})")
            return None
        return name

    def __exit__(self, *_):
        self.bench.sh("rm", "-rf", self.d)
