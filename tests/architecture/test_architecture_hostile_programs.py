"""Hostile exported programs: a sentence each, and nothing in them is read or run."""

from pathlib import Path

import pytest

from app.errors import CannotRun, Malformed, Refused, UnknownOperators, UnsupportedFormat
from tests.corpus.archives import zipped
from tests.corpus.programs import (
    CODE,
    MARKER,
    SAMPLE,
    WEIGHTS,
    after,
    changed,
    entries,
    every_size,
    graph,
    node,
    runs,
    tensor,
)
from tests.exported_models import exported
from tests.graph_running import outputs, read

LAST, FIRST = "linear_2", "input"


def _ruined(change, *, of="mlp", open_batch=False):
    return changed(exported(of, open_batch=open_batch).raw, change)


def _nodes(document):
    return graph(document)["nodes"]


def _from_file(document):
    path = {"as_string": MARKER}
    after(
        document,
        "torch.ops.aten.from_file.default",
        {"filename": path, "shared": {"as_bool": True}},
    )


def _dead_from_file(document):
    _from_file(document)
    specs = document["graph_module"]["signature"]["output_specs"]
    specs[0]["user_output"]["arg"]["as_tensor"]["name"] = LAST


def _two_unknown(document):
    after(document, "torch.ops.aten.from_file.default", {"filename": {"as_string": "x"}})
    after(document, "my_library.evil.default", {"self": tensor("hostile")}, "worse")


def _conditional(document):
    inner = {"as_graph": {"name": "true_graph_0", "graph": {"nodes": []}}}
    after(document, "torch.ops.higher_order.cond", {"a": tensor(LAST), "b": inner})


def _later_value(document):
    _nodes(document)[0]["inputs"][0]["arg"] = tensor(LAST)


def _itself(document):
    first = _nodes(document)[0]
    first["inputs"][0]["arg"] = tensor(first["outputs"][0]["as_tensor"]["name"])


def _same_name(document):
    _nodes(document)[1]["outputs"] = _nodes(document)[0]["outputs"]


def _same_input(document):
    specs = document["graph_module"]["signature"]["input_specs"]
    specs[1]["parameter"]["arg"]["name"] = specs[0]["parameter"]["arg"]["name"]


def _million(document):
    _nodes(document).extend([node("torch.ops.aten.relu.default", {}, "x")] * 50_001)


def _size(number):
    return lambda document: every_size(document, {"as_int": number})


def _no_hint(document):
    symbolic = {"as_expr": {"expr_str": CODE}}
    every_size(document, symbolic)


def _argument(arg):
    def change(document):
        _nodes(document)[0]["inputs"][0]["arg"] = arg

    return change


def _output_of_nobody(document):
    specs = document["graph_module"]["signature"]["output_specs"]
    specs[0]["user_output"]["arg"]["as_tensor"]["name"] = "nobody"


def _nest(depth):
    inner = {
        "inputs": [tensor("y")], "outputs": [tensor("y")], "tensor_values": {}, "nodes": [],
    }  # fmt: skip
    for level in range(depth):
        call = node("torch.ops.higher_order.wrap_with_set_grad_enabled", {}, f"z{level}")
        call["inputs"] = [
            {"name": "", "arg": {"as_bool": False}},
            {"name": "", "arg": {"as_graph": {"name": "g", "graph": inner}}},
            {"name": "", "arg": tensor("y")},
        ]
        inner = {
            "inputs": [tensor("y")], "outputs": [tensor(f"z{level}")], "tensor_values": {},
            "nodes": [call],
        }  # fmt: skip
    return inner["nodes"]


def _custom_object(document):
    specs = document["graph_module"]["signature"]["input_specs"]
    specs.append({"custom_obj": {"arg": {"name": "o", "class_fqn": "a.B"}, "custom_obj_name": "o"}})


def _without(*path):
    def change(document):
        inner = document
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]

    return change


