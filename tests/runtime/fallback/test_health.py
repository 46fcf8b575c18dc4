"""How long a failed engine rests, and who tries it afterwards."""

from vivavoce.fallback.health import FIRST_REST_S, LONGEST_REST_S, Health


def fail(health, now):
    trial = health.begin(now)
    trial.failed(now, "broke")
    trial.ended()


def succeed(health, now):
    trial = health.begin(now)
    trial.answered()
    trial.ended()


def test_rests_double_up_to_a_bound_and_begin_anew_after_a_success():
    health, now, rests = Health(), 0.0, []
    for _ in range(8):
        fail(health, now)
        rests.append(health.rest_s(now))
        now += rests[-1]
    assert rests == [FIRST_REST_S, 4, 8, 16, 32, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]
    assert (health.failures, health.error) == (8, "broke")
    succeed(health, now)
    assert (health.rest_s(now), health.failures, health.error) == (None, 0, None)
    fail(health, now)
    assert health.rest_s(now) == FIRST_REST_S


def test_after_the_rest_one_call_at_a_time_tries_it():
    health = Health()
    fail(health, 0.0)
    assert not health.is_open(FIRST_REST_S - 0.1)
    assert health.is_open(FIRST_REST_S)
    probe = health.begin(FIRST_REST_S)
    assert not health.is_open(FIRST_REST_S)
    probe.ended()  # cut short before it gave anything
    assert health.is_open(FIRST_REST_S)
    probe = health.begin(FIRST_REST_S)
    probe.answered()
    assert health.is_open(FIRST_REST_S)
    assert health.failures == 1  # it has yet to end well
    probe.ended()
    assert health.failures == 0


def test_a_probe_that_fails_lengthens_the_rest():
    health = Health()
    fail(health, 0.0)
    fail(health, 10.0)
    assert health.rest_s(10.0) == 2 * FIRST_REST_S


def test_many_calls_that_fail_together_count_as_one():
    health = Health()
    trials = [health.begin(0.0) for _ in range(5)]
    for trial in trials:
        trial.failed(1.0, "broke")
        trial.ended()
    assert (health.failures, health.rest_s(1.0)) == (1, FIRST_REST_S)


def test_one_that_gives_a_little_and_breaks_each_time_rests_longer_each_time():
    health = Health()
    for now, rest_s in ((0.0, 2), (2.0, 4), (6.0, 8)):
        trial = health.begin(now)
        trial.answered()
        trial.failed(now, "broke")
        trial.ended()
        assert health.rest_s(now) == rest_s
