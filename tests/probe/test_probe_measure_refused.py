"""What cannot be measured, each with the sentence that says why."""

import numpy as np
import pytest
from ordered_runs import first, run

from app.core.graph import Constant, Input
from app.errors import CannotRun, DoesNotFit, Invalid, NotAnInput, UnknownOperators
from tests.hand_graphs import graph, linear, mlp, node, parameter, real, v


@pytest.mark.parametrize(
    "rows",
    [np.zeros((8, 3)), np.full((4, 8), np.nan), np.zeros((1, 8)), np.array(["a"] * 8)[None]],
)
def test_a_batch_that_does_not_fit_is_refused(rows):
    with pytest.raises(NotAnInput, match="expected"):
        run(mlp(1, 8), input="file", batch_file=rows)


def test_token_ids_out_of_range_are_refused():
    table = parameter("e.weight", 5, 8, kind="Embedding")
    step = node("e", "embedding.default", 2, 3, 8, weight=v(table.value), indices=v("ids"))
    ids = Input(name="ids", shape=(2, 3), dtype="int64", draw="tokens", high=5)
    network = graph([step], [table], inputs=[ids])
    assert first(run(network))[0].weighted
    with pytest.raises(NotAnInput, match="0 to 4"):
        run(network, input="file", batch_file=np.full((4, 3), 5))


def test_an_operator_off_the_list_is_refused_by_name():
    network = graph([node("f", "from_file.default", 2, filename="passwd")], inputs=[real(2, 2)])
    with pytest.raises(UnknownOperators, match=r"aten\.from_file\.default"):
        run(network)


def test_shapes_that_do_not_fit_are_told_with_the_operation():
    step, own = linear("l", "x", 8, inputs=9)
    with pytest.raises(CannotRun, match=r"l \(aten\.linear\.default\)"):
        run(graph([step], own, inputs=[real(2, 8)]))


def test_what_cannot_fit_is_refused_with_numbers_before_it_runs():
    huge = graph([node("z", "zeros.default", 10**12, size=(10**6, 10**6))], inputs=[real(2, 2)])
    with pytest.raises(DoesNotFit, match=r"needs \d+\.\d TB at z; this worker may use 2\.0 GB"):
        run(huge)


def test_a_smaller_batch_that_would_fit_is_named():
    network = mlp(2, 256)
    with pytest.raises(DoesNotFit, match="use batch"):
        run(network, batch=2**20, memory=10**8)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(Invalid, match="scheme"):
        run(mlp(1, 8), schemes=("kaiming",))


def test_a_constant_without_values_is_told():
    lost = Constant(value="c", shape=(8,), dtype="float32")
    network = graph(
        [node("y", "add.Tensor", 2, 8, self=v("x"), other=v("c"))],
        inputs=[real(2, 8)],
        constants=(lost,),
    )
    with pytest.raises(CannotRun, match="c has no values"):
        run(network)
