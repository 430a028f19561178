"""Bytes to facts: every upload is opened here, inside the sandboxed child."""
