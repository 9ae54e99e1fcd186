"""What can be wrong with a cluster, each with what to do about it."""

from paddock.errors import PaddockError


class ClusterMissing(PaddockError):
    """The extra `[cluster]` is not installed, or is too old."""

    code = "cluster_missing"
    status = 501


class NoCluster(PaddockError):
    """No cluster answers at the address, or this machine is no part of it."""

    code = "no_cluster"
    status = 503


class ClusterDiffers(PaddockError):
    """The cluster has another version of Ray or Python, or does not let us in."""

    code = "cluster_differs"
    status = 409
