"""Live bytes, counted by the run itself."""

import torch

from app.probe.ledger import Ledger


def test_a_view_costs_nothing_and_keeps_its_memory_alive():
    ledger, x = Ledger(), torch.zeros(10, 10)
    ledger.hold([x])
    ledger.hold([x.T])
    assert ledger.live == 400
    ledger.drop([x])
    assert ledger.live == 400
    ledger.drop([x.T])
    assert (ledger.live, ledger.peak) == (0, 400)


def test_what_is_no_tensor_weighs_nothing():
    ledger = Ledger()
    ledger.hold([3, None, torch.zeros(2)])
    ledger.drop([3, None])
    assert ledger.live == 8


def test_while_autograd_records_nothing_is_let_go():
    ledger = Ledger()
    with ledger.recording():
        for _ in range(3):
            x = torch.zeros(5)
            ledger.hold([x])
            ledger.drop([x])
        assert ledger.live == 60
    assert (ledger.live, ledger.peak) == (0, 60)


def test_a_new_pass_begins_with_nothing_and_keeps_the_peak():
    ledger = Ledger()
    ledger.hold([torch.zeros(5)])
    ledger.clear()
    assert (ledger.live, ledger.peak) == (0, 20)
