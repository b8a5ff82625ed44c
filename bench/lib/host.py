"""The place where it is measured: a private directory, roots, stores, peers, and the timer."""
import glob
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """A row that cannot be measured: a command failed."""


class Host:
    def __init__(self, work, quick, peers):
        self.work, self.quick = work, quick
        self.build = os.environ.get("CELLA_BUILD", os.path.join(TOP, "build"))
        self.cella = os.path.join(self.build, "bin", "cella")
        self.bench = os.path.join(self.build, "bench")
        self.at_end, self.missing = [], set()
        self.has_neighbour = False
        self.groups_before = groups()
        os.chmod(work, 0o711)  # a user namespace's root goes through it
        # What is for this boot alone is in memory, as /run is where systemd runs the host. For all of them.
        self.run = tempfile.mkdtemp(prefix="cella-bench-", dir="/run" if file_system("/run") == "tmpfs" else "/dev/shm")
        self.env = {"PATH": self.make_path(), "HOME": "/root", "LC_ALL": "C", "CELLA_ROOT": f"{work}/lib",
                    "CELLA_RUN": f"{self.run}/cella", "CELLA_LOG": f"{work}/log"}
        os.environ.update(self.env)
        for p in (self.cella, f"{self.bench}/timer", f"{self.bench}/floor", f"{self.bench}/floor_full"):
            if not os.path.exists(p):
                raise SystemExit(f"bench/run: '{p}' is missing: build first (cmake --preset default && cmake --build --preset default)")
        programs = {"bwrap": "bwrap", "crun": "crun", "runc": "runc", "lxc": "lxc-execute", "nspawn": "systemd-nspawn",
                    "podman": "podman"}
        self.peers = []
        for p in peers:
            (self.peers.append if shutil.which(programs[p]) else self.missing.add)(p)
        self.root = self.make_root()
        # The image of the floor and of the peers is the image of the zones.
        self.source = "bench"
        self.sh(self.cella, "image", "import", self.root, self.source)

    def neighbour(self):
        """A zone that runs beside: as on a host that has zones, the bridge is there already, as LXC's is."""
        if not self.has_neighbour:
            self.sh(self.cella, "create", "--from", self.source, "neighbour", "--set", 'init.args=["/bin/sleep","1000000"]',
                    "--set", "init.kind=app")
            self.sh(self.cella, "start", "neighbour")
            self.has_neighbour = True

    # ---- commands ----

    def sh(self, *argv, check=True, timeout=1800, **kw):
        """Into files, not pipes: what a command leaves running in the background would hold a pipe open."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            try:
                code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env, timeout=timeout,
                                      check=False, **kw).returncode
            except subprocess.TimeoutExpired as e:
                raise Failed(f"{' '.join(argv[:4])}...: not done in {timeout} s") from e
            out.seek(0)
            err.seek(0)
            text, why = out.read(), err.read()
        if check and code:
            raise Failed(f"{' '.join(argv[:4])}...: exit {code}: {(why or text).strip()[-300:]}")
        return text

    def time(self, *argv):
        """Seconds of one command. Without a timeout: with one, Python looks whether it has ended ever more seldom."""
        begin = time.monotonic()
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env,
                              check=False).returncode
        if code:
            raise Failed(f"{' '.join(argv[:4])}...: exit {code}")
        return time.monotonic() - begin

    def has(self, program):
        if shutil.which(program):
            return True
        self.missing.add(program)
        return False

    def times(self, rounds, commands):
        """commands: {name: {"run": [...], "before": [...], "after": [...]}} -> {name: [seconds]}, interleaved."""
        argv = [f"{self.bench}/timer", str(rounds)]
        for name, c in commands.items():
            argv += ["--name", name]
            for part in ("before", "run", "after"):
                if c.get(part):
                    argv += [f"--{part}", *c[part]]
        out = {name: [] for name in commands}
        for line in self.sh(*argv).splitlines():
            name, ns = line.split("\t")
            out[name].append(int(ns) / 1e9)
        return out

    def close(self):
        for f in reversed(self.at_end):
            try:
                f()
            except (Failed, OSError) as e:
                print(f"bench/run: at the end: {e}")
        names = self.sh(self.cella, "list", "-q", check=False).split()
        if names:
            self.sh(self.cella, "destroy", "--force", *names, check=False)
        self.sh(self.cella, "repair", check=False)
        # LXC and podman leave empty groups at the top.
        for g in sorted(groups() - self.groups_before, key=len, reverse=True):
            try:
                os.rmdir(g)
            except OSError:
                pass
        # podman leaves a mount on its own directory.
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            left = [line.split()[4] for line in f]
        for at in reversed(left):
            if at.startswith((f"{self.work}/", f"{self.run}/")):
                self.sh("umount", at, check=False)
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def make_path(self):
        """PATH without newuidmap, if it is there: LXC would ask it, and it /etc/subuid, which is not ours to change."""
        where = os.environ["PATH"]
        if not shutil.which("newuidmap"):
            return where
        to = f"{self.work}/path"
        os.mkdir(to)
        for d in where.split(":"):
            for name in os.listdir(d) if os.path.isdir(d) else []:
                if name not in ("newuidmap", "newgidmap") and not os.path.lexists(f"{to}/{name}"):
                    os.symlink(f"{d}/{name}", f"{to}/{name}")
        return to

    # ---- roots ----

    def make_root(self):
        """busybox and directories to mount on."""
        root = f"{self.work}/root"
        for d in ("bin", "sbin", "proc", "sys", "dev", "tmp", "etc", "run", "root", "usr", "var", "lib", "lib64", "mnt"):
            os.makedirs(f"{root}/{d}")
        busybox = shutil.which("busybox") or "/bin/busybox"
        shutil.copy(busybox, f"{root}/bin/busybox")
        for a in ("sh", "true", "sleep", "cat", "mount", "umount", "dd", "init", "nc", "ping", "ip"):
            os.symlink("busybox", f"{root}/bin/{a}")
        os.symlink("../bin/busybox", f"{root}/sbin/init")
        for f, text in (("passwd", "root:x:0:0::/root:/bin/sh\n"), ("group", "root:x:0:\n"), ("inittab", "::sysinit:/bin/true\n")):
            with open(f"{root}/etc/{f}", "w", encoding="utf-8") as out:
                out.write(text)
        return root

    def bundle(self, name, args, terminal=False):
        """An OCI bundle with about what a zone has: all namespaces, an id range of its own, limits."""
        d = f"{self.work}/bundle-{name}"
        os.makedirs(d)
        self.sh("runc" if shutil.which("runc") else "crun", "spec", cwd=d)
        with open(f"{d}/config.json", encoding="utf-8") as f:
            c = json.load(f)
        c["process"]["args"], c["process"]["terminal"] = args, terminal
        c["root"] = {"path": self.copy_root(f"bundle-{name}"), "readonly": False}
        ids = [{"containerID": 0, "hostID": 1800000000, "size": 65536}]
        c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = ids
        kinds = {n["type"] for n in c["linux"]["namespaces"]} | {"user"}
        c["linux"]["namespaces"] = [{"type": k} for k in sorted(kinds)]
        c["linux"].setdefault("resources", {}).update({"memory": {"limit": 4 << 30}, "pids": {"limit": 4096}})
        c["linux"]["seccomp"] = seccomp_profile()
        with open(f"{d}/config.json", "w", encoding="utf-8") as f:
            json.dump(c, f)
        return d

    def copy_root(self, name, owner=1800000000):
        """A copy whose files belong to a mapped root, as these peers want it."""
        to = f"{self.work}/root-{name}"
        if not os.path.exists(to):
            self.sh("cp", "-a", self.root, to)
            self.sh("chown", "-Rh", f"{owner}:{owner}", to)
        return to

    # ---- what is told beside every figure ----

    def facts(self):
        def version(*argv):
            out = self.sh(*argv, check=False)
            m = re.search(r"\d+\.\d+[\w.~+-]*", out)
            return m.group(0) if m else "?"
        how = {"bwrap": ["bwrap", "--version"], "crun": ["crun", "--version"], "runc": ["runc", "--version"],
               "lxc": ["lxc-execute", "--version"], "nspawn": ["systemd-nspawn", "--version"], "podman": ["podman", "--version"]}
        with open("/proc/self/cgroup", encoding="utf-8") as f:
            n = len(f.read().splitlines())
        return {
            "cella": version(self.cella, "--version"),
            "kernel": platform.release(),
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "file system": f"{file_system(self.work)}; for this boot alone: {file_system(self.run)}",
            "control groups": "v2" if n == 1 else f"{n} hierarchies",
            "peers": ", ".join(f"{p} {version(*how[p])}" for p in self.peers) or "none",
            "rounds": "few (--quick)" if self.quick else "full",
        }


def seccomp_profile():
    """A filter for OCI runtimes: Podman's default, where it is installed, for who has no capability; else a short one."""
    native = {"x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]}
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": native.get(platform.machine(), []), "syscalls": []}
    try:
        with open("/usr/share/containers/seccomp.json", encoding="utf-8") as f:
            known = json.load(f)["syscalls"]
    except FileNotFoundError:
        profile["defaultAction"] = "SCMP_ACT_ALLOW"
        return profile
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
    for s in known:
        only = s.get("includes") or {}
        if s["action"] != "SCMP_ACT_ALLOW" or only.get("caps") or arch not in only.get("arches", [arch]):
            continue
        profile["syscalls"].append({k: s[k] for k in ("names", "action", "args") if s.get(k)})
    return profile


def file_system(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False).stdout.strip()


def groups():
    top = "/sys/fs/cgroup"
    return {d for depth in ("*", "*/*", "*/*/*", "*/*/*/*") for d in glob.glob(f"{top}/{depth}")
            if os.path.isdir(d) and "/cella" not in d}


def summary(name, seconds, unit="ms", scale=1e3):
    """One line of a table: median and the quartiles."""
    v = sorted(s * scale for s in seconds)
    q = statistics.quantiles(v, n=4, method="inclusive") if len(v) > 1 else [v[0]] * 3
    return {"what": name, "unit": unit, "median": statistics.median(v), "low": q[0], "high": q[2], "n": len(v), "all": v}
