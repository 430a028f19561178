from __future__ import annotations

from app.web.limits import Limit


def test_a_limit_forgets_the_callers_that_were_silent_longest():
    limit = Limit(1)
    for number in range(5000):
        limit.count(str(number))
    assert limit.wait("0") == 0
    assert 0 < limit.wait("4999") <= 60
