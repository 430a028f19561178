"""Models drawn by torch under known seeds: found, replayed, and never wrongly."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from app.core.search import FAVOURITES, all_seeds, common_seeds, seed_of
from app.core.seeds import recover
from app.core.targets import Sought

torch.set_num_threads(1)
LARGE = 3_000_000_019  # above every seed that is tried without being asked


def sought(tensors, *, bounds=(), stds=()):
    return [
        Sought(
            index=index,
            values=tensor.detach().numpy().reshape(-1).copy(),
            row=tensor.shape[-1] if tensor.dim() > 1 else 1,
            bounds=bounds,
            stds=stds,
            default="uniform",
            matrix=tensor.dim() > 1,
        )
        for index, tensor in enumerate(tensors)
    ]


def parameters(model):
    return sought(model.parameters())


def verdicts(recovery):
    return [origin.verdict for origin in recovery.tensors]


def seeds(recovery):
    return [found.seed for found in recovery.seeds]


def perceptron(seed, *, before=0):
    torch.manual_seed(seed)
    torch.empty(before).uniform_()
    return nn.Sequential(nn.Linear(40, 60), nn.ReLU(), nn.Linear(60, 30))


def test_three_values_drawn_first_name_a_seed_below_ten_million():
    torch.manual_seed(9_999_991)
    three = torch.empty(3).uniform_(-0.1, 0.1)
    assert seed_of(sought([three], bounds=(0.1,)), common_seeds()) == 9_999_991


def test_a_small_normal_tensor_drawn_first_names_its_seed():
    torch.manual_seed(31337)
    assert seed_of(sought([torch.empty(100).normal_(0, 0.3)]), [(0, 10**5)]) == 31337


def test_a_seed_outside_the_ranges_is_not_found():
    torch.manual_seed(200_000)
    values = torch.empty(100).uniform_(-0.1, 0.1)
    assert seed_of(sought([values]), [(0, 10**5)]) is None


def test_ranges_shared_by_threads_find_the_same_seed():
    torch.manual_seed(700_000)
    values = sought([torch.empty(100).uniform_(-0.1, 0.1)])
    assert seed_of(values, [(0, 10**6)], threads=2) == 700_000


def test_dates_and_favourites_are_among_the_common_seeds():
    for seed in (0, 42, 3407, 20240131, 31121999, *FAVOURITES):
        assert any(first <= seed < last for first, last in common_seeds())


def test_every_seed_is_among_all_seeds():
    ranges = sorted(all_seeds())
    reached = 0
    for first, last in ranges:
        assert first <= reached
        reached = max(reached, last)
    assert reached == 2**32


def test_progress_is_told_and_may_end_the_search():
    class Enough(Exception):
        pass

    def tell(done, total):
        assert 0 < done <= total
        raise Enough

    values = sought([torch.rand(100)])
    with pytest.raises(Enough):
        seed_of(values, [(0, 10**7)], on_progress=tell)


@pytest.mark.parametrize("before", [0, 12_345])
def test_any_32_bit_seed_is_solved_for_anywhere_in_its_stream(before):
    found = recover(parameters(perceptron(LARGE, before=before)))
    assert seeds(found) == [LARGE]
    assert verdicts(found) == ["from_stream"] * 4
    assert [one.stream_offset for one in found.tensors] == [
        before + n for n in (0, 2400, 2460, 4260)
    ]


def test_normal_draws_are_solved_for_as_well():
    torch.manual_seed(LARGE)
    torch.empty(999).uniform_()
    found = recover(sought([nn.init.kaiming_normal_(torch.empty(60, 81))]))
    assert (seeds(found), verdicts(found)) == ([LARGE], ["from_stream"])
    assert found.tensors[0].std == float(np.float32(math.sqrt(2 / 81)))


@pytest.mark.parametrize(
    "init",
    [
        nn.init.kaiming_uniform_,
        nn.init.kaiming_normal_,
        nn.init.xavier_uniform_,
        nn.init.xavier_normal_,
        lambda w: nn.init.normal_(w, 1.0, 0.02),
        nn.init.uniform_,
    ],
)
def test_a_layer_drawn_again_is_found_behind_the_others(init):
    model = perceptron(1234)
    with torch.no_grad():
        init(model[0].weight)
    found = recover(parameters(model))
    assert verdicts(found) == ["from_stream"] * 4
    assert found.tensors[0].stream_offset == 4290
    assert found.seeds[0].order == (1, 2, 3, 0)
    assert [(gap.offset, gap.outputs) for gap in found.seeds[0].gaps] == [(0, 2400)]


def test_a_layer_of_another_library_is_named():
    model = perceptron(5)
    with torch.no_grad():
        model[2].weight.copy_(torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (30, 60))))
    assert verdicts(recover(parameters(model))) == [
        "from_stream", "from_stream", "not_from_stream", "from_stream",
    ]  # fmt: skip


def test_a_layer_under_another_seed_gets_its_own():
    model = perceptron(LARGE)
    torch.manual_seed(777)
    nn.init.xavier_normal_(model[0].weight)
    found = recover(parameters(model))
    assert [one.seed for one in found.tensors] == [777, LARGE, LARGE, LARGE]


def test_a_trained_layer_is_told_as_moved_and_by_how_much():
    model = perceptron(6)
    with torch.no_grad():
        model[2].weight += 1e-3 * torch.randn(30, 60)
    found = recover(parameters(model))
    assert verdicts(found) == ["from_stream", "from_stream", "moved", "from_stream"]
    # The uniform's std is 1/√(3·60) = 0.0745; 1,800 values give the ratio to 2 %.
    assert found.tensors[2].change == pytest.approx(1e-3 / 0.0745, rel=0.1)


def test_a_single_value_changed_is_told():
    model = perceptron(6)
    with torch.no_grad():
        model[0].weight[3, 4] += 1e-3
    found = recover(parameters(model))
    assert (found.tensors[0].verdict, found.tensors[0].equal) == ("moved", 2399)


def test_a_whole_model_trained_one_step_keeps_its_seed():
    model = perceptron(7)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    model(torch.randn(16, 40)).square().mean().backward()
    optimiser.step()
    found = recover(parameters(model))
    assert (seeds(found), verdicts(found)) == ([7], ["moved"] * 4)


def test_a_large_layer_that_moved_is_solved_for_anywhere_in_its_stream():
    torch.manual_seed(LARGE)
    torch.empty(5000).uniform_()
    weight = torch.empty(100, 80).uniform_(-0.1, 0.1) + 5e-4 * torch.randn(100, 80)
    found = recover(sought([weight], bounds=(0.1,)))
    assert (seeds(found), verdicts(found)) == ([LARGE], ["moved"])


def test_small_layers_all_drawn_again_are_found_behind_their_defaults():
    torch.manual_seed(54_321)
    model = nn.Sequential(nn.Linear(12, 24), nn.Linear(24, 4))
    for layer in model:
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    found = recover(parameters(model))
    assert seeds(found) == [54_321]
    # 288 + 24 + 96 + 4 outputs of the defaults come first.
    assert [one.stream_offset for one in found.tensors] == [412, None, 700, None]


def test_a_padding_row_of_zeros_is_no_change():
    torch.manual_seed(8)
    found = recover(sought([nn.Embedding(200, 32, padding_idx=0).weight]))
    assert (seeds(found), verdicts(found)) == ([8], ["from_stream"])


def test_constants_are_told_as_such():
    found = recover(parameters(nn.LayerNorm(64)))
    assert verdicts(found) == ["cannot_be_replayed"] * 2
    assert found.seeds == ()


def test_a_model_of_another_library_gets_no_seed():
    values = np.random.default_rng(3).normal(0, 0.1, (64, 64)).astype(np.float32)
    found = recover(sought([torch.from_numpy(values)]))
    assert (found.seeds, verdicts(found)) == ((), ["not_from_stream"])
    assert found.seeds_tried >= 10**7


def test_a_search_without_time_says_so_and_blames_no_tensor():
    found = recover(parameters(perceptron(9)), is_late=lambda: True)
    assert (found.complete, found.seeds) == (False, ())
    assert verdicts(found) == ["cannot_be_replayed"] * 4
    assert "time" in found.tensors[0].reason


def test_a_search_that_runs_out_of_time_keeps_what_it_found():
    model = perceptron(LARGE)
    with torch.no_grad():
        model[2].weight.copy_(torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (30, 60))))
    looks = iter([False])  # on time for the first state only
    found = recover(parameters(model), is_late=lambda: next(looks, True))
    assert seeds(found) == [LARGE]
    assert not found.complete
    assert verdicts(found) == ["from_stream", "from_stream", "cannot_be_replayed", "from_stream"]


def test_a_search_with_time_enough_is_complete():
    assert recover(parameters(perceptron(9))).complete
