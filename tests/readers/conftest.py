"""Saved objects, opened as uploads are."""

import io

import pytest
import torch
from opened_uploads import Upload


@pytest.fixture
def upload(tmp_path):
    return lambda raw: Upload(tmp_path, raw)


@pytest.fixture
def saved(tmp_path):
    def save(held, **how):
        file = io.BytesIO()
        torch.save(held, file, **how)
        return Upload(tmp_path, file.getvalue())

    return save
