"""Which part of a model a tensor's name says it is: a residual projection, a query, a head."""

from __future__ import annotations

import re

RESIDUAL = re.compile(
    r"(?:^|\.)(?:c_proj|o_proj|out_proj|down_proj|dense_4h_to_h|fc_out|fc2|linear2|lin2|wo|w2"
    r"|to_out\.0|(?:\w*att\w*|SelfAttention|EncDecAttention)\.(?:proj|dense|o)"
    r"|(?:attention\.)?output\.dense|ffn\.layer_?2|mlp\.(?:2|3|proj))$"
)
QUERY = re.compile(r"(?:^|\.)(?:q|q_proj|query|wq|to_q)$")
POSITION = re.compile(r"(?:^|[._])(?:wpe|pos\w*)(?:[._]|$)", re.IGNORECASE)
TOKEN = re.compile(r"(?:^|[._])(?:cls|class|reg|dist|mask|register)_?(?:token|tokens|embedding)$")
HEAD = re.compile(
    r"^(?:.*\.)?(?:head|heads\.head|classifier|fc|lm_head|score|logits|cls_score|cls_logits|bbox_pred|bbox_reg)"
    r"(?:\.\d+)?$"
)
SCALE = re.compile(r"(?:^|[._])(?:gamma\w*|ls\d?|lambda\w*|layer_?scale\w*|scale)$")
RECURRENT = re.compile(r"^weight_hh|^recurrent")


def named_parts(path: str, leaf: str, *, inside: bool) -> set[str]:
    """What a layer's name says of its part in the model.

    Args:
        path: Of the owning layer.
        leaf: The tensor's own name in it.
        inside: Whether it stands in a stack of blocks.
    """
    whole = f"{path}.{leaf}" if path else leaf
    told = {
        "residual": inside and bool(RESIDUAL.search(path)),
        "branch": inside,
        "query": bool(QUERY.search(path)),
        "position": bool(POSITION.search(path) or POSITION.search(leaf)),
        "token": bool(TOKEN.search(whole)),
        "head": not inside and bool(HEAD.search(path)),
        "scale": bool(SCALE.search(whole)),
        "recurrent": bool(RECURRENT.search(leaf)),
    }
    return {part for part, said in told.items() if said}
