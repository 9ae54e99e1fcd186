"""TLS to a daemon of whom it does not matter who it is: it is asked what is no secret, or is this machine's own."""

import ssl


def unverified() -> ssl.SSLContext:
    """Believes everybody. The front looks whom it asks before it says anything (`http/tls.py`)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
