"""Where tensors should stand in a stream if a model was built and initialised as usual."""

import numpy as np
import pytest
import torch
from torch import nn

from app.core.layouts import supposed_places
from app.core.search import seed_at
from app.core.targets import Sought

torch.set_num_threads(1)
SEED = 4321


def sought(index, values, **facts):
    known = {"default": "uniform", "matrix": values.ndim > 1, "bounds": (0.3,)}
    return Sought(index=index, values=values.reshape(-1).astype(np.float32), **(known | facts))


def spread(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, shape)


def bell(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, shape)


def offsets(tensors, tensor, **facts):
    places = supposed_places(tensors, range(len(tensors)), **facts)
    return [one.offset for one in places if one.target.tensor == tensor]


def test_tensors_drawn_again_follow_all_defaults():
    tensors = [sought(0, spread(30, 20)), sought(1, spread(30)), sought(2, spread(50, 30))]
    # 600 + 30 + 1,500 defaults come first, then the two matrices.
    assert offsets(tensors, 0) == [2130]
    assert offsets(tensors, 2) == [2730]


def test_a_tensor_that_kept_its_default_follows_those_before_it():
    kept = sought(2, spread(50, 30), as_default=True)
    tensors = [sought(0, np.zeros(40)), sought(1, np.zeros(10)), kept]
    assert offsets(tensors, 2) == [50]


def test_scales_and_shifts_that_were_trained_took_no_outputs():
    norm = sought(1, spread(24), default=None, filled=True)
    tensors = [sought(0, spread(30, 20)), norm]
    assert offsets(tensors, 0) == [600]


def test_a_parameter_of_no_known_layer_may_have_been_drawn_or_not():
    token = sought(1, spread(24), default=None)
    # As a normal of 24 values it takes 16 more.
    assert offsets([sought(0, spread(30, 20)), token], 0) == [640, 600]


def test_the_first_and_the_largest_two_of_the_tensors_drawn_again_are_tried():
    tensors = [sought(at, spread(size, 30, seed=at)) for at, size in enumerate((10, 20, 90, 40))]
    tried = {one.target.tensor for one in supposed_places(tensors, range(4))}
    assert tried == {0, 2, 3}


def test_a_small_tensor_that_training_bent_is_tried_at_the_law_of_the_largest():
    bent = sought(0, bell(6, 100))
    tensors = [bent, sought(1, spread(90, 30))]
    # A normal of 600 values takes 16 outputs more than a uniform.
    assert offsets(tensors, 1) == [3300 + 616, 3300 + 600]


def test_places_that_allow_for_a_step_come_first():
    small = sought(0, spread(10), as_default=True)
    places = supposed_places([sought(1, np.zeros(5)), small, sought(2, spread(30, 20))], range(3))
    assert [one.lenient for one in places] == sorted((one.lenient for one in places), reverse=True)


def test_no_more_places_are_given_than_asked():
    tensors = [sought(0, spread(20, 30)), sought(1, spread(40, 30))]
    assert len(supposed_places(tensors, range(2))) == 2
    assert len(supposed_places(tensors, range(2), most=1)) == 1


@pytest.mark.parametrize("init", [nn.init.xavier_uniform_, nn.init.xavier_normal_])
def test_a_seed_is_found_though_the_first_tensor_moved_far(init):
    torch.manual_seed(SEED)
    model = nn.Sequential(nn.Conv2d(3, 20, 3), nn.BatchNorm2d(20), nn.Flatten(), nn.Linear(80, 60))
    with torch.no_grad():
        init(model[0].weight)
        init(model[3].weight)
        torch.manual_seed(0)
        for tensor, change in ((model[0].weight, 0.5), (model[3].weight, 0.08)):
            tensor += change * tensor.std() * torch.randn(tensor.shape)
        model[1].weight += 0.1 * torch.randn(20)
    tensors = [
        sought(
            at,
            value.detach().numpy(),
            default=None if at in (2, 3) else "uniform",
            filled=at in (2, 3),
            bounds=((6 / 140) ** 0.5,),
        )
        for at, value in enumerate(model.parameters())
    ]
    places = supposed_places(tensors, range(len(tensors)))
    assert seed_at(tensors, places, (SEED - 500, SEED + 500)) == SEED
