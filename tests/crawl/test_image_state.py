"""When an empty first page is believed, and when its image is converted (again)."""

from __future__ import annotations

import json

import pytest

from tmapi_spiders.crawl.image_state import MOST_CONVERSIONS, Decision, Image
from tmapi_spiders.inputs.seed import Seed

FOREIGN = Seed.parse("https://shop.example/a.jpg")
ALIBABA = Seed.parse("https://cbu01.alicdn.com/a.jpg")
CONVERTED = "/search/a.jpg"


def waiting_for_its_first(*keys: str, kept: bool = False) -> Image:
    """Return a foreign image whose queries waited for its first conversion."""
    image = Image.first(FOREIGN, "auto", len(keys))
    for key in keys:
        image.wait(key)
    assert image.convert("/search/1.jpg", kept=kept) == list(keys)
    return image


@pytest.mark.parametrize(
    ("seed", "convert", "may", "first"),
    [
        (FOREIGN, "auto", True, True),
        (FOREIGN, "never", False, False),
        (ALIBABA, "auto", True, False),
        (ALIBABA, "always", True, True),
        (Seed.parse(CONVERTED), "always", False, False),
    ],
)
def test_what_is_converted_first(seed: Seed, convert: str, may: bool, first: bool) -> None:
    image = Image.first(seed, convert, 3)
    assert (image.may_convert, image.converts_first) == (may, first)
    assert image.paths == [None if first else seed.img_url]
    assert (image.expected, image.generation) == (3, 0)


def test_the_first_to_wait_asks_for_the_conversion() -> None:
    image = Image.first(FOREIGN, "auto", 3)
    assert [image.wait(key) for key in "abc"] == [True, False, False]
    assert image.convert(CONVERTED, kept=True) == ["a", "b", "c"]
    assert (image.generation, image.paths[-1], image.kept) == (1, CONVERTED, True)
    assert image.waiting == []


def test_a_conversion_that_failed_is_remembered() -> None:
    image = Image.first(FOREIGN, "auto", 2)
    image.wait("a")
    assert image.fail(422, "no") == ["a"]
    assert image.failure == (422, "the image could not be converted: no")
    assert image.converts_first
    assert not image.waiting


def test_one_that_was_not_asked_for_is_asked_for_by_the_next() -> None:
    image = Image.first(FOREIGN, "auto", 2)
    image.wait("a")
    assert image.release() == ["a"]
    assert image.failure is None
    assert image.wait("b")


def test_believed_at_once_if_the_image_may_not_be_converted() -> None:
    image = Image.first(ALIBABA, "never", 3)
    assert image.settle("a", items=False) == Decision(["a"])
    assert image.settle("b", items=False) == Decision(["b"])


def test_believed_at_once_if_an_earlier_run_has_seen_items() -> None:
    assert Image.first(ALIBABA, "auto", 3, {0}).settle("a", items=False) == Decision(["a"])
    assert Image.first(ALIBABA, "auto", 3, {1}).settle("a", items=False) == Decision()


def test_believed_by_another_querys_items() -> None:
    image = Image.first(ALIBABA, "auto", 4)
    assert image.settle("a", items=False) == image.settle("b", items=False) == Decision()
    assert image.settle("c", items=True) == Decision(["a", "b"])
    assert image.settle("d", items=False) == Decision(["d"])
    assert not image.doubtful


def test_not_believed_by_items_of_another_generation() -> None:
    image = Image.first(ALIBABA, "auto", 3)
    image.settle("a", items=False)
    assert image.settle("b", items=True, generation=1) == Decision()
    assert image.settle("c", items=None) == Decision(convert=True, doubted=1)


@pytest.mark.parametrize("last", [False, None])
def test_doubted_when_all_have_come_or_never_will(last: bool | None) -> None:
    image = Image.first(ALIBABA, "auto", 3)
    image.settle("a", items=False)
    image.settle("b", items=False)
    doubted = ["a", "b"] if last is None else ["a", "b", "c"]
    assert image.settle("c", items=last) == Decision(convert=True, doubted=len(doubted))
    assert image.waiting == doubted
    assert not image.doubtful
    assert image.convert(CONVERTED, kept=False) == doubted
    # Converted by this job: empty pages are empty, once all of them have come.
    decisions = [image.settle(key, items=False) for key in doubted]
    assert decisions == [*[Decision()] * (len(doubted) - 1), Decision(doubted)]


