"""Nodes and models for tests of the policy, in few words."""

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import HomeOption, Wanted
from paddock.cluster.policy.choose import choose
from paddock.cluster.policy.facts import ModelCopy, ModelHome, ModelName, NodeFacts, NodeName
from paddock.core.model import DeviceId, Room

GPU = DeviceId("gpu")


def home(mib: int = 10, load: float = 10.0, **more) -> ModelHome:
    """A model that takes so much of the node's GPU and loads in so many seconds; 1000 and 50 tokens/s."""
    facts = {"prompt_speed": 1000.0, "generation_speed": 50.0, "load_seconds": load, **more}
    return ModelHome(demand={GPU: mib}, stiff=frozenset({GPU}), **facts)


def ready(mib: int = 10, **more) -> ModelCopy:
    return ModelCopy("ready", demand={GPU: mib}, **more)


def node(
    name: str,
    homes: dict[str, ModelHome],
    copies: dict[str, ModelCopy] | None = None,
    *,
    gpu: int = 16,
    at: float = 0.0,
    **more,
) -> NodeFacts:
    """A node with one GPU of so many MiB."""
    return NodeFacts(
        NodeName(name),
        at,
        {ModelName(model): found for model, found in homes.items()},
        {ModelName(model): found for model, found in (copies or {}).items()},
        Room({GPU: gpu}),
        **more,
    )


def books(*nodes: NodeFacts) -> ClusterBooks:
    made = ClusterBooks()
    for facts in nodes:
        made.seen(facts)
    return made


def wanted(model: str = "m", **more) -> Wanted:
    """A request for 100 tokens after a prompt of 100: 2.1 s on a `home`."""
    if "node" in more:
        more["node"] = NodeName(more["node"])
    return Wanted(ModelName(model), **{"prompt_tokens": 100, "answer_tokens": 100, **more})


def chosen(asked: Wanted, known: ClusterBooks, now: float) -> HomeOption:
    """The home that is chosen, where there is one."""
    option = choose(asked, known, now).option
    assert option is not None
    return option
