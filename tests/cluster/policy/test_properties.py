"""What holds in every history: Hypothesis drives the policy through an honest world of nodes."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from paddock.cluster.policy.choice import Wanted
from paddock.cluster.policy.facts import ModelHome, ModelName, NodeName
from paddock.core.model import Room
from tests.cluster.policy.world import GPU, ClusterWorld, Machine

pytestmark = pytest.mark.long

MODELS = [ModelName(name) for name in "abcde"]
NODES = [NodeName(name) for name in ("box1", "box2", "box3")]
whose = st.integers(0, 11)  # which of those that there are, counted round
models = st.sampled_from(MODELS)
nodes = st.sampled_from(NODES)
sizes = st.tuples(*[st.sampled_from([2, 3, 5, 6, 9])] * len(MODELS))
# seconds to load, tokens/s
paces = st.tuples(st.sampled_from([2.0, 5.0, 8.0]), st.sampled_from([5.0, 20.0, 100.0]))
pins = st.sampled_from([False] * 9 + [True])


def home(mib: int, load: float, speed: float, replicas: int, *, pin: bool) -> ModelHome:
    return ModelHome(
        demand={GPU: mib},
        stiff=frozenset({GPU}),
        load_seconds=load,
        prompt_speed=speed * 20,
        generation_speed=speed,
        replicas=replicas,
        pin=pin,
    )


class Cluster(RuleBasedStateMachine):
    """Anything may happen at any time; nodes keep to what they were ordered."""

    world: ClusterWorld

    @initialize(
        data=st.data(),
        capacities=st.tuples(*[st.sampled_from([9, 10, 16])] * len(NODES)),
        mib=sizes,
        replicas=st.sampled_from([1, 1, 2, 3]),
        is_uniform=st.booleans(),
        shows_leaving=st.booleans(),
    )
    def begin(
        self,
        data: st.DataObject,
        capacities: tuple[int, ...],
        mib: tuple[int, ...],
        replicas: int,
        is_uniform: bool,
        shows_leaving: bool,
    ) -> None:
        alike = dict.fromkeys(MODELS, data.draw(paces))
        machines = []
        for name, capacity in zip(NODES, capacities, strict=True):
            there = data.draw(st.lists(models, unique=True, min_size=2).map(sorted))
            homes = {}
            for model, size in zip(MODELS, mib, strict=True):
                if model in there:
                    pace = alike[model] if is_uniform else data.draw(paces)
                    pin = data.draw(pins)
                    homes[model] = home(size, *pace, replicas, pin=pin)
            machines.append(Machine(name, Room({GPU: capacity}), homes))
        self.world = ClusterWorld(machines, shows_leaving=shows_leaving, is_uniform=is_uniform)

    @rule(
        model=models,
        conversation=st.sampled_from(["", "x", "x", "y"]),
        prompt=st.sampled_from([10, 200, 5000]),
        answer=st.sampled_from([1, 100, 1000]),
    )
    def ask(self, model: ModelName, conversation: str, prompt: int, answer: int) -> None:
        self.world.ask(
            Wanted(model, conversation=conversation, prompt_tokens=prompt, answer_tokens=answer)
        )

    @rule(model=models, count=st.integers(2, 8))
    def crowd(self, model: ModelName, count: int) -> None:
        for _ in range(count):
            self.world.ask(Wanted(model, prompt_tokens=100, answer_tokens=200))

    @rule(model=models, node=nodes, insists=st.booleans())
    def ask_particularly(self, model: ModelName, node: NodeName, insists: bool) -> None:
        if insists:
            self.world.ask(Wanted(model, node=node))
        else:
            self.world.ask(Wanted(model, without=frozenset({node})))

    @precondition(lambda self: self.world.requests)
    @rule(index=whose, served=st.sampled_from([True, True, False]))
    def finish(self, index: int, served: bool) -> None:
        tickets = list(self.world.requests)
        self.world.finish(tickets[index % len(tickets)], served=served)

    @rule(node=nodes)
    def proceed(self, node: NodeName) -> None:
        self.world.proceed(self.world.machines[node])

    @rule(node=nodes, model=models)
    def unload(self, node: NodeName, model: ModelName) -> None:
        self.world.leave(self.world.machines[node], model)

    @rule(node=nodes)
    def look(self, node: NodeName) -> None:
        self.world.look(node)

    @rule(node=nodes)
    def hear(self, node: NodeName) -> None:
        self.world.hear(node)

    @rule(node=nodes)
    def read(self, node: NodeName) -> None:
        self.world.look(node)
        self.world.hear(node)

    @rule(node=nodes, how=st.sampled_from(["lose", "die"]))
    def fail(self, node: NodeName, how: str) -> None:
        getattr(self.world, how)(node)

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 9.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.is_sound:
            self.world.calm(MODELS)


TestCluster = pytest.mark.timeout(300)(Cluster.TestCase)
TestCluster.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
