"""The hub's other way to a file: Xet, whose chunks its own session fetches and checks.

The library's `xet_get` writes whole files only. Its session also streams from an offset, which is what a
resume needs; so the stream is asked for here, with the library's own session and token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paddock.hub.library import Hub
from paddock.hub.refusals import HubContradicts, HubUnreachable


def is_by_xet(about: Any, size: int, *, has_failed: bool) -> bool:
    """Whether to take this way: the hub offers it, and it has not failed where there is the other one.

    `HF_HUB_DISABLE_XET` is the library's own switch. By HTTP no file above 50 GB is served at all.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils._runtime import is_xet_available

    is_offered = about.xet_file_data is not None and is_xet_available()
    return bool(is_offered and (not has_failed or size > constants.MAX_HTTP_DOWNLOAD_SIZE))


def xet_pieces(data: Any, hub: Hub, size: int, begun: int) -> Iterator[bytes]:
    """The file's bytes from `begun` on, in their order. HubUnreachable where the stream fails."""
    from hf_xet import XetFileInfo
    from huggingface_hub.utils._xet import (
        get_xet_session,
        refresh_xet_connection_info,
        xet_headers_without_auth,
    )

    headers = hub.headers()
    way = refresh_xet_connection_info(file_data=data, headers=headers)
    if not hub.rule.allows(way.endpoint):
        raise HubContradicts(f"the hub sends to {way.endpoint}, which is none of its hosts")
    group = get_xet_session().new_download_stream_group(
        endpoint=way.endpoint,
        token=way.access_token,
        token_expiry_unix_secs=way.expiration_unix_epoch,
        token_refresh_url=data.refresh_route,
        token_refresh_headers=headers,
        custom_headers=xet_headers_without_auth(headers),
    )
    stream = group.download_stream(XetFileInfo(data.file_hash, size), start=begun or None)
    try:
        yield from stream
    except (OSError, RuntimeError) as error:
        raise HubUnreachable(f"Xet: {error}") from error
    finally:
        stream.cancel()
