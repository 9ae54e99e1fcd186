"""Where requests go: each reason of the issue for which a home is preferred, and the words for it."""

import copy

import pytest

from paddock.cluster.policy.choose import choose
from paddock.cluster.policy.facts import ModelCopy, ModelName, NodeName
from tests.cluster.policy.stage import GPU, books, chosen, home, node, ready, wanted


def test_a_ready_home_is_used_and_the_other_is_named_with_its_load():
    known = books(node("box1", {"m": home(load=9.0)}), node("box2", {"m": home()}, {"m": ready()}))
    choice = choose(wanted(), known, 0.0)
    assert choice.node == "box2"
    assert choice.reason == "ready on box2"
    known.sent(1, wanted(prompt_tokens=0, answer_tokens=60), choice, 0.0)
    assert choose(wanted(), known, 0.0).reason == "ready on box2, 1.2 s behind 60 tokens"


def test_the_reason_names_what_was_weighed_against_it():
    homes = {"m": home(load=9.0, replicas=2)}
    known = books(node("box1", homes), node("box2", homes, {"m": ready(strangers=4)}))
    choice = choose(wanted(), known, 0.0)
    assert choice.reason == (
        "on box1 it would load for 9.0 s; ready on box2, 24.0 s behind 1,200 tokens"
    )


def test_of_ready_homes_the_one_with_the_least_work_before_it_serves():
    known = books(*(node(n, {"m": home()}, {"m": ready()}) for n in ("a", "b", "c")))
    went = []
    for ticket in range(6):
        choice = choose(wanted(), known, 0.0)
        known.sent(ticket, wanted(), choice, 0.0)
        went.append(choice.node)
    assert went == ["a", "b", "c"] * 2


def test_what_is_served_already_counts_less():
    known = books(*(node(n, {"m": home()}, {"m": ready()}) for n in ("a", "b")))
    long, short = wanted(answer_tokens=1000), wanted(answer_tokens=500)
    for ticket, sent in enumerate((long, short)):
        known.sent(ticket, sent, choose(sent, known, 0.0), 0.0)
        known.began(ticket, 0.1)
    assert choose(wanted(), known, 0.1).node == "b"
    known.ended(1, 5.0)
    known.sent(2, wanted(answer_tokens=900), choose(wanted(), known, 10.0), 10.0)
    assert choose(wanted(), known, 10.0).node == "a"  # 500 of 1000 tokens are given by then


def test_more_slots_take_more_before_others_wait():
    known = books(
        node("a", {"m": home(slots=4)}, {"m": ready(strangers=2)}),
        node("b", {"m": home(slots=1)}, {"m": ready(strangers=1)}),
    )
    assert choose(wanted(), known, 0.0).node == "a"


@pytest.mark.parametrize(
    ("here", "there", "chosen"),
    [
        (home(load=9.0), home(load=4.0), "there"),
        (home(load=9.0, warm_load_seconds=2.0, cached=1.0), home(load=4.0), "here"),
        (home(load=9.0, generation_speed=100.0), home(load=9.0), "here"),
        (home(load=9.0, generation_speed=10.0), home(load=14.0), "there"),
        (home(load=9.0, prompt_speed=2000.0), home(load=9.0), "here"),
        (home(load=9.0, trouble="its file is missing"), home(load=90.0), "there"),
        (home(load=9.0, context=50), home(load=90.0, context=5000), "there"),
    ],
    ids=["load time", "page cache", "speed", "speed against load", "prompt", "trouble", "context"],
)
def test_of_homes_that_must_load_the_cheapest_does(here, there, chosen):
    assert (
        choose(wanted(), books(node("here", {"m": here}), node("there", {"m": there})), 0.0).node
        == chosen
    )


def test_loadable_beside_others_comes_before_an_eviction():
    known = books(
        node("full", {"m": home(load=5.0), "x": home()}, {"x": ready(last_used=-5.0)}),
        node("free", {"m": home(load=8.0), "x": home()}),
    )
    option = chosen(wanted(), known, 0.0)
    assert (option.node, option.leavers) == ("free", ())


