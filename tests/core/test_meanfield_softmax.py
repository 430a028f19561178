import numpy as np
import pytest

from app.core.meanfield.nonlinear.softmax import concentration


def sampled(count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    logits = spread * np.random.default_rng(0).standard_normal((4000, count))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1, keepdims=True)
    return (weights**2).sum(axis=1), (weights**3).sum(axis=1)


@pytest.mark.parametrize("count", [2, 64])
@pytest.mark.parametrize("spread", [0.5, 2.4, 2.6, 8.0, 30.0])
def test_a_softmaxs_weights_are_as_concentrated_as_those_that_are_drawn(count: int, spread: float):
    found = concentration(np.array([float(count)]), np.array([spread**2]))
    for value, drawn in zip(found, sampled(count, spread), strict=True):
        # 4 standard errors, and a percent for logits so wide that the law 1/s stands for them.
        assert value[0] == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 63 + 0.01)


def test_logits_of_any_size_leave_a_number():
    square, cube = concentration(np.array([1.0, 16.0]), np.array([1e6, 1e12]))
    assert square[0] == cube[0] == 1.0
    assert 0.99 < cube[1] <= square[1] <= 1.0
