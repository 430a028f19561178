"""Small networks fresh, redrawn and trained, and what is concluded of them."""

import torch
from torch import nn

from tests.torch_checkpoints import bare_state_dict, judged, whole_module


def mlp(layers=6, width=128):
    pairs = [(nn.Linear(width, width), nn.ReLU()) for _ in range(layers)]
    return nn.Sequential(*[part for pair in pairs for part in pair])


def kaiming(model):
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def trained(model, steps=60):
    inputs = torch.randn(256, model[0].in_features)
    for _ in range(steps):
        model.zero_grad()
        (model(inputs) - inputs.roll(1, 1)).pow(2).mean().backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 3e-3 * parameter.grad.sign()  # Adam's step without its memory
    return model


def concluded(model, *, whole=False):
    return judged(whole_module(model) if whole else bare_state_dict(model))


def codes(conclusion):
    return [finding.code for finding in conclusion.findings]


def signs(conclusion):
    return {report.name: report.sign for report in conclusion.reports}
