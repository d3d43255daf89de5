import mlx.core as mx
import numpy as np
import pytest

from lora_trainer.job import read_train_job
from lora_trainer.learning_rate import rate_at
from lora_trainer.on_mlx.optimizer import LoraOptimizer


@pytest.fixture
def job(make_job):
    return read_train_job(make_job(learningRate=1e-2, learningRateRatioB=4, warmupRatio=0.1, weightDecay=0.1))


def test_rate_at_warms_up_and_falls_to_its_end(job):
    rates = [rate_at(step, 100, job) for step in range(100)]

    assert rates[0] == pytest.approx(1e-2 / 11)
    assert max(rates) == rates[10] == pytest.approx(1e-2)
    assert all(first < second for first, second in zip(rates[:10], rates[1:11]))
    assert all(first > second for first, second in zip(rates[10:], rates[11:]))
    assert rates[-1] == pytest.approx(1e-3, rel=0.01)


def adamw(parameter, gradients, rate, decay):
    """Loshchilov and Hutter, with bias correction."""
    first = second = 0.0
    for step, gradient in enumerate(gradients, start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        parameter = parameter * (1 - rate * decay)
        parameter = parameter - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return parameter


def steps(job, count, restart_after=None):
    chance = np.random.default_rng(0)
    parameters = {f"layers.0.q.lora_{part}": mx.array(chance.normal(size=(2, 3)).astype(np.float32)) for part in "ab"}
    start = {name: np.array(array, dtype=np.float64) for name, array in parameters.items()}
    gradients = [{name: chance.normal(size=(2, 3)).astype(np.float32) for name in parameters} for _ in range(count)]
    optimizer = LoraOptimizer(parameters, job)
    for number, gradient in enumerate(gradients):
        if number == restart_after:
            saved = optimizer.arrays()
            mx.eval(saved)
            optimizer = LoraOptimizer(parameters, job)
            optimizer.load(saved)
        parameters = optimizer.apply({name: mx.array(g) for name, g in gradient.items()}, parameters, 1e-2)
        mx.eval(parameters)
    return start, gradients, parameters


def test_apply_is_bias_corrected_adamw_with_a_higher_rate_for_b(job):
    start, gradients, parameters = steps(job, 5)

    for name, ratio in (("layers.0.q.lora_a", 1), ("layers.0.q.lora_b", 4)):
        expected = adamw(start[name], [gradient[name] for gradient in gradients], 1e-2 * ratio, 0.1)
        np.testing.assert_allclose(np.array(parameters[name]), expected, atol=1e-5)


def test_load_goes_on_as_if_nothing_had_happened(job):
    _, _, whole = steps(job, 6)
    _, _, resumed = steps(job, 6, restart_after=3)

    for name, array in whole.items():
        np.testing.assert_array_equal(np.array(array), np.array(resumed[name]))
