"""Torch runs of a network: what the signal and the gradient do, operation by operation."""
