from __future__ import annotations

import inspect

import pytest

from app import errors
from app.errors import InitscopeError
from app.web.problems import STATUS

CLASSES = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, InitscopeError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_status(kind):
    assert 400 <= STATUS[kind] <= 599


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_sentence_of_its_own(kind):
    sentence = vars(kind)["__doc__"]
    assert sentence is not None


def test_every_error_has_a_code_of_its_own():
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)


def test_no_status_is_for_a_class_that_is_gone():
    assert set(STATUS) == set(CLASSES)
