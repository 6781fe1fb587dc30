from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pygateway.upstream.balancer import LeastRequests, RoundRobin


@dataclass(eq=False)
class Candidate:
    name: str
    weight: int = 1
    load: int = 0


def test_round_robin_spreads_a_heavy_candidate_instead_of_choosing_it_in_a_row() -> None:
    balancer = RoundRobin([Candidate("a", 5), Candidate("b"), Candidate("c")])
    chosen = [balancer.choose() for _ in range(7)]
    assert "".join(candidate.name for candidate in chosen if candidate) == "aabacaa"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5))
def test_round_robin_gives_each_its_exact_share_in_every_cycle(
    weights: list[int], cycles: int
) -> None:
    candidates = [Candidate(str(index), weight) for index, weight in enumerate(weights)]
    balancer = RoundRobin(candidates)
    chosen = Counter(balancer.choose() for _ in range(sum(weights) * cycles))
    assert chosen == {candidate: candidate.weight * cycles for candidate in candidates}


def test_round_robin_skips_the_excluded_and_gives_none_when_all_are() -> None:
    first, second = Candidate("a"), Candidate("b")
    balancer = RoundRobin([first, second])
    assert {balancer.choose({first}) for _ in range(4)} == {second}
    assert balancer.choose({first, second}) is None
    assert RoundRobin([first]).choose({first}) is None


def test_least_requests_takes_the_least_busy_in_proportion_to_weight() -> None:
    busy, strong = Candidate("busy", load=3), Candidate("strong", weight=4, load=7)
    balancer = LeastRequests([busy, strong])
    assert {balancer.choose() for _ in range(4)} == {strong}
    strong.load = 20
    assert {balancer.choose() for _ in range(4)} == {busy}


def test_least_requests_shares_evenly_among_equals() -> None:
    candidates = [Candidate(name) for name in "abc"]
    balancer = LeastRequests(candidates)
    assert Counter(balancer.choose() for _ in range(9)) == dict.fromkeys(candidates, 3)


def test_least_requests_skips_the_excluded_and_gives_none_when_all_are() -> None:
    first, second = Candidate("a"), Candidate("b", load=9)
    balancer = LeastRequests([first, second])
    assert balancer.choose({first}) is second
    assert balancer.choose({first, second}) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), min_size=1, max_size=6))
def test_least_requests_never_prefers_a_busier_one(states: list[tuple[int, int]]) -> None:
    candidates = [Candidate("", weight, load) for weight, load in states]
    chosen = LeastRequests(candidates).choose()
    assert chosen is not None
    least = min((candidate.load + 1) / candidate.weight for candidate in candidates)
    assert (chosen.load + 1) / chosen.weight == least


STATES = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=6)


@given(st.sampled_from([RoundRobin, LeastRequests]), STATES, st.integers(1, 20))
def test_who_would_be_next_is_known_and_stays_so(
    kind: type[RoundRobin[Candidate] | LeastRequests[Candidate]],
    states: list[tuple[int, int]],
    times: int,
) -> None:
    candidates = [Candidate(str(index), *state) for index, state in enumerate(states)]
    balancer = kind(candidates)
    for _ in range(times):
        expected = balancer.peek()
        assert balancer.peek() is expected
        assert balancer.choose() is expected