def test_an_eviction_weighs_how_long_ago_who_leaves_was_used_and_what_it_had_read():
    homes = {"m": home(), "x": home()}
    recent, old = ready(last_used=-10.0), ready(last_used=-9000.0)
    known = books(node("a", homes, {"x": recent}), node("b", homes, {"x": old}))
    # x has another home, which costs nothing to come back to
    assert chosen(wanted(), known, 0.0).bill.evict == 0.0
    known = books(
        node("a", homes, {"x": recent}), node("b", {"m": home(), "y": home()}, {"y": old})
    )
    option = chosen(wanted(), known, 0.0)
    assert (option.node, option.leavers) == ("b", ("y",))
    assert 0 < option.bill.evict < 1
    assert "y leaves for it" in option.words
    assert "to be expected for that" in option.words


def test_a_context_of_who_leaves_has_its_price():
    homes = {"m": home(), "x": home(), "y": home()}
    known = books(node("a", homes, {"x": ready()}), node("b", homes, {"y": ready()}))
    talk = wanted("x", conversation="talk", prompt_tokens=30_000)
    known.sent(1, talk, choose(talk, known, 0.0), 0.0)
    known.ended(1, 40.0, answer_tokens=10)
    brief = wanted("y", conversation="brief")
    known.sent(2, brief, choose(brief, known, 0.0), 0.0)
    known.ended(2, 41.0, answer_tokens=10)
    assert choose(wanted(), known, 42.0).node == "b"  # used later, but only 110 tokens are lost


def test_who_leaves_after_its_requests_is_waited_for():
    homes = {"m": home(load=5.0), "x": home()}
    known = books(
        node("busy", homes, {"x": ready(strangers=10)}),
        node("slow", {"m": home(load=30.0)}),
    )
    assert choose(wanted(), known, 0.0).node == "slow"


def test_a_pinned_one_never_leaves():
    known = books(
        node("a", {"m": home(load=1.0), "x": home(pin=True)}, {"x": ready()}),
        node("b", {"m": home(load=50.0)}),
    )
    assert choose(wanted(), known, 0.0).node == "b"


def test_where_no_node_has_room_one_is_asked_all_the_same_as_its_daemon_says_best_why():
    known = books(node("a", {"m": home(), "x": home(pin=True)}, {"x": ready()}))
    choice = choose(wanted(), known, 0.0)
    assert choice.node == "a"
    assert "is not expected to load (by its plan it has no room" in choice.reason


# ---- conversations ----


def talk(tokens: int):
    return wanted(conversation="talk", prompt_tokens=tokens)


def test_a_conversation_goes_where_its_context_is():
    known = books(*(node(n, {"m": home()}, {"m": ready(instance=n)}) for n in ("a", "b")))
    known.sent(1, talk(5000), choose(wanted(without=frozenset({NodeName("a")})), known, 0.0), 0.0)
    known.ended(1, 5.0, answer_tokens=100)
    choice = choose(talk(5200), known, 6.0)
    assert choice.node == "b"
    assert choice.reason.startswith("ready on b, 5,100 tokens of the prompt are read there")
    assert chosen(talk(5200), known, 6.0).bill.read == pytest.approx(0.1)


def test_it_leaves_only_when_reading_again_is_cheaper_than_waiting():
    for strangers, goes in ((0, "a"), (1, "b")):
        copies = {"m": ready(instance="1")}
        known = books(node("a", {"m": home()}, copies), node("b", {"m": home()}, copies))
        known.sent(1, talk(5000), choose(talk(5000), known, 0.0), 0.0)  # goes to a
        known.ended(1, 5.0, answer_tokens=1)
        busy = {"m": ready(instance="1", strangers=strangers)}  # 300 tokens for 6 s; the prompt 5 s
        known.seen(node("a", {"m": home()}, busy, at=6.0))
        assert choose(talk(5000), known, 6.0).node == goes


@pytest.mark.parametrize("keeps", [False, True])
def test_a_context_counts_as_long_as_its_instance_is_there_or_what_it_read_is_kept(keeps):
    homes = {"m": home(keeps_context=keeps)}
    known = books(node("a", homes, {"m": ready(instance="1")}))
    known.sent(1, talk(5000), choose(talk(5000), known, 0.0), 0.0)
    known.ended(1, 5.0, answer_tokens=1)
    known.seen(node("a", homes, {"m": ready(instance="2")}, at=60.0))
    known.seen(node("b", homes, {"m": ready(instance="1")}, at=60.0))
    read = known.tokens_read(talk(5000), NodeName("a"))
    assert read == (5000 if keeps else 0)


# ---- replicas, moves, to and fro ----


