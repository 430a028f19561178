"""What each operation does to a signal, and to the gradient on its way back."""
