"""Every topic that /why explains, in the order in which it lists them."""

from __future__ import annotations

from app.errors import UnknownTopic
from app.web.cases import CASES
from app.web.depth import RESIDUAL
from app.web.rules import RULES
from app.web.topics import Topic

TOPICS: tuple[Topic, ...] = (*RULES, *CASES, RESIDUAL)
ALSO = {"relu": "kaiming", "√5": "sqrt5", "he": "kaiming", "glorot": "xavier", "bias": "biases"}
LONGEST_ASKED = 40  # characters of an unknown topic that are shown


def topic_of(asked: str) -> Topic:
    """The topic of this id.

    Raises:
        UnknownTopic: If there is none; it names them all.
    """
    found = next((topic for topic in TOPICS if topic.id == ALSO.get(asked, asked)), None)
    if found is None:
        known = ", ".join(topic.id for topic in TOPICS)
        raise UnknownTopic(topic=ascii(asked[:LONGEST_ASKED]), known=known)
    return found