def crowd(known, count: int, now: float = 0.0) -> list[str]:
    went: list[str] = []
    for ticket in range(count):
        choice = choose(wanted(), known, now)
        known.sent(ticket, wanted(), choice, now)
        went.append(choice.node or "nowhere")
    return went


def test_one_home_is_enough_where_no_more_are_wanted_however_long_the_wait():
    known = books(node("a", {"m": home()}, {"m": ready()}), node("b", {"m": home()}))
    assert set(crowd(known, 50)) == {"a"}


def test_with_replicas_a_second_home_loads_when_the_wait_exceeds_the_load_time():
    homes = {"m": home(load=10.0, replicas=2)}
    known = books(node("a", homes, {"m": ready()}), node("b", homes), node("c", homes))
    went = crowd(known, 50)
    assert set(went) == {"a", "b"}  # never a third
    assert 5 < went.index("b") < 10  # 2.1 s each
    assert abs(went.count("a") - went.count("b")) < 15


def test_a_second_home_is_warmed_for_others_while_a_conversation_stays():
    homes = {"m": home(load=10.0, replicas=2)}
    known = books(node("a", homes, {"m": ready(instance="1")}), node("b", homes))
    known.sent(1, talk(60_000), choose(talk(60_000), known, 0.0), 0.0)
    known.ended(1, 60.0, answer_tokens=1)
    known.seen(node("a", homes, {"m": ready(instance="1", strangers=2)}, at=61.0))
    choice = choose(talk(60_000), known, 61.0)
    assert choice.node == "a"
    assert choice.warm is not None
    assert choice.warm.node == "b"
    known.warmed(talk(60_000), choice, 61.0)
    assert choose(talk(60_000), known, 62.0).warm is None
    assert choose(wanted(prompt_tokens=0), known, 68.0).node == "b"  # it is coming


def test_a_model_moves_from_a_much_slower_node_once():
    slow, fast = home(generation_speed=5.0), home(generation_speed=50.0)
    known = books(node("cpu", {"m": slow}, {"m": ready()}), node("gpu", {"m": fast}))
    choice = choose(wanted(answer_tokens=100), known, 0.0)  # 20 s there, 12 s here
    assert choice.node == "gpu"
    known.sent(1, wanted(), choice, 0.0)
    known.seen(node("gpu", {"m": fast}, at=6.0))  # something else became of it
    assert choose(wanted(answer_tokens=100), known, 6.0).node == "cpu"  # not again at once
    assert choose(wanted(answer_tokens=100), known, 40.0).node == "gpu"


def test_a_small_gain_moves_nothing():
    slow, fast = home(generation_speed=8.0), home(generation_speed=50.0)
    known = books(node("cpu", {"m": slow}, {"m": ready()}), node("gpu", {"m": fast}))
    assert choose(wanted(answer_tokens=100), known, 0.0).node == "cpu"  # 12.5 s against 12.1


# ---- promises ----


def test_what_is_promised_takes_its_memory_before_the_node_reports_it():
    homes = {"m": home(10), "x": home(10)}
    known = books(node("a", homes, at=0.0), node("b", homes, at=0.0))
    first = choose(wanted("m"), known, 1.0)
    known.sent(1, wanted("m"), first, 1.0)
    second = chosen(wanted("x"), known, 1.1)
    assert {first.node, second.node} == {"a", "b"}
    assert not second.leavers


def test_loads_on_one_device_come_one_after_the_other():
    homes = {"m": home(4, load=10.0), "x": home(4, load=10.0)}
    known = books(node("a", homes))
    known.sent(1, wanted("m"), choose(wanted("m"), known, 0.0), 0.0)
    assert chosen(wanted("x"), known, 4.0).bill.load == pytest.approx(16.0)


def test_who_leaves_for_a_promise_is_no_ready_home_any_more():
    homes = {"m": home(), "x": home()}
    known = books(node("a", homes, {"x": ready(instance="x1")}), node("b", {"x": home(load=30.0)}))
    known.sent(1, wanted("m"), choose(wanted("m"), known, 0.0), 0.0)
    assert chosen(wanted("x"), known, 0.1).needs_load


