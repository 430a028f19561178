"""Activations and softmax of Gaussian numbers, as expectations and as series."""
