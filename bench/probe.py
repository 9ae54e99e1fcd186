"""Asks a daemon for something cheap, again and again: how long does anybody wait just now?

    python bench/probe.py PORT

For each line on its standard input it writes the longest wait since the last one, in seconds. A process
of its own, so that it waits for nobody but the daemon.
"""

import select
import socket
import sys
import time

_PAUSE = 0.003  # seconds
_ASK = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main() -> None:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        longest = 0.0
        while True:
            longest = max(longest, _asked(line))
            if select.select([sys.stdin], [], [], _PAUSE)[0]:
                if not sys.stdin.readline():
                    return
                print(longest, flush=True)
                longest = 0.0


def _asked(line: socket.socket) -> float:
    begun = time.perf_counter()
    line.sendall(_ASK)
    received = b""
    while b"}" not in received:
        if not (piece := line.recv(4096)):
            sys.exit("the daemon hung up on the probe")
        received += piece
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