REFUSED = {
    "from_file": (_from_file, UnknownOperators, "aten.from_file.default"),
    "from_file_that_nobody_uses": (_dead_from_file, UnknownOperators, "aten.from_file.default"),
    "several_unknown": (_two_unknown, UnknownOperators, "from_file.default, my_library.evil"),
    "conditional": (_conditional, UnknownOperators, "higher_order.cond"),
    "later_value": (_later_value, Malformed, "nothing before it gives"),
    "its_own_result": (_itself, Malformed, "nothing before it gives"),
    "same_name": (_same_name, Malformed, "given twice"),
    "same_input": (_same_input, Malformed, "one name"),
    "million_nodes": (_million, Malformed, "more than 50,000 operations"),
    "negative_size": (_size(-1), Malformed, "sizes make no sense"),
    "huge_size": (_size(2**62), Malformed, "sizes make no sense"),
    "text_size": (_size("1"), Malformed, "sizes make no sense"),
    "code_without_hint": (_no_hint, Malformed, "no example"),
    "output_of_nobody": (_output_of_nobody, Malformed, "given by no operation"),
    "deep": (lambda d: _nodes(d).extend(_nest(30)), Refused, ""),
    "custom_object": (_custom_object, CannotRun, "custom_obj"),
    "two_tags": (_argument({"as_int": 1, "as_bool": True}), Malformed, "form that torch writes"),
    "unknown_tag": (_argument({"as_code": CODE}), Malformed, "'as_code', unknown"),
    "long_integer": (_argument({"as_int": 10**30}), Malformed, "whole number"),
    "name_with_markup": (_argument(tensor("<script>")), Malformed, "lacks a name"),
    "long_text": (_argument({"as_string": "x" * 500}), Malformed, "text"),
    "no_graph": (_without("graph_module", "graph"), Malformed, "graph is missing"),
    "no_signature": (_without("graph_module", "signature"), CannotRun, "takes no tensor"),
    "no_tensors": (_without("graph_module", "graph", "tensor_values"), Malformed, "its tensors"),
    "no_nodes": (_without("graph_module", "graph", "nodes"), Malformed, "list of operations"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_own_sentence(name):
    change, kind, says = REFUSED[name]
    with pytest.raises(kind) as refused:
        read(_ruined(change))
    assert says in refused.value.message
    assert refused.value.message.isprintable()
    assert not Path(MARKER).exists()


def test_code_in_a_symbolic_size_is_only_text():
    def change(document):
        for value in graph(document)["tensor_values"].values():
            for size in value["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = CODE

    sample = exported("mlp", open_batch=True)
    changed_graph, held = read(changed(sample.raw, change))
    assert not changed_graph.fixed_batch
    assert outputs(changed_graph, held, sample.inputs)
    assert not Path(MARKER).exists()


def test_a_pickle_among_the_sample_inputs_is_not_opened():
    sample = exported("mlp")
    assert read(zipped(entries(sample.raw) | {SAMPLE: runs()}))[0].nodes
    assert not Path(MARKER).exists()


def test_pickled_weights_are_listed_and_not_opened():
    def change(document):
        document["config"]["0.weight"]["use_pickle"] = True

    sample = exported("mlp")
    held = entries(changed(sample.raw, change, entry=WEIGHTS))
    found, _ = read(zipped(held | {"archive/data/weights/weight_0": runs()}))
    assert {p.name: p.stored is None for p in found.parameters}["0.weight"]
    assert not Path(MARKER).exists()


def test_compiled_code_is_refused():
    with pytest.raises(UnsupportedFormat, match="AOTInductor"):
        read(zipped({"m/data/aotinductor/model/a.so": b"\x7fELF"}))


def test_a_long_chain_of_views_is_read_without_recursion():
    def change(document):
        held = _nodes(document)
        chain = [
            node("torch.ops.aten.alias.default", {"self": tensor(f"v{at}")}, f"v{at + 1}")
            for at in range(2_000)
        ]
        first = node("torch.ops.aten.alias.default", {"self": tensor(LAST)}, "v0")
        write = node("torch.ops.aten.relu_.default", {"self": tensor("v0")}, "written")
        use = node("torch.ops.aten.neg.default", {"self": tensor("v2000")}, "used")
        held += [first, *chain, write, use]
        specs = document["graph_module"]["signature"]["output_specs"]
        specs[0]["user_output"]["arg"]["as_tensor"]["name"] = "used"

    assert len(read(_ruined(change))[0].nodes) > 2_000


def test_writing_into_views_again_and_again_has_an_end():
    def change(document):
        held = _nodes(document)
        for at in range(2_500):
            held.append(node("torch.ops.aten.alias.default", {"self": tensor(LAST)}, f"v{at}"))
        for at in range(2_500):
            held.append(node("torch.ops.aten.relu_.default", {"self": tensor(LAST)}, f"w{at}"))

    with pytest.raises(CannotRun, match="too often"):
        read(_ruined(change))
