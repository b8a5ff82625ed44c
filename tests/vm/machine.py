"""A QEMU guest of tests/vm/build: started from its saved state on a throw-away overlay of its disk.

Nothing here listens anywhere: what joins this program, the guests and each other is socket pairs."""
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("CELLA_BUILD", TREE + "/build"))
SHARES = 3  # 9p devices; the saved state has as many, so there is always this number
BOOT_LIMIT = 300  # seconds
CMDLINE = ("console=ttyS0 quiet root=/dev/vda panic=-1 audit=0 nowatchdog mitigations=off no_timer_check "
           "tsc=reliable random.trust_cpu=on systemd.show_status=no")


class GuestError(Exception):
    """The guest or QEMU failed, not the command in it."""


class Share:
    """DIR[:AT[:rw]]"""

    def __init__(self, text):
        path, at, mode = (text.split(":") + ["", ""])[:3]
        self.path = os.path.abspath(path)
        self.at = at or "/mnt/" + os.path.basename(self.path)
        self.writable = mode == "rw"


class Guest:
    def __init__(self, disk_dir, name="a", cpus=2, mem=2048, shares=(), wire=None, keep=False):
        """`wire` is a connected stream socket to another guest's network card."""
        self.disk_dir, self.name, self.cpus, self.mem = disk_dir, name, cpus, mem
        self.shares, self.wire, self.keep = list(shares), wire, keep
        if len(self.shares) > SHARES:
            raise GuestError("at most %d directories can be shared" % SHARES)
        self.dir = tempfile.mkdtemp(prefix="run-%s-" % name, dir=os.path.dirname(disk_dir))
        self.qemu = self.agent = self.monitor = None
        self.rest = b""
        self.words = ""  # for the kernel, beside those of the saved state: from the next boot on
        self.overlay = None
    # ---- the machine ----

    def arguments(self, overlay, agent_fd, monitor_fd):
        args = ["qemu-system-x86_64", "-name", self.name, "-M", "pc", "-cpu", "max,la57=off",
                "-accel", "tcg,thread=multi,tb-size=512", "-smp", str(self.cpus), "-m", str(self.mem),
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", self.disk_dir + "/kernel", "-initrd", self.disk_dir + "/initrd", "-append",
                CMDLINE + self.words,
                "-serial", "file:%s/console" % self.dir,
                "-chardev", "socket,id=monitor,fd=%d" % monitor_fd, "-mon", "chardev=monitor,mode=control",
                "-drive", "file=%s,if=none,id=disk,cache=unsafe,discard=unmap" % overlay,
                "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci",
                "-device", "virtio-serial-pci", "-chardev", "socket,id=agent,fd=%d" % agent_fd,
                "-device", "virtserialport,chardev=agent,name=cella",
                "-netdev", "socket,id=net,fd=%d" % self.wire.fileno() if self.wire else "hubport,id=net,hubid=0",
                "-device", "virtio-net-pci,netdev=net,romfile="]
        for i in range(SHARES):
            share = self.shares[i] if i < len(self.shares) else None
            args += ["-fsdev", "local,id=share%d,security_model=passthrough,multidevs=remap,path=%s%s" % (
                     i, share.path if share else self.dir, "" if share and share.writable else ",readonly=on"),
                     "-device", "virtio-9p-pci,fsdev=share%d,mount_tag=share%d" % (i, i)]
        return args

    def state_path(self):
        """The saved state for these CPUs and this memory; another QEMU or other devices make another."""
        version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
        shape = _Shape(self).arguments("", 0, 0)
        digest = hashlib.sha256(repr((version, shape)).encode()).hexdigest()[:12]
        return "%s/state-%d-%d-%s" % (self.disk_dir, self.cpus, self.mem, digest)

    def launch(self, overlay, state=None):
        self.agent, agent_far = socket.socketpair()
        self.monitor, monitor_far = socket.socketpair()
        fds = [agent_far.fileno(), monitor_far.fileno()] + ([self.wire.fileno()] if self.wire else [])
        args = self.arguments(overlay, *fds[:2])
        if state:
            args += ["-incoming", "exec:cat " + shlex.quote(state)]
        # setpriv: should this program be killed, QEMU does not outlive it.
        with open(self.dir + "/qemu", "wb") as log:
            self.qemu = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--"] + args, pass_fds=fds,
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        agent_far.close()
        monitor_far.close()
        if self.wire:
            self.wire.close()

    def start(self):
        """From the saved state, which is made first when there is none."""
        state = self.state_path()
        with open(self.disk_dir + "/.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(state + ".ram"):
                save(self.disk_dir, self.cpus, self.mem, state)
        self.overlay = self.dir + "/overlay.qcow2"
        make_overlay(self.overlay, state + ".qcow2", "qcow2")
        self.launch(self.overlay, state + ".ram")

    def stop(self):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
        if self.keep:
            print("tests/vm: kept: " + self.dir, file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def failed(self, what):
        text = ""
        for name in ("qemu", "console"):
            with contextlib.suppress(OSError), open("%s/%s" % (self.dir, name), errors="replace") as f:
                text += f.read()[-3000:]
        return GuestError("guest %s: %s\n%s" % (self.name, what, text))

    # ---- QEMU's monitor ----

    def ask(self, *commands):
        """Send commands one after the other; the answer to the last one."""
        with self.monitor.makefile("rw") as f:
            for command in commands:
                print(json.dumps(command), file=f, flush=True)
                answer = {}
                while "return" not in answer:  # the greeting and events come in between
                    if "error" in answer:
                        raise self.failed(answer["error"]["desc"])
                    line = f.readline()
                    if not line:
                        raise self.failed("has no monitor any more")
                    answer = json.loads(line)
        return answer["return"]

    # ---- the agent ----

    def frame(self, deadline):
        """The next (kind, data), or None at the deadline."""
        while True:
            if len(self.rest) >= 5:
                kind, length = struct.unpack(">cI", self.rest[:5])
                if len(self.rest) >= 5 + length:
                    data, self.rest = self.rest[5:5 + length], self.rest[5 + length:]
                    return kind, data
            if not select.select([self.agent], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            with contextlib.suppress(ConnectionError):
                if got := self.agent.recv(1 << 16):
                    self.rest += got
                    continue
            raise self.failed("is gone")

    def wait_booted(self):
        while frame := self.frame(time.monotonic() + BOOT_LIMIT):
            if frame[0] == b"H":
                return
        raise self.failed("did not boot in %d s" % BOOT_LIMIT)

    def run(self, shell, timeout, out=None, err=None):
        """Exit status of a bash command line; None at the timeout. What it writes goes on as it comes."""
        sinks = {b"o": out or sys.stdout.buffer, b"e": err or sys.stderr.buffer}
        deadline = time.monotonic() + timeout
        self.agent.sendall(json.dumps({"run": shell}).encode() + b"\n")
        while frame := self.frame(deadline):
            kind, data = frame
            if kind == b"x":
                return int(data)
            if kind == b"H":
                raise self.failed("has booted anew in the middle of a command")
            sinks[kind].write(data)
            sinks[kind].flush()
        return None

    def prepare(self, address=None, tree=False):
        """What every guest of one saved state must be told: the time, who it is, what is shared with it."""
        lines = ["set -e", "date -s @%.3f" % time.time(), "echo %s >/dev/urandom" % secrets.token_hex(64)]
        if self.name != "a":
            lines += ["hostname %s" % self.name, "echo %s >/etc/hostname" % self.name,
                      "printf '%%031d%s' 0 >/etc/machine-id" % self.name]
        if address:
            number = address.rsplit(".", 1)[1].split("/")[0]
            lines += ["ip link set eth0 address 52:54:00:c6:33:%02x" % int(number), "ip link set eth0 up",
                      "ip address add %s dev eth0" % address]
        for i, share in enumerate(self.shares):
            at = shlex.quote(share.at)
            lines += ["mkdir -p " + at, "mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,access=client"
                      "%s share%d %s" % ("" if share.writable else ",ro,cache=loose", i, at)]
        if tree:
            lines += ["tar -C / -P -xf /mnt/tree/tree.tar"]
        with open(self.dir + "/prepare", "wb") as log:
            if self.run("\n".join(lines), BOOT_LIMIT, log, log) != 0:
                with open(self.dir + "/prepare") as f:
                    raise self.failed("could not be prepared: " + f.read())

    def reboot(self):
        """The orderly way; whatever prepare() did has to be done again.

        In another QEMU: in the one that has loaded a state, the new kernel's timer is often dead."""
        self.agent.sendall(json.dumps({"run": "systemctl reboot"}).encode() + b"\n")
        try:
            self.qemu.wait(BOOT_LIMIT)
        except subprocess.TimeoutExpired:
            raise self.failed("did not go down in %d s" % BOOT_LIMIT) from None
        self.rest = b""
        self.launch(self.overlay)
        self.wait_booted()


class _Shape(Guest):
    """A guest as the saved state sees it: with no paths, descriptors and shares of its own."""

    def __init__(self, guest):  # pylint: disable=super-init-not-called
        self.cpus, self.mem, self.name, self.disk_dir, self.dir, self.shares, self.wire = (
            guest.cpus, guest.mem, "", "", "", [], None)
        self.words = ""


def save(disk_dir, cpus, mem, path):
    """Boot the disk, wait until systemd has done everything, and save the machine as it is then."""
    print("tests/vm: booting a guest with %d CPUs, %d MiB, to save its state" % (cpus, mem), file=sys.stderr)
    begin = time.monotonic()
    guest = Guest(disk_dir, cpus=cpus, mem=mem)
    try:
        make_overlay(path + ".qcow2", disk_dir + "/disk.raw", "raw")
        guest.launch(path + ".qcow2")
        guest.wait_booted()
        if guest.run("modprobe -a 9p 9pnet_virtio overlay loop veth bridge nf_tables\n"
                     "systemctl is-system-running --wait && sync && fstrim /", BOOT_LIMIT, sys.stderr.buffer) != 0:
            raise guest.failed("does not reach 'running'")
        guest.ask({"execute": "qmp_capabilities"},
                  {"execute": "migrate-set-parameters", "arguments": {"max-bandwidth": 8 << 30}},
                  {"execute": "migrate", "arguments": {"uri": "exec:cat >" + shlex.quote(path + ".part")}})
        while (status := guest.ask({"execute": "query-migrate"})["status"]) != "completed":
            if status in ("failed", "cancelled"):
                raise guest.failed("cannot be saved")
            time.sleep(0.1)
        guest.qemu.send_signal(signal.SIGTERM)
        guest.qemu.wait()
        os.rename(path + ".part", path + ".ram")
    finally:
        guest.stop()
    print("tests/vm: saved after %.0f s" % (time.monotonic() - begin), file=sys.stderr)


def make_overlay(path, below, form):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", form, path], check=True)


def find_disk():
    """Make it if need be; tests/vm/build says where it is."""
    done = subprocess.run([HERE + "/build", "--disk"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise GuestError("tests/vm/build failed")
    return done.stdout.splitlines()[-1]


def pack_tree(directory):
    """This tree as it is now, with what is built in it but for objects, to be unpacked at the same place."""
    listed = subprocess.run(["git", "-C", TREE, "ls-files", "-co", "--exclude-standard", "-z"],
                            stdout=subprocess.PIPE, check=True).stdout.split(b"\0")
    paths = [os.path.join(os.fsencode(TREE), name) for name in listed if name]
    for built in (BUILD, os.path.dirname(BUILD) + "/build-switches"):
        for below, _, names in os.walk(os.fsencode(built)):
            paths += [os.path.join(below, n) for n in names if not n.endswith((b".o", b".a"))]
    subprocess.run(["tar", "-P", "-cf", directory + "/tree.tar", "--null", "-T", "-"],
                   input=b"\0".join(p for p in paths if os.path.lexists(p)), check=True)
    return Share(directory + ":/mnt/tree")


def shell_line(words):
    """One word is a line for bash, several are a command and its arguments. Run in the tree, if it is there."""
    line = words[0] if len(words) == 1 else shlex.join(words)
    return "cd %s 2>/dev/null || cd\nexport CELLA_BUILD=%s\n%s" % (shlex.quote(TREE), shlex.quote(BUILD), line)


def die_on_term():
    """So that `finally` is reached."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
