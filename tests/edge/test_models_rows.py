"""One list of files and of what nodes have: what is the same is one row, and what a person said stays with it."""

import pytest

from daemon.core.decide.models import judge, taken_back
from daemon.library.models.candidates import candidates, worth
from daemon.library.models.filters import matching, ordered, parse
from daemon.library.models.naming import Unknown, chosen, the_one
from daemon.library.models.reading import Known
from daemon.library.models.rows import Owned, Used, judged, rows, verdict
from daemon.library.models.told import Summary
from schema.commands import JudgeModels
from schema.errors import Refused
from schema.models import ModelFavoured, ModelKey, ModelRated, ModelTagged, ModelVerdict

NOW = 2_000_000_000.0


def file(name, key="", list_="loras", short=False, added=NOW, **said):
    return Known(
        path=f"/m/{list_}/{name}.safetensors", list=list_, name=name, stamp=(7, 0, 0), key=ModelKey(key or name * 3),
        added=added, said=Summary(**said), short=short, broken=short, trouble="cut" if short else "",
    )  # fmt: skip


def owned(name, node="box", list_="loras", backend="webui"):
    return Owned(list_, name, node, backend)


def told(found):
    return [(one.row.name, one.row.nodes, bool(one.row.path)) for one in found]


def said(**models):
    return {ModelKey(key): ModelVerdict(model=ModelKey(key), **each) for key, each in models.items()}


# One list ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled", ["haze", "haze.safetensors", "Haze", "sub/haze.safetensors [ab12cd34ef]", "sub\\haze"]
)
def test_every_servers_spelling_of_a_file_is_its_row(spelled):
    found = rows([file("sub/haze")], [owned(spelled), owned("other", "den")])

    assert sorted(told(found), key=lambda one: one[2]) == [("other", ("den",), False), (spelled, ("box",), True)]


def test_a_short_spelling_of_two_files_is_neither():
    found = rows([file("a/haze"), file("b/haze")], [owned("haze")])

    assert [one.row.nodes for one in found] == [(), (), ("box",)]


def test_nodes_share_a_row_whatever_they_write():
    found = rows([], [owned("haze", "one"), owned("sub/haze.safetensors", "two"), owned("haze.pt", "three")])

    assert len(found) == 1 and set(found[0].row.nodes) == {"one", "two", "three"}


def test_two_files_of_one_content_are_two_names_with_one_key():
    found = rows([file("a", "k"), file("b", "k")], [])

    assert [one.row.key for one in found] == ["k", "k"]
    tagged = judged(found, said(k={"tags": ("sea",)}), {})
    assert [one.row.tags for one in tagged] == [("sea",), ("sea",)]


def test_what_is_not_known_is_flagged():
    bare, full = rows([file("a"), file("b", triggers=("b",), base="sdxl", described=True)], [])

    assert bare.row.missing == ("triggers", "base", "preview", "description")
    assert full.row.missing == ("preview",)
    assert rows([], [owned("c")])[0].row.missing == ()


# What a person said --------------------------------------------------------------------------------


def test_what_was_said_of_a_name_stays_when_its_file_comes():
    there = judged(rows([], [owned("sub/haze.safetensors")]), {}, {})
    [first] = verdict(there[0], {})
    known = {first.model: ModelVerdict(model=first.model, tags=("sea",), stars=4)}

    with_file = judged(rows([file("sub/haze", "k")], [owned("sub/haze.safetensors")]), known, {})

    assert (with_file[0].row.tags, with_file[0].row.stars, with_file[0].row.key) == (("sea",), 4, "k")
    assert [each.other for each in verdict(with_file[0], known)] == [False, True]


def test_what_was_said_while_it_was_written_stays_when_it_is_whole():
    growing = rows([file("haze", "half", short=True)], [])
    assert growing[0].row.key == "name:loras/haze"
    known = said(**{"name:loras/haze": {"tags": ("new",)}})

    assert judged(rows([file("haze", "whole")], []), known, {})[0].row.tags == ("new",)


def test_only_what_is_taken_away_is_taken_away_everywhere():
    models = (
        ModelVerdict(model=ModelKey("k"), name="haze", tags=("a",), favourite=False),
        ModelVerdict(model=ModelKey("name:loras/haze"), name="haze", tags=("b",), stars=4, other=True),
    )

    assert judge(JudgeModels(models=models, add=("c",), remove=("b",))) == [
        ModelTagged(model="k", name="haze", added=("c",)),
        ModelTagged(model="name:loras/haze", name="haze", removed=("b",)),
    ]
    assert judge(JudgeModels(models=models, stars=0)) == [
        ModelRated(model="name:loras/haze", name="haze", stars=0, was=4)
    ]
    assert judge(JudgeModels(models=models, stars=5, favourite=True)) == [
        ModelRated(model="k", name="haze", stars=5, was=0),
        ModelFavoured(model="k", name="haze", now=True),
    ]


def test_a_verdict_taken_back_twice_is_the_verdict():
    for event in (
        ModelTagged(model="k", added=("a",), removed=("b",)),
        ModelRated(model="k", stars=3, was=1),
        ModelFavoured(model="k", now=True),
    ):
        assert taken_back(event) != event and taken_back(taken_back(event)) == event


