"""S41: clients of a keeper that cost it something and give it nothing.

    many_clients.py SOCKET N     N connections that never say a word, one after the other all kept open,
                                 and one console that is never read; until stdin ends"""
import signal, socket, sys


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(path)  # waits while the queue is full
    return s


signal.alarm(60)
console = connect(sys.argv[1])
console.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
console.send(b"c")
held = []
for _ in range(int(sys.argv[2])):
    signal.alarm(5)
    held.append(connect(sys.argv[1]))
signal.alarm(60)
print("ready", len(held), flush=True)
sys.stdin.read()