def test_nothing_is_converted_for_queries_that_failed() -> None:
    image = Image.first(ALIBABA, "auto", 2)
    assert image.settle("a", items=None) == image.settle("b", items=None) == Decision()


def test_those_left_out_before_the_first_conversion_are_not_waited_for() -> None:
    image = Image.first(FOREIGN, "auto", 2)
    image.wait("a")
    image.settle("b", items=None)
    image.convert(CONVERTED, kept=False)
    assert image.settle("a", items=False) == Decision(convert=True, doubted=1)


def test_believed_after_the_second_conversion() -> None:
    image = waiting_for_its_first("a", "b")
    image.settle("a", items=False)
    assert image.settle("b", items=False).convert
    image.convert("/search/2.jpg", kept=False)
    assert image.generation == MOST_CONVERSIONS
    assert image.settle("b", items=False) == Decision()
    assert image.settle("a", items=False) == Decision(["b", "a"])


@pytest.mark.parametrize("kept", [False, True])
def test_a_kept_conversion_is_doubted_again(kept: bool) -> None:
    """For an image that needed none at first; conversions by this job are not doubted."""
    image = Image.first(ALIBABA, "auto", 1)
    assert image.settle("a", items=False).convert
    image.convert("/search/1.jpg", kept=kept)
    decision = image.settle("a", items=False)
    assert decision == (Decision(convert=True, doubted=1) if kept else Decision(["a"]))
    if kept:
        image.convert("/search/2.jpg", kept=False)
        assert image.settle("a", items=False) == Decision(["a"]), "this job has paid for that"


class TestWhoGoesAhead:
    """While nothing is known about a path, one query asks by it."""

    def test_the_others_follow_a_page(self) -> None:
        image = Image.first(ALIBABA, "auto", 3)
        assert [image.ask(key) for key in "abc"] == [True, False, False]
        assert image.ask("a"), "it may ask again"
        assert image.settle("a", items=False) == Decision(ask=["b", "c"]), "an empty one, too"
        assert image.ask("d")

    def test_one_that_fails_is_followed_by_the_next(self) -> None:
        image = Image.first(ALIBABA, "auto", 3)
        for key in "abc":
            image.ask(key)
        assert image.settle("a", items=None).ask == ["b"]
        assert not image.settle("x", items=None).ask, "one that was not ahead"
        assert image.settle("b", items=True).ask == ["c"]

    def test_a_refusal_converts_for_all(self) -> None:
        image = Image.first(ALIBABA, "auto", 3)
        for key in "abc":
            image.ask(key)
        assert image.refuse("a", 422, "no", first=True) == Decision(convert=True)
        assert (image.waiting, image.is_converting) == (["a", "b", "c"], True)
        assert image.convert("/search/1.jpg", kept=False) == ["a", "b", "c"]
        assert [image.ask(key) for key in "abc"] == [True, False, False], "of the new path, too"
        assert image.settle("a", items=True).ask == ["b", "c"]
        assert image.settle("b", items=False).believed == ["b"]

    @pytest.mark.parametrize("convert", ["never", "always"])
    def test_a_refusal_fails_all_that_can_not_be_converted(self, convert: str) -> None:
        seed = Seed.parse(CONVERTED) if convert == "always" else FOREIGN
        image = Image.first(seed, convert, 3)
        assert image.ask("a")
        assert not image.ask("b")
        assert image.refuse("a", 422, "no", first=True) == Decision(failed=["a", "b"])
        assert image.failure == (422, "no")
        assert not image.is_done, "one is not begun"

    def test_known_to_be_refused(self) -> None:
        assert Image.first(ALIBABA, "auto", 3, refused=True).converts_first
        assert not Image.first(ALIBABA, "never", 3, refused=True).converts_first


