"""What `paddock show` prints, and what a new version of the file changes."""

from paddock.config.explain import Changes, compare, show

A = "[a]\nMODEL = m.gguf\n"
B = "[b]\nMODEL = m.gguf\n"


def test_each_flag_with_its_origin_and_what_it_replaced(yard):
    profile = yard.profile(
        "CTX_SIZE = 2\nEXTRA_ARGS = -c 3 --no-jinja", shared="c = 1\nEXTRA_ARGS = --jinja"
    )
    model, ctx, jinja = show(profile)
    assert (model.flag, model.origin, model.overridden) == ("--model", "[p] MODEL, line 5", ())
    assert (ctx.flag, ctx.values, ctx.origin) == ("--ctx-size", ("3",), "[p] EXTRA_ARGS, line 7")
    assert ctx.overridden == ("2 ([p] CTX_SIZE, line 6)", "1 ([*] c, line 2)")
    assert (jinja.flag, jinja.values) == ("--no-jinja", ())
    assert jinja.overridden == ("--jinja ([*] EXTRA_ARGS, line 3)",)


def test_a_switch_that_was_left_off_shows_as_off(yard):
    (_, metrics) = show(yard.profile("metrics = off\nEXTRA_ARGS = --metrics"))
    assert metrics.overridden == ("off ([p] metrics, line 5)",)


def test_nothing_changes_when_lines_and_sections_move(yard):
    changes = compare(yard.load(A + B), yard.load("# a comment\n" + B + "\n" + A))
    assert changes == Changes()
    assert not changes


def test_profiles_come_and_go(yard):
    changes = compare(yard.load(A), yard.load(B))
    assert (changes.added, changes.removed, changes.changed) == (("b",), ("a",), ())
    assert changes


def test_only_what_would_start_differently_restarts(yard):
    old = yard.load(A + "ttl = 5\n" + B + "c = 5\n")
    changes = compare(old, yard.load(A + "ttl = 6\n" + B + "c = 6\n"))
    assert changes.changed == ("a", "b")
    assert changes.restarts == ("b",)


def test_the_same_value_by_another_key_is_no_change(yard):
    assert not compare(yard.load(A + "c = 5\n"), yard.load(A + "CTX_SIZE = 5\n"))


def test_another_engine_restarts(yard):
    changes = compare(yard.load(A), yard.load(A + "engine = embedded\n"))
    assert changes.restarts == ("a",)
