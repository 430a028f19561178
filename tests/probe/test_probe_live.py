"""Every operation's statistics against hooks on the live modules that it was exported from."""

import copy
import functools

import pytest
import torch

from app.core.graph import Constant, Parameter
from app.core.propagation import Order
from app.probe import inputs
from app.probe.interpreter import Setting
from app.probe.measure import measure
from tests.exported_models import SAMPLES, exported
from tests.graph_running import read

# Float32 sums in another order: torch's fused encoder differs from its parts by 1e-6 a layer.
SIZE = 1e-5
GRADIENT = 1e-4  # two passes through the same differences
MEMORY = 2 * 10**9


@functools.cache
def network(name):
    graph, held = read(exported(name).raw)

    def load(wanted: Parameter | Constant):
        return held[wanted.stored].detach().numpy()

    return graph, load


def measured(name, **ordered):
    graph, load = network(name)
    order = Order(schemes=(), checkpoint=True, seeds=1, batch=4, mode="eval", **ordered)
    found = measure(graph, order, load=load, memory_bytes=MEMORY, device="cpu")
    return graph, order, found.series[0]


def live_inputs(graph, order, replica):
    setting = Setting(device=torch.device("cpu"), dtype=torch.float32, training=False)
    given = inputs.drawn(graph, order, setting, replica=replica, size=graph.batch, seed=0)
    return [given[each.name] for each in graph.inputs]


def hooked(model, given):
    """The output of every module that is called once, by its path."""
    seen: dict[str, list[torch.Tensor]] = {}

    def keep(path):
        def hook(_module, _given, output):
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, torch.Tensor):
                seen.setdefault(path, []).append(first.detach().clone())

        return hook

    handles = [m.register_forward_hook(keep(path)) for path, m in model.named_modules() if path]
    with torch.no_grad():
        model(*given)
    for handle in handles:
        handle.remove()
    return {path: calls[0] for path, calls in seen.items() if len(calls) == 1}


def by_hooks(name, graph, order):
    model = copy.deepcopy(exported(name).model).eval()
    sides = [hooked(model, live_inputs(graph, order, replica)) for replica in (0, 1)]
    return {path: (a, sides[1][path]) for path, a in sides[0].items() if path in sides[1]}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_statistics_are_those_of_forward_hooks(name):
    graph, order, series = measured(name, backward=False)
    hooks, compared = by_hooks(name, graph, order), 0
    for layer in series.layers:
        if layer.name not in hooks:
            continue
        a, b = (x.double() for x in hooks[layer.name])
        both = torch.cat([a.reshape(-1), b.reshape(-1)])
        if not both.is_floating_point() or not torch.isfinite(both).all():
            continue
        found, compared = layer.forward, compared + 1
        rms = float(both.square().mean().sqrt())
        assert found.rms == pytest.approx(rms, rel=SIZE), layer.name
        assert found.mean == pytest.approx(float(both.mean()), abs=SIZE * rms), layer.name
        assert found.std == pytest.approx(float(both.std(correction=0)), rel=SIZE), layer.name
        share = float((a - b).square().mean().div(2).sqrt()) / rms
        assert found.input_share == pytest.approx(min(1.0, share), abs=SIZE), layer.name
        assert sum(found.histogram) == both.numel()
    assert compared >= 1 or not hooks


def gradients_of_live(name, graph, order):
    """Sums over both replicas of the parameters' gradients, for the run's own cotangents."""
    from app.probe.draws import stream

    model = copy.deepcopy(exported(name).model).eval()
    for replica in (0, 1):
        found = torch.utils._pytree.tree_leaves(model(*live_inputs(graph, order, replica)))
        ends = [
            (x, torch.randn(x.shape, generator=stream(0, "cotangent", output, replica)))
            for x, output in zip(found, graph.outputs, strict=True)
            if x.is_floating_point() and x.requires_grad
        ]
        torch.autograd.backward([x for x, _ in ends], [g for _, g in ends])
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"post_norm", "pre_norm"}))
def test_gradients_of_parameters_are_those_of_the_live_network(name):
    graph, order, series = measured(name)
    live, compared = gradients_of_live(name, graph, order), 0
    largest = max(float(g.square().mean().sqrt()) for g in live.values())
    for gradient in series.gradients:
        if gradient.name in live and gradient.grad_rms is not None:
            expected = float(live[gradient.name].double().square().mean().sqrt())
            close = pytest.approx(expected, rel=GRADIENT, abs=1e-6 * largest)
            assert gradient.grad_rms == close, gradient.name
            compared += 1
    assert compared >= 1


@pytest.mark.parametrize("name", ["resnet18", "vit", "gpt", "swin", "densenet"])
def test_blocks_give_the_numbers_of_one_pass(name):
    graph, load = network(name)
    order = Order(seeds=1, batch=4, mode="train")
    whole = measure(graph, order, load=load, memory_bytes=MEMORY, device="cpu")
    limit = least_memory(graph, order)
    parts = measure(graph, order, load=load, memory_bytes=limit, device="cpu")
    assert any("blocks" in note for note in parts.notes)
    for a, b in zip(whole.series[0].layers, parts.series[0].layers, strict=True):
        assert a.forward == b.forward
        if a.backward is not None and a.backward.grad_rms is not None:
            assert b.backward.grad_rms == pytest.approx(a.backward.grad_rms, rel=GRADIENT)
    for a, b in zip(whole.series[0].gradients, parts.series[0].gradients, strict=True):
        assert b.grad_rms == pytest.approx(a.grad_rms, rel=GRADIENT, abs=1e-9)


def least_memory(graph, order):
    """The smallest need of any way to cut the run."""
    from app.probe.inputs import replicas
    from app.probe.segments import Costs, cheapest
    from app.probe.trace import trace

    size = replicas(graph, order.batch).size
    traced = trace(graph, dtype=torch.float32, training=True, size=size)
    costs = Costs(traced, operations=len(graph.nodes))
    return cheapest(costs, limit=0, backward=True).bytes
