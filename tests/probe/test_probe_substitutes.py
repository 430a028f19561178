"""Operators that stand in for others give what those give."""

import torch

from app.probe.substitutes import IN_TRAINING, INSTEAD

DRAW = torch.Generator().manual_seed(0)


def test_a_copy_takes_the_targets_shape_and_dtype():
    target, source = torch.zeros(3, 4, dtype=torch.float64), torch.rand(4, generator=DRAW)
    found = INSTEAD["aten.copy.default"](target, source)
    assert torch.equal(found, torch.ops.aten.copy.default(target, source))


def test_a_copy_passes_its_gradient_on():
    source = torch.rand(4, generator=DRAW).requires_grad_()
    INSTEAD["aten.copy.default"](torch.zeros(3, 4), source).sum().backward()
    assert source.grad.tolist() == [3.0] * 4


def test_attention_is_that_of_the_cpu():
    q, k, v = (torch.randn(1, 2, 5, 8, generator=DRAW) for _ in range(3))
    own = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
    name = "aten._scaled_dot_product_flash_attention_for_cpu.default"
    found, _ = INSTEAD[name](q, k, v, 0.0, True, scale=0.5)
    torch.testing.assert_close(found, own(q, k, v, 0.0, True, scale=0.5)[0])


def test_an_inference_batch_norm_in_training_takes_the_batchs_statistics():
    x, weight, bias = torch.randn(6, 3, 4, generator=DRAW), torch.ones(3), torch.zeros(3)
    name = "aten._native_batch_norm_legit_no_training.default"
    found = IN_TRAINING[name](x, weight, bias, bias + 5, weight, 0.1, 1e-5)[0]
    expected = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True)
    torch.testing.assert_close(found, expected)
