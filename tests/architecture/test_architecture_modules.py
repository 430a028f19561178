from __future__ import annotations

import itertools

import pytest
import torch
from layer_cases import CASES, graph_of, halves, live
from torch import nn
from torch_checkpoints import stored, whole_module

from app.architecture.inventories import REMEDY
from app.architecture.pickled import recorded
from app.architecture.plan import Entry
from app.architecture.suggestion import suggested
from app.architecture.understanding import understand
from app.core.checkpoint import Checkpoint, ModuleRecord
from app.core.graph import Graph, Inventory
from app.errors import NotANetwork
from app.readers.checkpoints import open_checkpoint
from app.readers.naming import describe


class Own(nn.Module):
    """A class whose forward nobody but itself knows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(12)])
        self.act = nn.Mish()


def operations(graph):
    return [(node.op, node.arguments, node.shapes) for node in graph.nodes]


# print() shows none of these: the graph differs, and a note says so.
HIDDEN = ("AvgPool", "align_corners=True", "nonlinearity='relu'", "Attention", "Transformer")
EAGER = [case for case in CASES if "Lazy" not in case and not case.startswith("Identity")]


@pytest.mark.parametrize("case", [c for c in EAGER if not any(word in c for word in HIDDEN)])
def test_printed_text_gives_the_layers_own_graph(case):
    text, shape = halves(case)
    expected = graph_of(text, shape)
    told = "{tokens: 7, vocabulary: 10}" if shape == "ids" else f"[{', '.join(shape.split())}]"
    found = understand(f"input: {told}\n{nn.Sequential(live(text))!r}")
    assert isinstance(found, Graph)
    assert operations(found) == operations(expected)


def entry(shape: str) -> Entry:
    if shape == "ids":
        return Entry(tokens=7, vocabulary=10)
    return Entry(shape=tuple(int(n) for n in shape.split()))


@pytest.mark.parametrize("case", EAGER)
def test_a_pickled_modules_records_give_the_layers_own_graph(case, tmp_path):
    text, shape = halves(case)
    expected = graph_of(text, shape)
    model = nn.Sequential(live(text))
    model.register_buffer("kept", torch.zeros(1))  # a file without tensors is refused
    torch.save(model, tmp_path / "model.pt")
    with (tmp_path / "model.pt").open("rb") as file:
        checkpoint = open_checkpoint(file.fileno())
    found = recorded(checkpoint, entry=entry(shape))
    assert isinstance(found, Graph)
    assert operations(found) == operations(expected)


def test_a_pickled_modules_parameters_know_their_tensors():
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    checkpoint = whole_module(model).checkpoint
    found = recorded(checkpoint)
    names = {p.name: checkpoint.tensors[p.stored].name for p in found.parameters}
    assert names == {name: name for name in names}
    assert len(names) == 8


def test_a_pickled_class_of_its_own_is_an_inventory():
    found = recorded(whole_module(Own()).checkpoint)
    assert isinstance(found, Inventory)
    assert found.reason.startswith("Own is a class of its own")
    assert [layer.path for layer in found.layers][:2] == ["conv1", "blocks.0"]


def test_a_class_that_only_calls_itself_sequential_is_not_run():
    record = ModuleRecord(path="", class_name="elsewhere.Sequential")
    checkpoint = Checkpoint(format="torch zip", tensors=(), modules=(record,))
    assert isinstance(recorded(checkpoint), Inventory)


def test_a_file_without_records_is_refused():
    with pytest.raises(NotANetwork, match="tensors alone"):
        recorded(Checkpoint(format="torch zip", tensors=()))


def test_records_nested_too_deep_are_refused():
    paths = [".".join(["a"] * depth) for depth in range(60)]
    records = [ModuleRecord(path=p, class_name="torch.nn.modules.x.Sequential") for p in paths]
    with pytest.raises(NotANetwork, match="nested more than 32 deep"):
        recorded(Checkpoint(format="torch zip", tensors=(), modules=tuple(records)))


NESTED = nn.Sequential(
    nn.Conv2d(3, 4, 3),
    nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()) for _ in range(5)]),
    nn.Flatten(),
    nn.Linear(4 * 30 * 30, 3),
)


@pytest.mark.parametrize("found", [repr(NESTED), NESTED], ids=["text", "records"])
def test_nested_chains_keep_the_names_of_the_state_dict(found):
    read = understand(found) if isinstance(found, str) else recorded(whole_module(found).checkpoint)
    expected = {name: tuple(value.shape) for name, value in NESTED.state_dict().items()}
    assert {p.name: p.shape for p in read.parameters} == expected


TRANSFORMERS = """
TransformerEncoder(TransformerEncoderLayer(128, 2, 64, batch_first=True), 3)
TransformerEncoder(TransformerEncoderLayer(64, 1, 64, batch_first=True), 2, LayerNorm(64))
Transformer(64, 1, 2, 3, 64)
Sequential(Embedding(9, 64), TransformerEncoderLayer(64, 1, bias=False))
""".strip().splitlines()


@pytest.mark.parametrize("text", TRANSFORMERS)
def test_transformers_are_read_from_print(text):
    model = live(text)
    found = understand(repr(model))
    assert isinstance(found, Graph)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert {p.name: p.shape for p in found.parameters} == expected
    assert any("number of attention heads" in note for note in found.notes)


def test_a_printed_class_of_its_own_is_an_inventory_with_its_line():
    found = understand(repr(nn.Sequential(nn.ReLU(), Own())))
    assert isinstance(found, Inventory)
    assert "Own on line 3 is a class whose forward() print() does not show" in found.reason
    assert REMEDY in found.reason
    assert [layer.path for layer in found.layers] == [
        "0", "1.conv1", *(f"1.blocks.{n}" for n in range(12)), "1.act"
    ]  # fmt: skip
    assert found.layers[2].parameters == 20


def test_a_suggested_spec_is_understood_where_its_shapes_chain():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.act, self.fc2 = nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)

    found = understand(repr(Net()))
    again = understand(found.suggestion)
    assert [node.name for node in again.nodes] == ["fc1", "act", "fc2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sequential(\n  (0): Linear(in_features=4, out_features=4, bias=True)\n", "is closed"),
        ("Foo(\n" + "(a): Foo(\n" * 100, "at most 32 levels"),
        ("Sequential(\n" + "  (0): ReLU()\n" * 25_000 + ")", "bytes of text"),
        ("Sequential(\n  (0): ReLU()\n)\nSequential(\n)", "paste one model"),
        (
            "Sequential(\n  (0-999999998): 999999999 x Linear(in_features=5, out_features=5)\n)",
            "at most 20,000 layers",
        ),
    ],
)
def test_hostile_printed_text_is_refused(text, words):
    with pytest.raises(NotANetwork) as caught:
        understand(text)
    assert words in caught.value.message


def test_a_billion_modules_of_ones_own_are_listed_no_further_than_the_limit():
    text = "Foo(\n  (0-999999998): 999999999 x Bar(\n    (a): ReLU()\n  )\n)"
    found = understand(text)
    assert isinstance(found, Inventory)
    assert len(found.layers) == 2000
    assert "Only the first 2,000 are listed." in found.reason


def state(model: nn.Module) -> Inventory:
    checkpoint = stored(dict(model.state_dict())).checkpoint
    return suggested(checkpoint.tensors, describe(checkpoint))


def test_a_state_dict_is_an_inventory_that_says_what_is_assumed():
    found = state(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
    assert found.origin == "state dict"
    assert "so it cannot run" in found.reason
    assert "activation" in found.suggestion.splitlines()[1]
    assert [layer.text for layer in found.layers] == ["Linear(4, 8)", "Linear(8, 2)"]


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2, bias=False)),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 4)),
        nn.Sequential(nn.Embedding(11, 6), nn.LayerNorm(6), nn.Linear(6, 11)),
        nn.ModuleDict({"lstm": nn.LSTM(5, 7, num_layers=2, bidirectional=True)}),
    ],
)
def test_a_suggestion_has_the_state_dicts_parameters(model):
    found = state(model)
    expected = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    again = understand(found.suggestion)
    assert {p.name: p.shape for p in again.parameters} == expected


def test_hostile_names_do_not_reach_a_suggestion():
    names = ["<img src=x>.weight", "a\n- b: ReLU().weight", "x: &a [*a].weight", "\u202e.weight"]
    checkpoint = stored({name: torch.zeros(3, 3) for name in names}).checkpoint
    found = suggested(checkpoint.tensors, describe(checkpoint))
    understand(found.suggestion)
    assert not any(bad in found.suggestion for bad in ("<img", "&a", "\u202e", "b: ReLU"))


def test_every_module_of_a_long_model_is_in_the_inventory_once():
    paths = [layer.path for layer in understand(repr(Own())).layers]
    assert len(paths) == len(set(paths)) == 14
    assert all(a != b for a, b in itertools.pairwise(paths))
