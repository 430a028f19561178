"""What one network may ask for; every limit is checked before anything of that size is made."""

from __future__ import annotations

MOST_BYTES = 256 * 1024  # of a text
MOST_NODES = 20_000
MOST_PARAMETERS = 10**11  # values
MOST_VALUES = 10**11  # in one operation's output, for the nominal batch
MOST_DEPTH = 32  # of nesting
MOST_TIMES = 10**18  # a number of repeats that is still read as one
