import pytest

from app.core.context import Named, model_context


def named(*names: str, shape=(64, 64)):
    return [Named(path=n.rpartition(".")[0], leaf=n.rpartition(".")[2], shape=shape) for n in names]


def gpt2(layers=3):
    parts = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    weights = [f"h.{block}.{part}.weight" for block in range(layers) for part in parts]
    norms = named(*(f"h.{block}.ln_1.weight" for block in range(layers)), shape=(64,))
    return [*named("wte.weight", *weights), *norms]


def about(tensors, name):
    found = model_context(tensors)
    return found.attributes(next(t for t in tensors if f"{t.path}.{t.leaf}" == name))


def test_the_number_of_layers_is_read_from_the_names():
    found = about(gpt2(5), "h.2.mlp.c_proj.weight")
    assert (found["layers"], found["place"], found["blocks"]) == (5, 3, 5)


def test_the_width_is_that_of_the_norms():
    assert about(gpt2(), "h.0.attn.c_attn.weight")["width"] == 64


def test_a_tensor_outside_every_stack_has_no_depth():
    assert "layers" not in about(gpt2(), "wte.weight")


@pytest.mark.parametrize("part", ["attn.c_proj", "mlp.c_proj"])
def test_the_end_of_a_residual_branch_is_recognised(part):
    assert "residual" in about(gpt2(), f"h.1.{part}.weight")["parts"]


def test_a_chain_of_layers_is_no_stack_of_blocks():
    tensors = named(*(f"{at}.weight" for at in range(0, 12, 2)))
    assert model_context(tensors).stacks == {}


def test_blocks_of_several_stages_are_counted_together():
    names = [
        f"layer{stage}.{block}.conv{n}.weight"
        for stage in (1, 2)
        for block in range(3)
        for n in (1, 2)
    ]
    found = model_context(named(*names, shape=(8, 8, 3, 3)))
    assert (found.blocks, found.stacks) == (6, {"layer1": 3, "layer2": 3})


def test_nested_stages_are_counted_by_their_innermost_blocks():
    names = [
        f"stages.{stage}.blocks.{block}.mlp.fc1.weight" for stage in (0, 1) for block in range(2)
    ]
    assert model_context(named(*names)).blocks == 4


def test_a_head_s_width_follows_from_a_relative_position_bias():
    bias = named("block.0.q_attention.relative_attention_bias.weight", shape=(32, 4))
    query = named("block.0.SelfAttention.q.weight", "block.1.SelfAttention.q.weight")
    found = model_context([*bias, *query])
    assert found.attributes(query[0])["head_width"] == 16


def test_a_hostile_number_is_no_block():
    assert model_context(named("a.99999999999999999999.b.weight")).stacks == {}
