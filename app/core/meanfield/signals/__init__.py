"""A random tensor as theory sees it: its axes, its places, its moments and its draws."""
