"""Times of single verbs against peers."""
import glob
import os

import peers
from host import summary

PRIVATE = ["--set", "network.mode=none"]
SLEEP = 'init.args=["/bin/sleep","1000000"]'


def rounds(bench, full):
    return 3 if bench.quick else full


def summaries(times, base):
    out = [summary(name, t) for name, t in times.items()]
    for r in out:
        r["base"] = r["what"] == base
    return out


def start_to_exit(bench):
    """/bin/true in a new container, as a whole process, no network but a loopback"""
    run = [bench.cella, "run", "--from", bench.source, *PRIVATE, "/bin/true"]
    bench.sh(*run)  # the first one compiles the filter, which floor_full takes as well
    bpf = sorted(glob.glob(bench.env["CELLA_ROOT"] + "/cache/filter-*.bpf"))[0]
    commands = {
        "floor": {"run": [f"{bench.bench}/floor", bench.root, "/bin/true"]},
        "floor, everything on": {"run": [f"{bench.bench}/floor_full", bpf, bench.root, "/bin/true"]},
        "cella run": {"run": run},
    }
    commands.update(peers.start_to_exit(bench))
    return summaries(bench.times(rounds(bench, 40), commands), "floor")


def start(bench):
    """a persistent zone with a network, until its init has been executed"""
    bench.neighbour()
    bench.sh(bench.cella, "create", "--from", bench.source, "s", "--set", SLEEP, "--set", "init.kind=app")
    commands = {"cella start": {"run": [bench.cella, "start", "s"], "after": [bench.cella, "kill", "s"]}}
    commands.update(peers.start(bench))
    out = summaries(bench.times(rounds(bench, 25), commands), "cella start")
    bench.sh(bench.cella, "destroy", "--force", "s")
    return out


def exec_in(bench):
    """/bin/true in a zone that runs"""
    bench.sh(bench.cella, "create", "--from", bench.source, "e", *PRIVATE, "--set", SLEEP,
             "--set", "init.kind=app")
    bench.sh(bench.cella, "start", "e")
    commands = {"cella exec": {"run": [bench.cella, "exec", "e", "--", "/bin/true"]}}
    with peers.running(bench) as more:
        commands.update(more)
        out = summaries(bench.times(rounds(bench, 40), commands), "cella exec")
    bench.sh(bench.cella, "destroy", "--force", "e")
    return out


def kill(bench):
    """a hard stop, until the zone and all it had on the host are gone"""
    bench.neighbour()
    zone = [bench.cella, "create", "--from", bench.source, "k", "--set", SLEEP, "--set", "init.kind=app"]
    bench.sh(*zone)
    commands = {"cella kill": {"before": [bench.cella, "start", "k"], "run": [bench.cella, "kill", "k"]}}
    commands.update(peers.kill(bench))
    out = summaries(bench.times(rounds(bench, 25), commands), "cella kill")
    bench.sh(bench.cella, "destroy", "--force", "k")
    return out


def disk_verbs(bench):
    """create from an image, linked clone, destroy, by the size of what the zone has written"""
    out = []
    for label, mib in [("1 MiB", 1)] + ([] if bench.quick else [("250 MiB", 250), ("2 GiB", 2048)]):
        src = f"src-{mib}"
        bench.sh(bench.cella, "create", "--from", bench.source, src, *PRIVATE)
        fill(bench, src, mib)
        commands = {
            f"create, {label} beside it": {"run": [bench.cella, "create", "--from", bench.source, "c@", *PRIVATE],
                                           "after": [bench.cella, "destroy", "--force", "c@"]},
            f"linked clone, {label}": {"run": [bench.cella, "clone", src, "l@"],
                                       "after": [bench.cella, "destroy", "--force", "l@"]},
        }
        for name, t in bench.times(rounds(bench, 15), commands).items():
            out.append(summary(name, t))
        bench.sh(bench.cella, "destroy", "--force", src)
    return out


def fill(bench, zone, mib):
    """Files of 256 KiB, by the zone's own hand."""
    bench.sh(bench.cella, "start", zone)
    script = f"mkdir -p /data; i=0; while [ $i -lt {mib * 4} ]; do dd if=/dev/zero of=/data/$i bs=262144 count=1 2>/dev/null; i=$((i+1)); done"
    bench.sh(bench.cella, "exec", zone, "--", "/bin/sh", "-c", script)
    bench.sh(bench.cella, "kill", zone)
    os.sync()
