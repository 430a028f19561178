from __future__ import annotations

from app.store.documents import Deflated, deflate, inflate

DOCUMENT = b'{"name": "layer.weight"}' * 100


def test_a_document_shrinks_and_comes_back():
    packed = deflate(DOCUMENT)
    assert len(packed) < len(DOCUMENT) / 5
    assert inflate(packed) == DOCUMENT


def test_a_document_is_deflated_once():
    once = deflate(DOCUMENT)
    assert isinstance(once, Deflated)
    assert deflate(once) is once
