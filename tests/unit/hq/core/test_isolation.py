"""A job's isolation is a minimum: it goes to machines that have it, and to no others."""

import pytest

from schemas.facts import MachineFacts
from schemas.isolation import LEVELS, Isolation, choose_level, strongest
from schemas.specs import Needs
from tests.unit.hq.core.small_house import SmallHouse, spec


def offered_jobs(house: SmallHouse) -> list[str]:
    return [offer.job for offer in house.offers("attic")]


@pytest.mark.parametrize(
    ("offered", "wanted", "level"),
    [
        (("basic", "strict"), "none", "basic"),
        (("basic", "strict"), "basic", "basic"),
        (("basic", "strict"), "strict", "strict"),
        (("strict",), "none", "strict"),
        (("strict",), "basic", "strict"),
        (("basic",), "basic", "basic"),
        (("basic",), "strict", None),
        (("none",), "none", "none"),
        (("none",), "basic", None),
        ((), "none", None),
    ],
)
def test_a_job_gets_the_weakest_level_that_will_do_and_never_a_weaker_one(
    offered: tuple[Isolation, ...], wanted: Isolation, level: Isolation | None
) -> None:
    assert choose_level(wanted, offered) == level


def test_the_strongest_level_of_a_machine_without_any_is_none() -> None:
    assert [strongest(offered) for offered in (("basic", "strict", "none"), ("basic",), ())] == [
        "strict",
        "basic",
        "none",
    ]


@pytest.mark.parametrize("wanted", LEVELS)
@pytest.mark.parametrize("offered", [("none",), ("basic",), ("basic", "strict"), ("strict",)])
def test_hq_offers_a_job_only_where_its_isolation_is(
    house: SmallHouse, wanted: Isolation, offered: tuple[Isolation, ...]
) -> None:
    house.boot(facts=MachineFacts(isolation=offered))

    (job,) = house.submit(spec(needs=Needs(isolation=wanted)))

    fits = LEVELS.index(strongest(offered)) >= LEVELS.index(wanted)
    assert (job in offered_jobs(house)) == fits


def test_a_machine_that_says_nothing_of_isolation_is_basic(house: SmallHouse) -> None:
    house.boot(facts=MachineFacts())
    strict, basic = house.submit(spec(needs=Needs(isolation="strict")), spec())

    assert (strict in offered_jobs(house), basic in offered_jobs(house)) == (False, True)
