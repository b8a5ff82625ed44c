"""What grows, or must not grow, with the number of zones."""
import concurrent.futures
import time

import peers
from host import summary

SLEEP = 'init.args=["/bin/sleep","1000000"]'
IDLE = ["--set", SLEEP, "--set", "init.kind=app"]


def make(bench, names, *options):
    """Clones: cheap to make, each a zone of its own."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: bench.sh(bench.cella, "create", "--from", bench.source, n, *IDLE, *options), names))


def destroy(bench, names):
    for i in range(0, len(names), 100):
        bench.sh(bench.cella, "destroy", "--force", *names[i:i + 100])


def list_zones(bench):
    """`cella list` with so many zones, stopped and running"""
    out, names = [], []
    for n in [10] if bench.quick else [10, 100, 1000]:
        more = [f"l{i}" for i in range(len(names), n)]
        make(bench, more, "--set", "network.mode=none")
        names += more
        t = bench.times(3 if bench.quick else 10, {f"{n} stopped": {"run": [bench.cella, "list"]}})
        out.append(summary(f"{n} stopped", t[f"{n} stopped"]))
    for i in range(0, len(names), 50):
        bench.sh(bench.cella, "start", *names[i:i + 50])
    t = bench.times(3 if bench.quick else 10, {"run": {"run": [bench.cella, "list"]}})
    out.append(summary(f"{len(names)} running", t["run"]))
    destroy(bench, names)
    return out


def used_kib():
    """System-wide: what is neither free nor can be dropped; a tmpfs's pages, which count as cached, cannot."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="utf-8") as f:
        f.write("3\n")
    time.sleep(0.5)  # what RCU still holds
    with open("/proc/meminfo", encoding="utf-8") as f:
        m = {line.split(":")[0]: int(line.split()[1]) for line in f}
    return m["MemTotal"] - m["MemFree"] - m["Buffers"] - m["Cached"] + m["Shmem"]


def settled_kib():
    """The same when nothing is on its way back any more: a thousand namespaces take their time."""
    last = used_kib()
    for _ in range(30):
        now = used_kib()
        if abs(now - last) < 1024:
            break
        last = now
        time.sleep(1)
    return last


def each(what, before, n):
    kib = (used_kib() - before) / n
    return {"what": what, "unit": "KiB each", "median": kib, "low": kib, "high": kib, "n": n, "all": [kib]}


def memory(bench):
    """kibibytes of the whole system for one idle zone, and the time to start the Nth"""
    out = []
    steps = [10, 20] if bench.quick else [100, 500, 1000]
    for label, options in (("with a network", []), ("without", ["--set", "network.mode=none"])):
        names = [f"m{i}" for i in range(steps[-1])]
        make(bench, names, *options)
        before, begun, spans = settled_kib(), 0, {}
        for n in steps:
            for i in range(begun, n):
                spans[i] = bench.time(bench.cella, "start", names[i])
            begun = n
            out.append(each(f"{n} zones {label}", before, n))
        tenth = max(3, steps[-1] // 50)
        first = [spans[i] for i in range(1, 1 + tenth)]
        last = [spans[i] for i in range(steps[-1] - tenth, steps[-1])]
        out.append(summary(f"start of the first {tenth}, {label}", first) | {"base": True})
        out.append(summary(f"start of the last {tenth} of {steps[-1]}, {label}", last))
        destroy(bench, names)
    with peers.idle(bench, steps[0]) as start_all:
        if start_all:
            before = settled_kib()
            start_all()
            out.append(each(f"{steps[0]} LXC containers with a network", before, steps[0]))
    return out


def parallel(bench):
    """many zones started at once, until all run"""
    n = 10 if bench.quick else 200
    names = [f"p{i}" for i in range(n)]
    make(bench, names)
    out = []
    for label, jobs in (("one by one", 1), ("eight at a time", 8)):
        t = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda name: bench.time(bench.cella, "start", name), names))
        out.append(summary(f"{n} zones, {label}", [time.monotonic() - t]))
        bench.sh(bench.cella, "kill", *names)
    destroy(bench, names)
    return out