class TestARefusalOnTheWay:
    def test_of_a_later_page(self) -> None:
        image = waiting_for_its_first("a", "b")
        assert image.settle("a", items=True) == Decision()
        assert image.refuse("a", 422, "no", first=False) == Decision(convert=True)
        assert image.settle("b", items=False) == Decision(["b"]), "its path had shown items"
        assert image.convert("/search/2.jpg", kept=False) == ["a"]
        assert image.is_past_first_page("a")
        assert image.ask("a")
        assert not image.is_done, "others may be refused, too"

    def test_that_comes_when_there_is_a_new_path_already(self) -> None:
        image = waiting_for_its_first("a", "b")
        image.settle("a", items=True)
        image.settle("b", items=True)
        image.refuse("a", 422, "no", first=False)
        assert image.refuse("b", 422, "no", first=False) == Decision(), "it waits with the other"
        image.convert("/search/2.jpg", kept=False)
        assert image.ask("a")
        late = image.refuse("c", 422, "no", first=False, generation=1)
        assert late == Decision(), "behind the one that goes ahead"
        assert image.read().ask == ["c"]
        assert image.refuse("d", 422, "no", first=False, generation=1) == Decision(ask=["d"])

    def test_no_more_than_two_conversions_are_paid(self) -> None:
        image = waiting_for_its_first("a", kept=True)
        for _ in range(MOST_CONVERSIONS):
            assert image.refuse("a", 422, "no", first=True).convert
            image.convert("/search/n.jpg", kept=False)
        assert image.refuse("a", 422, "no", first=True) == Decision(failed=["a"])

    def test_what_was_doubtful_is_asked_again(self) -> None:
        image = Image.first(ALIBABA, "auto", 3)
        image.settle("a", items=False)
        assert image.refuse("b", 422, "no", first=True) == Decision(convert=True, doubted=1)
        assert image.settle("c", items=False) == Decision(), "it comes late: it waits, too"
        assert image.convert("/search/1.jpg", kept=False) == ["b", "a", "c"]
        for key in "abc":
            image.settle(key, items=False)
        assert image.waiting, "none has items: this job has not made sure yet"

    def test_a_conversion_that_fails_fails_those_that_come_late(self) -> None:
        image = Image.first(ALIBABA, "auto", 3)
        image.refuse("a", 422, "no", first=True)
        assert image.fail(422, "denied") == ["a"]
        assert image.settle("b", items=False) == Decision(failed=["b"])
        assert image.refuse("c", 422, "no", first=True) == Decision(failed=["c"])
        assert image.is_done


def test_it_continues_the_same_after_it_was_stored() -> None:
    image = waiting_for_its_first("a", "b", "c", kept=True)
    steps: list[tuple[str, bool | None]] = [("c", False), ("a", None), ("b", False)]
    for key, items in steps:
        written = json.loads(json.dumps(image.to_json() | {"version": 7}))
        again = Image.from_json(written)
        assert again == image
        assert again.settle(key, items=items) == image.settle(key, items=items)
    assert again == image
    assert image.waiting == ["c", "b"]
    image.fail(None, "no answer")
    assert Image.from_json(json.loads(json.dumps(image.to_json()))) == image


def test_copies_share_nothing() -> None:
    written = waiting_for_its_first("a", "b").to_json()
    image, other = Image.from_json(written), Image.from_json(written)
    image.settle("a", items=False)
    image.wait("b")
    image.convert(CONVERTED, kept=False)
    assert other == Image.from_json(written) != image


def test_done_when_no_first_page_is_to_come() -> None:
    image = waiting_for_its_first("a", "b")
    done = [image.is_done]
    for key, items in (("a", True), ("b", False)):
        image.settle(key, items=items)
        done.append(image.is_done)
    assert done == [False, False, True]


def test_not_done_while_one_waits_for_a_conversion_unless_that_failed() -> None:
    image = Image.first(ALIBABA, "auto", 1)
    image.settle("a", items=False)
    done = [image.is_done]
    image.fail(422, "no")
    assert [*done, image.is_done] == [False, True]
