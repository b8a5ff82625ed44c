"""Work inside a zone against the same work outside."""
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

import peers
from host import Failed

# Answers each byte with itself. The same program on both sides, whatever PATH says.
ECHO = ["/usr/bin/python3", "-c", """
import socket
with socket.create_server(("0.0.0.0", 5298)) as server:
    while True:
        s, _ = server.accept()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with s:
            while data := s.recv(64):
                s.sendall(data)
"""]


def rounds(bench, full):
    return 2 if bench.quick else full


def processors():
    """The first and the last that we may use. Where two ends of a connection run decides more than the way between them (three
    times as many round trips on one processor as over two), so each is told where to run; cella exec gives up the caller's."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


def on(cpu, *argv):
    return ["taskset", "-c", str(cpu), *argv]


def host_zone(bench, name, *options):
    """A zone that sees the host's programs, so that both sides run the same files."""
    mounts = [{"source": "/usr", "target": "/usr", "options": ["ro"], "idmap": False}]
    root = f"{bench.work}/host-root"
    if not os.path.exists(root):
        for d in ("usr", "proc", "sys", "dev", "tmp", "run", "etc", "root", "mnt"):
            os.makedirs(f"{root}/{d}")
        for link in ("bin", "lib", "lib64", "sbin"):
            if os.path.islink(f"/{link}"):
                os.symlink(os.readlink(f"/{link}"), f"{root}/{link}")
        for f in ("/etc/ld.so.cache", "/etc/passwd", "/etc/group"):
            shutil.copy(f, f"{root}{f}")
    spec = f"{bench.work}/{name}.json"
    with open(spec, "w", encoding="utf-8") as f:
        json.dump({"zone_spec": 1, "mounts": mounts, "init": {"args": ["/usr/bin/sleep", "1000000"], "kind": "app"}}, f)
    bench.sh(bench.cella, "create", "--from", root, "--spec", spec, name, *options)
    bench.sh(bench.cella, "start", name)
    return [bench.cella, "exec", name, "--"]


def compare(name, unit, native, inside):
    """Two lines; the ratio is the zone's to the native one."""
    out = []
    for what, values in ((f"{name}, native", native), (f"{name}, in a zone", inside)):
        v = sorted(values)
        q = statistics.quantiles(v, n=4, method="inclusive") if len(v) > 1 else [v[0]] * 3
        out.append({"what": what, "unit": unit, "median": statistics.median(v), "low": q[0], "high": q[2], "n": len(v), "all": v,
                    "lower_is_better": False})
    out[0]["ratio"] = 1.0
    out[1]["ratio"] = out[1]["median"] / out[0]["median"]
    return out


def run(bench, argv):
    return bench.sh(*argv)


# ---- processor ----

def cpu_jobs(bench):
    """(name, command for sh, how to read a number that is higher when better)"""
    seconds = "0.5" if bench.quick else "2"
    size = "8" if bench.quick else "64"
    jobs = []
    if bench.has("openssl"):
        jobs.append(("sha256, openssl", f"openssl speed -seconds {max(1, int(float(seconds)))} -bytes 16384 -evp sha256 -mr 2>/dev/null",
                     lambda out: float(out.strip().splitlines()[-1].split(":")[-1])))
    if bench.has("zstd"):
        jobs.append(("zstd -3", f"head -c {size}000000 /usr/bin/python3 /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/bin/bash 2>/dev/null | "
                     f"zstd -b3 -i{seconds.split('.')[0]} -q /usr/bin/bash 2>&1 | tr '\\r' '\\n'",
                     None))
    if bench.has("sqlite3"):
        n = 20000 if bench.quick else 300000
        jobs.append(("sqlite", "sqlite3 :memory: \"create table t(a integer primary key,b text); with recursive c(x) as (select 1 union all "
                     f"select x+1 from c where x<{n}) insert into t select x, hex(x*7919) from c; create index i on t(b); "
                     "select count(*) from t a join t b on a.a=b.a where a.b like '%7%';\"", None))
    return jobs


def cpu(bench):
    """openssl, zstd, sqlite: the same programs and files, native and in a zone; work per second"""
    inside = host_zone(bench, "cpu", "--set", "network.mode=none")
    out = []
    for name, script, read in cpu_jobs(bench):
        values = {"native": [], "zone": []}
        for _ in range(rounds(bench, 7)):
            for where, prefix in (("native", []), ("zone", inside)):
                begin = time.monotonic()
                text = bench.sh(*prefix, "/bin/sh", "-c", script)
                took = time.monotonic() - begin
                values[where].append(read(text) if read else 1 / took)
        out += compare(name, "per s", values["native"], values["zone"])
    bench.sh(bench.cella, "destroy", "--force", "cpu")
    if not out:
        raise Failed("none of openssl, zstd, sqlite3 is here")
    return out


# ---- disk ----

def disk(bench):
    """fio on the zone's overlay, and on the same overlay mounted by hand"""
    if not bench.has("fio"):
        return dd(bench)
    inside = host_zone(bench, "disk", "--set", "network.mode=none")
    out = []
    with by_hand(bench) as at:
        for name, options in (("sequential write, MiB", ["--rw=write", "--bs=1M"]), ("sequential read, MiB", ["--rw=read", "--bs=1M"]),
                              ("random read 4k, MiB", ["--rw=randread", "--bs=4k"]), ("random write 4k, MiB", ["--rw=randwrite", "--bs=4k"])):
            values = {"native": [], "zone": []}
            for _ in range(rounds(bench, 15)):
                for where, prefix, d in (("native", [], at), ("zone", inside, "/mnt")):
                    values[where].append(fio(bench, prefix, d, options))
            out += compare(name, "MiB/s", values["native"], values["zone"])
    bench.sh(bench.cella, "destroy", "--force", "disk")
    return out


