"""What can go wrong between a name and a whole file, each with what to do about it."""

from paddock.errors import PaddockError


class BadName(PaddockError):
    """What was named is no repository of a hub."""

    code = "hub_name"
    status = 400


class HubMissing(PaddockError):
    """The extra `[hub]` is not installed."""

    code = "hub_missing"
    status = 501


class NotOnHub(PaddockError):
    """The hub has no such repository, revision, file or quantisation, or not for this token."""

    code = "hub_not_found"
    status = 404


class HubUnreachable(PaddockError):
    """The hub cannot be asked: offline, no connection, a proxy, its own error."""

    code = "hub_unreachable"
    status = 502
    passes_in = 30.0


class HubContradicts(PaddockError):
    """What came is not what the hub said: length, hash, range, or an address outside of the hub."""

    code = "hub_contradicts"
    status = 502


class NoDiskSpace(PaddockError):
    """The disk has no room for it and the reserve."""

    code = "no_disk_space"
    status = 507


class InTheWay(PaddockError):
    """There is another file where this one belongs, or its folder leads elsewhere."""

    code = "file_in_the_way"
    status = 409


class Interrupted(PaddockError):
    """Somebody stopped the download. What came stays, and the next one goes on from there."""

    code = "pull_interrupted"
    status = 503
