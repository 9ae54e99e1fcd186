"""Removes a container when the program that ran it is gone, even by SIGKILL.

    python -m paddock.engine.container_watch URL CONTAINER

Waits for the end of its standard input, which only that program holds open. It runs in a session of
its own, so that a signal to the program's group does not reach it, and imports late to stay small.
"""

import os
import sys


def main(url: str, container: str) -> None:
    while os.read(0, 1):
        pass
    import docker

    from paddock.engine.container_api import remove

    remove(docker.APIClient(base_url=url, version="auto"), container)


if __name__ == "__main__":
    main(*sys.argv[1:3])
