"""The other systems, set up to do what a zone does as nearly as each can: an id range of its own, all
namespaces, and where a network is compared, a veth on a bridge."""
import contextlib
import os
import shutil

from host import Failed

SLEEP = ["/bin/sleep", "1000000"]


def usable(bench, name, *probe):
    """A peer that does not work on this host is left out, and named."""
    if name not in bench.peers:
        return False
    try:
        bench.sh(*probe, timeout=60)
    except Failed as e:
        bench.missing.add(f"{name} (does not work here: {str(e).splitlines()[-1]})")
        bench.peers.remove(name)
        return False
    return True


def lxc_config(bench, name, network):
    """A container directory for lxc-*; `network` is a bridge or None."""
    d = f"{bench.work}/lxc/{name}"
    os.makedirs(d, exist_ok=True)
    net = ["lxc.net.0.type = empty"]
    if network:
        net = ["lxc.net.0.type = veth", f"lxc.net.0.link = {network}", "lxc.net.0.flags = up",
               "lxc.net.0.ipv4.address = 10.213.0.2/24"]
    lines = [f"lxc.rootfs.path = dir:{bench.copy_root('lxc')}", f"lxc.uts.name = {name}", "lxc.autodev = 1",
             "lxc.idmap = u 0 1800000000 65536", "lxc.idmap = g 0 1800000000 65536",
             "lxc.mount.auto = proc:mixed sys:mixed", f"lxc.init.cmd = {' '.join(SLEEP)}",
             "lxc.log.level = ERROR", f"lxc.log.file = {d}/log", *net]
    if os.path.exists("/usr/share/lxc/config/common.seccomp"):
        lines.append("lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp")
    with open(f"{d}/config", "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return ["-P", f"{bench.work}/lxc", "-n", name]


def bridge(bench):
    """One for the peers, as Cella has one for its zones."""
    if getattr(bench, "peer_bridge", None):
        return bench.peer_bridge
    if not bench.has("ip"):
        return None
    name = "cbench0"
    bench.sh("ip", "link", "add", name, "type", "bridge")
    bench.at_end.append(lambda: bench.sh("ip", "link", "delete", name, check=False))
    bench.sh("ip", "addr", "add", "10.213.0.1/24", "dev", name)
    bench.sh("ip", "link", "set", name, "up")
    bench.peer_bridge = name
    return name


def podman(bench):
    return ["podman", "--root", f"{bench.work}/podman", "--runroot", f"{bench.run}/podman", "--cgroup-manager", "cgroupfs",
            "--events-backend", "none"]


# Its defaults are more than some hosts' hard limits.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]


def start_to_exit(bench):
    c = {}
    bwrap = ["bwrap", "--unshare-all", "--unshare-user", "--bind", bench.root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs",
             "/tmp", "/bin/true"]
    if usable(bench, "bwrap", *bwrap):
        c["bwrap"] = {"run": bwrap}
    for tool in ("crun", "runc"):
        if tool not in bench.peers:
            continue
        run = [tool, "--root", f"{bench.run}/{tool}", "run", "-b", bench.bundle(f"{tool}-true", ["/bin/true"])]
        if usable(bench, tool, *run, "probe"):
            c[f"{tool} run"] = {"run": [*run, "t@"]}
    if "lxc" in bench.peers:
        run = ["lxc-execute", *lxc_config(bench, "true", None), "--", "/bin/true"]
        if usable(bench, "lxc", *run):
            c["lxc-execute"] = {"run": run}
    nspawn = ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "--private-users=1800000000", "--private-network", "-D",
              bench.copy_root("nspawn"), "/bin/true"]
    if usable(bench, "nspawn", *nspawn):
        c["systemd-nspawn"] = {"run": nspawn}
    run = [*podman(bench), "run", "--rm", "--network", "none", *LIMITS, "--rootfs", bench.root, "/bin/true"]
    if usable(bench, "podman", *run):
        c["podman run"] = {"run": run}
    return c


def start(bench):
    c = {}
    if "lxc" in bench.peers and bridge(bench):
        name = lxc_config(bench, "start", bridge(bench))
        if usable(bench, "lxc", "lxc-start", "-d", *name):
            bench.sh("lxc-stop", "-k", *name)
            c["lxc-start -d"] = {"run": ["lxc-start", "-d", *name], "after": ["lxc-stop", "-k", *name]}
    return c


def kill(bench):
    c = {}
    if "lxc" in bench.peers and bridge(bench):
        name = lxc_config(bench, "kill", bridge(bench))
        if usable(bench, "lxc", "lxc-start", "-d", *name):
            bench.sh("lxc-stop", "-k", *name)
            c["lxc-stop -k"] = {"before": ["lxc-start", "-d", *name], "run": ["lxc-stop", "-k", *name]}
    for tool in ("crun", "runc"):
        if tool not in bench.peers:
            continue
        base = [tool, "--root", f"{bench.run}/{tool}"]
        bundle = bench.bundle(f"{tool}-kill", SLEEP)
        if usable(bench, tool, *base, "run", "-d", "-b", bundle, "probe"):
            bench.sh(*base, "delete", "-f", "probe")
            c[f"{tool} delete -f"] = {"before": [*base, "run", "-d", "-b", bundle, "k@"], "run": [*base, "delete", "-f", "k@"]}
    return c


@contextlib.contextmanager
def idle(bench, n):
    """What starts so many containers with a network, one process each, or None."""
    made = []
    if "lxc" not in bench.peers or not bridge(bench) or \
            not usable(bench, "lxc", "lxc-start", "-d", *lxc_config(bench, "idle", bridge(bench))):
        yield None
        return
    bench.sh("lxc-stop", "-k", "-P", f"{bench.work}/lxc", "-n", "idle")

    def start_all():
        for i in range(n):
            made.append(lxc_config(bench, f"idle{i}", bridge(bench)))
            bench.sh("lxc-start", "-d", *made[-1])
    try:
        yield start_all
    finally:
        for name in made:
            bench.sh("lxc-stop", "-k", *name, check=False)


@contextlib.contextmanager
def running(bench):
    """Containers that run, and the command that enters each."""
    c, stop = {}, []
    try:
        for tool in ("crun", "runc"):
            if tool not in bench.peers:
                continue
            base = [tool, "--root", f"{bench.run}/{tool}"]
            if usable(bench, tool, *base, "run", "-d", "-b", bench.bundle(f"{tool}-exec", SLEEP), "exec"):
                stop.append([*base, "delete", "-f", "exec"])
                c[f"{tool} exec"] = {"run": [*base, "exec", "exec", "/bin/true"]}
        if "lxc" in bench.peers:
            name = lxc_config(bench, "exec", None)
            if usable(bench, "lxc", "lxc-start", "-d", *name):
                stop.append(["lxc-stop", "-k", *name])
                c["lxc-attach"] = {"run": ["lxc-attach", *name, "--", "/bin/true"]}
        if "podman" in bench.peers:
            run = [*podman(bench), "run", "-d", "--name", "exec", "--network", "none", *LIMITS, "--rootfs", bench.root, *SLEEP]
            if usable(bench, "podman", *run):
                stop.append([*podman(bench), "rm", "-f", "-t", "0", "exec"])
                c["podman exec"] = {"run": [*podman(bench), "exec", "exec", "/bin/true"]}
        yield c
    finally:
        for s in stop:
            bench.sh(*s, check=False)
        shutil.rmtree(f"{bench.run}/podman", ignore_errors=True)
