"""TLS between the machines of a stable: what a daemon shows, what a front believes, and who is let in there."""

import ssl
from pathlib import Path

from aiohttp import hdrs

from paddock.config.cluster import ClusterSettings
from paddock.daemon.keyring import Holder
from paddock.errors import ConfigError, Forbidden
from paddock.http.auth import Guard, Scope
from paddock.http.sender import Headers


class NodeGuard(Guard):
    """Of the address that is for fronts alone: it may be open to a network where no client is to come in."""

    def holder(self, headers: Headers, scope: Scope) -> Holder | None:
        """A front's key, which is always asked for, but for what is open to all. Raises Unauthorized, Forbidden."""
        if scope is Scope.OPEN:
            return None
        found = self._check_key(_key_in(headers), scope)
        if not found.speaks_for_others:
            raise Forbidden(
                "this address is for the front of a stable of many machines",
                hint="clients ask the front, or this machine's own address",
            )
        return found


def _key_in(headers: Headers) -> str:
    return headers.get(hdrs.AUTHORIZATION, "").partition(" ")[2].strip()


def shown(cluster: ClusterSettings, folder: Path) -> ssl.SSLContext:
    """With what a daemon serves at `tls-listen`. `folder`: of paddock.toml. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    certificate, key = folder / cluster.tls_certificate, folder / cluster.tls_key
    for name, file in (("tls-certificate", certificate), ("tls-key", key)):
        if not file.is_file():
            raise ConfigError(f"{name} names {file}, which is no file")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"the certificate {certificate} and the key {key} cannot be used: {_words(error)}",
            hint="both are PEM, belong together, and the key has no password",
        ) from error
    return context


def believed(cluster: ClusterSettings, folder: Path) -> ssl.SSLContext | None:
    """Whom a front believes: `tls-ca`, authorities or the machines' own certificates; None: it is not set. Raises ConfigError."""
    if not cluster.tls_ca:
        return None
    file = folder / cluster.tls_ca
    try:
        context = ssl.create_default_context(cafile=str(file))
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"tls-ca names {file}, which cannot be used: {_words(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # also one that no authority has signed
    return context


def why_not(error: ssl.SSLError) -> str:
    """Why the other side is not talked to, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return f"it does not speak TLS as it should: {_words(error)}"


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(getattr(error, "strerror", "") or error)


def _no_password() -> str:
    raise ValueError("the key has a password")
