import gguf
import numpy as np
import pytest

from lora_trainer.adapter_file import AdapterMeta, read_adapter, write_adapter
from lora_trainer.errors import TrainerError
from lora_trainer.on_mlx import load_base as mlx_base
from lora_trainer.on_mlx import lora

META = AdapterMeta("llama", 8.0, "adapter-1", "support", "sha256:b", "sha256:d", "run-1")


@pytest.fixture
def trained(base):
    model, _ = mlx_base.load_base(base)
    lora.attach(model, rank=4, alpha=8.0, dropout=0.0, seed=5)
    return model


def test_write_adapter_uses_llama_cpps_layout_and_keys(trained, tmp_path):
    written = write_adapter(tmp_path / "a.gguf", lora.tensors(trained), META)
    reader = gguf.GGUFReader(written.path)

    # gguf lists the fastest axis first: [in, r] there is (r, in) in numpy.
    shapes = {tensor.name: list(tensor.shape) for tensor in reader.tensors}
    assert shapes["blk.1.attn_k.weight.lora_a"] == [32, 4]
    assert shapes["blk.1.attn_k.weight.lora_b"] == [4, 16]
    assert shapes["blk.0.ffn_down.weight.lora_a"] == [48, 4]
    assert len(shapes) == 28
    keys = {key: field.contents() for key, field in reader.fields.items()}
    assert keys["general.type"] == "adapter"
    assert keys["general.architecture"] == "llama"
    assert keys["adapter.type"] == "lora"
    assert keys["adapter.lora.alpha"] == 8.0
    assert keys["reactune.dataset_hash"] == "sha256:d"
    layer = trained.layers[0].mlp.down_proj
    stored = next(tensor for tensor in reader.tensors if tensor.name == "blk.0.ffn_down.weight.lora_a").data
    np.testing.assert_array_equal(stored, np.array(layer.lora_a).T)


def test_read_adapter_gives_back_what_was_written(trained, tmp_path):
    written = write_adapter(tmp_path / "a.gguf", lora.tensors(trained), META)
    meta, tensors = read_adapter(written.path)

    assert meta == META
    for name, array in lora.tensors(trained).items():
        np.testing.assert_array_equal(np.array(tensors[name]), np.array(array))


def test_write_adapter_gives_the_same_bytes_for_the_same_tensors(trained, tmp_path):
    named = lora.tensors(trained)
    first = write_adapter(tmp_path / "a.gguf", named, META)
    second = write_adapter(tmp_path / "b.gguf", dict(reversed(named.items())), META)

    assert first.sha256 == second.sha256
    assert first.bytes == first.path.stat().st_size


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_write_adapter_refuses_a_tensor_that_is_not_finite(trained, tmp_path, value):
    named = lora.tensors(trained)
    named["blk.0.attn_q.weight.lora_b"] = np.full((32, 4), value, np.float32)

    with pytest.raises(TrainerError) as raised:
        write_adapter(tmp_path / "a.gguf", named, META)
    assert raised.value.code == "NOT_FINITE"
    assert list(tmp_path.iterdir()) == []


def test_read_adapter_refuses_a_base_model_and_a_torn_file(base, trained, tmp_path):
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(write_adapter(tmp_path / "a.gguf", lora.tensors(trained), META).path.read_bytes()[:-5000])

    for path in (base, torn, tmp_path / "absent.gguf"):
        with pytest.raises(TrainerError) as raised:
            read_adapter(path)
        assert raised.value.code == "BAD_ADAPTER"