def fio(bench, prefix, where, options):
    size = "16M" if bench.quick else "256M"
    text = bench.sh(*prefix, *on(processors()[0], "fio"), "--name=b", f"--directory={where}", f"--size={size}",
                    "--output-format=json", "--ioengine=psync", "--end_fsync=1", "--fallocate=none", "--unlink=1", *options)
    job = json.loads(text[text.index("{"):])["jobs"][0]
    return (job["read"]["bw_bytes"] + job["write"]["bw_bytes"]) / 2**20


def dd(bench):
    """Without fio: dd alone."""
    inside = host_zone(bench, "disk", "--set", "network.mode=none")
    values = {"native": [], "zone": []}
    mib = 16 if bench.quick else 256
    with by_hand(bench) as at:
        for _ in range(rounds(bench, 5)):
            for where, prefix, d in (("native", [], at), ("zone", inside, "/mnt")):
                begin = time.monotonic()
                bench.sh(*prefix, "/bin/sh", "-c", f"dd if=/dev/zero of={d}/f bs=1M count={mib} conv=fsync 2>/dev/null; rm {d}/f")
                values[where].append(mib / (time.monotonic() - begin))
    bench.sh(bench.cella, "destroy", "--force", "disk")
    return compare("dd with fsync", "MiB/s", values["native"], values["zone"])


@contextlib.contextmanager
def by_hand(bench):
    """An overlay like a zone's, in a mount namespace of its own: reached through a process that holds it."""
    d = f"{bench.work}/by-hand"
    for part in ("lower", "upper", "work", "merged"):
        os.makedirs(f"{d}/{part}")
    holder = subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount -t overlay -o lowerdir={d}/lower,upperdir={d}/upper,workdir={d}/work "
                               f"overlay {d}/merged && echo up && exec sleep 1000000"], stdout=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline().strip() != "up":
            raise Failed("cannot mount an overlay by hand")
        yield f"/proc/{holder.pid}/root{d}/merged"
    finally:
        holder.kill()
        holder.wait()
        shutil.rmtree(d, ignore_errors=True)


# ---- network ----

def network(bench):
    """host to zone through the bridge, and to a namespace with a veth on a bridge made by hand"""
    if not bench.has("iperf3") or not bench.has("ip"):
        raise Failed("needs iperf3 and ip")
    inside = host_zone(bench, "net")
    address = json.loads(bench.sh(bench.cella, "show", "-j", "net"))
    address = find_address(address)
    servers, out = [], []
    values = {"native": ([], []), "zone": ([], [])}
    with netns_by_hand(bench) as (prefix, hand):
        first, last = processors()
        ends = [on(last, "iperf3", "-s", "-p", "5299"), on(first, *ECHO)]
        servers = [subprocess.Popen([*p, *what], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                    env=bench.env) for p in (prefix, inside) for what in ends]
        try:
            for to in (hand, address):
                wait_for(to, 5299)
                wait_for(to, 5298)
            for _ in range(rounds(bench, 9)):
                for where, to in (("native", hand), ("zone", address)):
                    values[where][0].append(iperf(bench, to))
                    values[where][1].append(ping(bench, to))
        finally:
            for s in servers:
                s.terminate()
                s.wait()
    bench.sh(bench.cella, "destroy", "--force", "net")
    out += compare("TCP, one stream", "Gbit/s", values["native"][0], values["zone"][0])
    out += compare("round trips", "per s", values["native"][1], values["zone"][1])
    return out


def find_address(doc):
    doc = doc[0] if isinstance(doc, list) else doc
    text = json.dumps(doc)
    m = re.search(r'"(\d+\.\d+\.\d+\.\d+)(?:/\d+)?"', text)
    if not m:
        raise Failed("the zone has no address")
    return m.group(1)


def iperf(bench, to):
    out = json.loads(bench.sh(*on(processors()[0], "iperf3"), "-c", to, "-p", "5299", "-t", "1" if bench.quick else "3", "-J"))
    return out["end"]["sum_received"]["bits_per_second"] / 1e9


def ping(bench, to):
    """Round trips of one byte over TCP: a small client of our own, since ping needs a package."""
    n = 200 if bench.quick else 2000
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processors()[0]})
    try:
        return round_trips(to, n)
    finally:
        os.sched_setaffinity(0, mine)


def round_trips(to, n):
    with socket.create_connection((to, 5298), timeout=10) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin = time.monotonic()
        for _ in range(n):
            s.sendall(b"x")
            if s.recv(1) != b"x":
                raise Failed("the echo has ended")
        return n / (time.monotonic() - begin)


def wait_for(to, port):
    end = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection((to, port), timeout=1):
                return
        except OSError:
            if time.monotonic() > end:
                raise Failed(f"no server at {to}:{port}") from None
            time.sleep(0.05)


@contextlib.contextmanager
def netns_by_hand(bench):
    name = "cbench"
    br = peers.bridge(bench)
    bench.sh("ip", "netns", "add", name)
    try:
        bench.sh("ip", "link", "add", "cbenchv", "type", "veth", "peer", "name", "eth0", "netns", name)
        bench.sh("ip", "link", "set", "cbenchv", "master", br, "up")
        for argv in (["addr", "add", "10.213.0.9/24", "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
            bench.sh("ip", "-n", name, *argv)
        yield ["ip", "netns", "exec", name], "10.213.0.9"
    finally:
        bench.sh("ip", "netns", "delete", name)
