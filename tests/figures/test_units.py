"""Sizes, times, speeds and counts as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.figures import units


@pytest.mark.parametrize(
    ("worded", "said"),
    [
        (units.mib(None), ""), (units.mib(512), "512 MiB"), (units.mib(2970), "2.9 GiB"),
        (units.seconds(None), ""), (units.seconds(12.44), "12.4 s"),
        (units.seconds(185), "3 min 05 s"), (units.seconds(7800), "2 h 10 min"),
        (units.speed(None), ""), (units.speed(54.21), "54.2 t/s"), (units.speed(105.3), "105 t/s"),
        (units.percent(None), ""), (units.percent(0.43), "43 %"), (units.percent(0.999), "99 %"),
        (units.percent(1.0), "100 %"), (units.percent(-1.0), "0 %"), (units.percent(7.0), "100 %"),
        (units.tokens(None), ""), (units.tokens(131072), "128k"), (units.tokens(40000), "40000"),
        (units.tokens(512), "512"), (units.tokens(0), "0"),
        (units.amount(812), "812"), (units.amount(12_340), "12.3 k"),
        (units.amount(999_949), "999.9 k"), (units.amount(999_950), "1.0 M"),
        (units.rate(None), ""), (units.rate(0.4), "0.4 MB/s"), (units.rate(9.49), "10 MB/s"), (units.rate(810.6), "850 MB/s"), (units.rate(1899.0), "2.0 GB/s"),
        (units.age(0.0), "0 s"), (units.age(-3.0), "0 s"), (units.age(59.9), "59 s"),
        (units.age(60), "1 min"), (units.age(7300), "2 h"), (units.age(5.5 * 86400), "5 d"),
        (units.ago(9.0), "just now"), (units.ago(185), "3 min ago"),
        (units.count_or_no(0, "error"), "no errors"), (units.count_or_no(1, "error"), "1 error"),
        (units.plural(1, "lies", "lie"), "lies"), (units.plural(0, "lies", "lie"), "lie"),
        (units.count(1, "request"), "1 request"), (units.count(0, "request"), "0 requests"),
        (units.unix("1970-01-01T00:01:00Z"), 60.0), (units.unix(""), None),
    ],
)  # fmt: skip
def test_numbers_and_times_as_people_read_them(worded: object, said: object) -> None:
    assert worded == said


@given(st.floats(0, 1e12))
def test_every_duration_and_size_has_words(value: float) -> None:
    for said in (units.mib, units.seconds, units.speed, units.rate, units.age, units.ago):
        assert said(value)