def test_a_persons_word_on_favourites_counts_more_than_a_sidecars():
    found = rows([file("a", "k", favourite=True)], [])

    assert judged(found, {}, {})[0].row.favourite
    assert not judged(found, said(k={"favourite": False}), {})[0].row.favourite


# FILTERs -------------------------------------------------------------------------------------------


@pytest.fixture
def shelf():
    files = [
        file("haze", "h", triggers=("sea haze",), base="pony", tags=("soft",), added=NOW - 60),
        file("ink", "i", base="sd1", triggers=("inkish",), added=NOW - 86_400 * 9),
        file("toy", "t", "models", base="sdxl", added=NOW - 86_400 * 9),
        file("cut", "c", short=True, added=NOW - 86_400 * 9),
    ]
    verdicts = said(h={"tags": ("mine",), "stars": 4}, i={"favourite": True})
    return judged(rows(files, [owned("ink", "box")]), verdicts, {("loras", "haze"): Used(3, 4.5)})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {"haze", "ink", "toy", "cut"}),
        ("list:loras", {"haze", "ink", "cut"}),
        ("list:lora haze", {"haze"}),
        ("base:sdxl", {"haze", "toy"}),
        ("base:pony", {"haze"}),
        ("tag:mine", {"haze"}),
        ("tag:soft", {"haze"}),
        ('trigger:"sea haze"', {"haze"}),
        ("stars:>=4", {"haze"}),
        ("uses:0 list:loras", {"ink", "cut"}),
        ("favourite:yes", {"ink"}),
        ("favorite:no missing:triggers", {"cut"}),
        ("node:box", {"ink"}),
        ("local:no", set()),
        ("trouble:yes", {"cut"}),
        ("since:1h", {"haze"}),
        ("INKISH", {"ink"}),
    ],
)
def test_filters_choose(shelf, text, names):
    assert {one.row.name for one in matching(shelf, parse(text, NOW))} == names


@pytest.mark.parametrize(
    "text",
    ["foo:bar", "stars:many", "tag:", "favourite:perhaps", "missing:teeth", "since:soon", '"open', "since:9e99d"],
)
def test_a_filter_that_means_nothing_is_refused_with_its_word(text):
    with pytest.raises(Refused) as fault:
        parse(text, NOW)

    assert text.strip('"') in fault.value.where and fault.value.remedy


def test_favourites_come_first_within_every_order_that_is_asked_for(shelf):
    assert ordered(list(shelf), "")[0].row.name == "ink"
    assert ordered(list(shelf), "newest")[0].row.name == "haze"
    assert ordered(list(shelf), "-name")[0].row.name == "toy"
    with pytest.raises(Refused):
        ordered(list(shelf), "colour")


def test_words_name_models(shelf):
    assert the_one(shelf, "haze").row.key == "h"
    assert the_one(shelf, "loras/haze.safetensors").row.key == "h"
    assert [one.row.name for one in chosen(shelf, ["ink", "tag:mine", "haze"], NOW)] == ["ink", "haze"]
    with pytest.raises(Unknown, match="The nearest are haze"):
        the_one(shelf, "hase")
    with pytest.raises(Unknown):
        chosen(shelf, ["stars:1"], NOW)
    twins = rows([file("a/x", "1"), file("b/x", "2")], [])
    with pytest.raises(Refused, match="fits 2 models"):
        the_one(twins, "x")
    copies = rows([file("a/x", "1"), file("b/x", "1")], [])
    assert the_one(copies, "x").row.key == "1"


# LoRAs that fit a prompt ----------------------------------------------------------------------------


def names(found):
    return [one.name for one in found if one.score > 0]


def test_loras_are_matched_by_words_and_the_better_liked_of_equals_comes_first():
    files = [
        file("haze", "h", triggers=("sea haze",), tags=("fog",)),
        file("mist", "m", tags=("fog",)),
        file("liked", "l", tags=("fog",)),
        file("ink", "i", triggers=("ink wash",)),
    ]
    found = judged(rows(files, []), said(l={"stars": 5, "favourite": True}), {("loras", "mist"): Used(9, 1.5)})

    fits = candidates(found, "a harbour in fog <lora:ink wash:1>")

    assert names(fits) == ["liked", "haze", "mist"]
    assert candidates(found, "an ink wash")[0].name == "ink"
    assert fits[-1].score == 0.0  # those that do not fit come last


def test_loras_for_another_base_are_left_out_and_broken_ones_too():
    files = [file("a", "a", base="pony", tags=("sea",)), file("b", "b", base="sd1", tags=("sea",)),
             file("c", "c", tags=("sea",)), file("d", "d", tags=("sea",), short=True)]  # fmt: skip

    assert {one.name for one in candidates(rows(files, []), "sea", "sdxl")} == {"a", "c"}


def test_where_nodes_say_what_they_have_only_that_is_chosen():
    found = rows([file("here"), file("there")], [owned("there.safetensors")])

    assert [one.name for one in candidates(found, "here there")] == ["there"]


def test_few_ratings_prove_little():
    def row(rating, uses):
        return judged(rows([file("a", "a")], []), {}, {("loras", "a"): Used(uses, rating)})[0].row

    assert worth(row(5.0, 1)) < worth(row(4.6, 40)) < worth(row(5.0, 40))
    assert worth(row(1.0, 40)) < worth(row(None, 0)) < worth(row(5.0, 1))
