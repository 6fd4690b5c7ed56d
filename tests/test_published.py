"""Published numbers, and the figures that stand beside them."""

from __future__ import annotations

import pandas as pd
import pytest

from oosbench import published
from oosbench.errors import PublishedError
from oosbench.recordings import data_folder


def test_every_row_has_a_source_and_a_word_of_trust_that_is_known():
    numbers = published.numbers()
    assert numbers.index.is_unique
    assert set(numbers.trust) == set(published.TRUST)
    assert set(numbers.verified) == {"yes", "no"}
    told = (data_folder() / "README.md").read_text()
    assert all(f"| {word} |" in told for word in published.TRUST)


def test_what_is_handed_out_may_be_changed():
    mine = published.numbers()
    mine.loc["xen-oos-01", "value"] = "0"
    assert published.value("xen-oos-01") == 327


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("xen-oos-1", "no published number has the id 'xen-oos-1'; near it: xen-oos-"),
        ("?", "no published number has the id '[?]'$"),
        ("kvm-01", "kvm-01 .*benchmark of OOS.* is no number but 'not found'"),
        ("pvm-04", "is no number but 'n\\+2'"),
    ],
)
def test_a_number_that_is_not_there_is_refused(number, told):
    with pytest.raises(PublishedError, match=told):
        published.value(number)


def test_prices_are_the_published_ones():
    prices = pd.read_csv(data_folder() / "prices.csv", keep_default_na=False)
    quoted = prices[prices.trust.isin(["secondary", "memory"]) & (prices.published != "")]
    assert len(quoted) > 20
    for one in quoted.itertuples():
        assert one.cycles == published.value(one.published), (one.processor, one.event)
    for number in prices.published[prices.published != ""]:
        published.value(number)
