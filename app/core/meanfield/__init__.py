"""Mean-field theory: what a signal and its gradient do on average over the random weights."""
