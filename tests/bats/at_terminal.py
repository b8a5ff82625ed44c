"""At a terminal, as a person would: run a command in a shell-like caller that owns a fresh pty, type
for them, and tell what the caller would read afterwards.

    at_terminal.py TYPE COMMAND...      TYPE: text to type, with \\n and such; \\p waits half a second

Prints what appeared on the screen, then "code N", then "left HEX": what is in the terminal's input
when the command has ended, which nobody typed. Empty is right."""
import os, pty, select, signal, subprocess, sys, termios, time


def caller(command, report):
    """The child: the session's leader, the pty its controlling terminal."""
    code = subprocess.call(command)
    # What would the shell's next read give? Also half a line: canonical mode off.
    mode = termios.tcgetattr(0)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    mode[6][termios.VMIN] = mode[6][termios.VTIME] = 0
    termios.tcsetattr(0, termios.TCSANOW, mode)
    left = b""
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        if select.select([0], [], [], 0.1)[0]:
            left += os.read(0, 4096)
    os.write(report, b"code %d\nleft %s\n" % (code, left.hex().encode()))
    os._exit(0)


def main():
    pieces = [p.encode().decode("unicode_escape").encode() for p in sys.argv[1].split("\\p")]
    reader, report = os.pipe()
    pid, master = pty.fork()
    if pid == 0:
        os.close(reader)
        caller(sys.argv[2:], report)
    os.close(report)
    signal.alarm(20)
    screen = b""
    next_at = time.monotonic() + 0.5
    while True:
        ready = select.select([master], [], [], 0.05)[0]
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            screen += data
        if pieces and time.monotonic() >= next_at:
            os.write(master, pieces.pop(0))
            next_at = time.monotonic() + 0.5
    os.waitpid(pid, 0)
    sys.stdout.write(screen.decode("utf-8", "replace").replace("\r", ""))
    sys.stdout.write("\n" + os.read(reader, 65536).decode())


main()