def test_a_promise_ends_when_the_node_reports_the_load_or_shows_none():
    homes = {"m": home(), "x": home()}
    known = books(node("a", homes))
    known.sent(1, wanted("m"), choose(wanted("m"), known, 0.0), 0.0)
    known.seen(node("a", homes, at=0.5))  # read before the order can have arrived
    assert chosen(wanted("x"), known, 1.0).leavers == ("m",)
    coming = ModelCopy("coming", "m1", {GPU: 10}, ready_in=9.0)
    known.seen(node("a", homes, {"m": coming}, at=1.5))
    assert not known.promises[NodeName("a")]
    assert chosen(wanted("x"), known, 2.0).leavers == ("m",)
    known.seen(node("a", homes, at=9.0))
    assert chosen(wanted("x"), known, 9.0).leavers == ()


def test_a_promise_of_which_a_node_never_shows_anything_counts_no_more():
    homes = {"m": home(), "x": home()}
    known = books(node("a", homes))
    known.sent(1, wanted("m"), choose(wanted("m"), known, 0.0), 0.0)
    known.seen(node("a", homes, at=30.0))
    assert chosen(wanted("x"), known, 30.0).leavers == ()


# ---- nodes that are not there ----


def test_a_node_that_does_not_answer_counts_as_none():
    known = books(node("a", {"m": home()}, {"m": ready()}), node("b", {"m": home()}))
    known.lost(NodeName("a"))
    assert choose(wanted(), known, 0.0).node == "b"
    known.lost(NodeName("b"))
    choice = choose(wanted(), known, 0.0)
    assert choice.option is None
    assert choice.reason == "m: a and b have it, and do not answer"
    known.seen(node("a", {"m": home()}, {"m": ready()}, at=5.0))
    assert choose(wanted(), known, 5.0).node == "a"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (wanted("nobody"), "no node has nobody"),
        (wanted(node="b"), "no node has m@b"),
        (wanted(without=frozenset({NodeName("a")})), "m: no other node has it than a"),
    ],
)
def test_where_nobody_can_serve_the_reason_says_why(asked, reason):
    choice = choose(asked, books(node("a", {"m": home()})), 0.0)
    assert (choice.option, choice.reason) == (None, reason)


def test_a_name_with_a_node_insists_on_it():
    known = books(node("a", {"m": home()}), node("b", {"m": home()}, {"m": ready()}))
    assert choose(wanted(node="a"), known, 0.0).node == "a"


def test_a_sleeping_node_is_woken_only_where_no_other_has_the_model():
    asleep = node("nap", {"m": home(load=1.0)}, asleep=True, wake_seconds=30.0)
    known = books(asleep, node("a", {"m": home(load=50.0)}))
    choice = choose(wanted(), known, 0.0)
    assert (choice.node, choice.wake) == ("a", None)
    known.lost(NodeName("a"))
    choice = choose(wanted(), known, 0.0)
    assert (choice.node, choice.wake) == ("nap", "nap")
    assert chosen(wanted(), known, 0.0).bill.wake == 30.0
    assert choice.reason.startswith("nap is asleep and would answer in 30.0 s")


def test_one_that_is_let_sleep_keeps_its_homes_and_nothing_else_until_it_is_seen():
    known = books(node("nap", {"m": home()}, {"m": ready()}))
    for is_lost_before in (False, True):
        if is_lost_before:
            known.lost(NodeName("nap"))
        known.fell_asleep(NodeName("nap"), 20.0)
        choice = choose(wanted(), known, 0.0)
        assert (choice.wake, chosen(wanted(), known, 0.0).needs_load) == ("nap", True)
    known.fell_asleep(NodeName("never seen"), 20.0)
    known.seen(node("nap", {"m": home()}, {"m": ready()}, at=30.0))
    assert (choose(wanted(), known, 30.0).wake, known.away) == (None, {})


def test_choosing_changes_nothing():
    homes = {"m": home(replicas=2), "x": home()}
    known = books(node("a", homes, {"m": ready(strangers=3)}), node("b", homes, {"x": ready()}))
    known.sent(1, talk(500), choose(talk(500), known, 0.0), 0.0)
    before = copy.deepcopy(known)
    choose(talk(900), known, 1.0)
    assert known == before


def test_tokens_under_way_are_counted_by_home():
    known = books(node("a", {"m": home()}, {"m": ready()}))
    known.sent(1, wanted(), choose(wanted(), known, 0.0), 0.0)
    assert list(known.outstanding_tokens()) == [("a", ModelName("m"), 200)]
    known.ended(1, 1.0)
    known.ended(1, 1.0)  # twice does no harm
    assert not list(known.outstanding_tokens())
