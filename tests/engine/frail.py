"""A llama-server that dies on prompts of more than 100 tokens, as a bad build once did.

    python frail.py COMMAND… -- FLAGS…

The real server behind a socket of its own, and a door in front of it. It counts by the length of a
chat request: the rest of it is of the same length in all of `engine/trial.py`.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading

LENGTH = re.compile(
    rb"POST /v1/chat/completions .*content-length: (\d+)", re.DOTALL | re.IGNORECASE
)
LONGEST = 200  # bytes: 8 tokens are below it, 120 above, were they a letter each


def main(words: list[str]) -> None:
    cut = words.index("--")
    command, flags = words[:cut], words[cut + 1 :]
    if "--host" not in flags:
        os.execvp(command[0], [*command, *flags])
    place = flags.index("--host") + 1
    front, flags[place] = flags[place], flags[place].removesuffix(".sock") + "-real.sock"
    server = subprocess.Popen([*command, *flags])
    signal.signal(signal.SIGTERM, lambda *_: leave(server))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(front)
        listener.listen()
        while True:
            guest, _ = listener.accept()
            threading.Thread(target=serve, args=(guest, flags[place], server), daemon=True).start()


def leave(server: "subprocess.Popen[bytes]") -> None:
    server.kill()
    os._exit(0)


def serve(guest: socket.socket, real: str, server: "subprocess.Popen[bytes]") -> None:
    with guest, socket.socket(socket.AF_UNIX) as host:
        try:
            host.connect(real)
        except OSError:
            return  # it does not listen yet
        threading.Thread(target=copy, args=(host, guest), daemon=True).start()
        while data := guest.recv(1 << 20):
            if (asked := LENGTH.match(data)) and int(asked[1]) > LONGEST:
                sys.stderr.write("GGML_ASSERT(n_tokens <= 100) failed\n")
                sys.stderr.flush()
                server.kill()
                os.kill(os.getpid(), signal.SIGABRT)
            host.sendall(data)


def copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
