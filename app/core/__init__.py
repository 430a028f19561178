"""Pure numbers: laws, statistics and judgements. No I/O, no torch, no framework."""
