from pygateway.supervisor.restart import FIRST_DELAY, LONGEST_DELAY, STEADY_AFTER, RestartDelay


def test_doubles_up_to_the_longest() -> None:
    delay = RestartDelay()
    assert [delay.after(0.0) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_steady_life_starts_over() -> None:
    delay = RestartDelay()
    for _ in range(8):
        delay.after(STEADY_AFTER - 0.001)
    assert delay.after(STEADY_AFTER - 0.001) == LONGEST_DELAY
    assert delay.after(STEADY_AFTER) == FIRST_DELAY
    assert delay.after(0.0) == 2 * FIRST_DELAY
