"""Addresses to listen at, as settings and options write them."""

from ipaddress import ip_address


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[v6]:PORT`; raises ValueError on anything else."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    is_port = port.isascii() and port.isdecimal() and int(port) <= 65535
    if not colon or not bare or not is_port or (bare == host and ":" in host):
        raise ValueError(f"takes HOST:PORT or [IPv6]:PORT, not {text!r}")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host's address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
