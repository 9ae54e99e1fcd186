"""Errors on their way to a client: what became of an instance, and who is said to have refused."""

import math
from typing import TYPE_CHECKING

from aiohttp import web

from paddock.errors import GpusYielded, PaddockError, UpstreamGone
from paddock.http import errors
from paddock.http.surfaces import Surface

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon
    from paddock.http.accounting import Account


async def explained(error: PaddockError, daemon: "Daemon", account: "Account") -> PaddockError:
    """A crash after which the profile is held back is final: to ask again is in vain.

    While the GPUs are yielded for a time, it passes at its end.
    """
    if isinstance(error, GpusYielded) and (left := daemon.yielded_for) is not None:
        error.passes_in = max(1.0, math.ceil(left))
    if type(error) is UpstreamGone and account.instance:
        return await daemon.held_back(account.profile, account.instance) or error
    return error


def refusal(error: PaddockError, surface: Surface, account: "Account") -> web.Response:
    """Paddock says no to a client that has heard nothing yet."""
    response = errors.refusal(error, surface.shape, surface.status(error, error.status))
    if account.profile:
        response.headers["x-paddock-profile"] = account.profile
    return response


def engine_refusal(
    error: PaddockError, status: int, surface: Surface, account: "Account"
) -> web.Response:
    """llama-server says no, in the shape that clients of this surface know."""
    response = errors.refusal(error, surface.shape, surface.status(error, status))
    response.headers["x-paddock-profile"] = account.profile
    response.headers["x-paddock-instance"] = account.instance
    return response
