import importlib.util

import pytest
from conftest import finish, start

from lora_trainer.backend import choose_backend
from lora_trainer.errors import TrainerError


def test_choose_backend_refuses_bits_that_mlx_does_not_have():
    with pytest.raises(TrainerError) as raised:
        choose_backend("mlx", "4")
    assert raised.value.code == "BAD_JOB"
    assert "baseBits" in raised.value.hint


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is here")
def test_choose_backend_tells_how_to_install_torch_where_it_is_missing():
    with pytest.raises(TrainerError) as raised:
        choose_backend("torch", "auto")
    assert raised.value.code == "BACKEND_MISSING"
    assert "src/trainer/python[torch]" in raised.value.hint


def test_preflight_says_what_computes(make_job):
    code, events, stderr = finish(start("preflight", make_job()))

    assert code == 0, stderr
    assert events[-1]["backend"].startswith("mlx on ")
