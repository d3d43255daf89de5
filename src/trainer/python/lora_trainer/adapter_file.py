"""Write and read llama.cpp's LoRA file. The same tensors and the same metadata give the same bytes."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from .errors import TrainerError


@dataclass(frozen=True)
class AdapterMeta:
    """`alpha` over rank is the scale. The four hashes and names are kept under `reactune.*`."""

    architecture: str
    alpha: float
    name: str
    domain: str
    base_digest: str
    dataset_hash: str
    run_id: str


@dataclass(frozen=True)
class WrittenFile:
    path: Path
    sha256: str
    bytes: int


def write_adapter(path: Path, tensors: dict[str, np.ndarray], meta: AdapterMeta) -> WrittenFile:
    """Appears whole or not at all. Raises TrainerError NOT_FINITE before anything is written."""
    arrays = {name: np.ascontiguousarray(tensors[name], dtype=np.float32) for name in sorted(tensors)}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise not_finite(f'adapter tensor "{name}"')
    partial = path.with_name(path.name + ".partial")
    writer = gguf.GGUFWriter(partial, meta.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, meta.alpha)
    writer.add_name(meta.name)
    writer.add_string("reactune.domain", meta.domain)
    writer.add_string("reactune.base_digest", meta.base_digest)
    writer.add_string("reactune.dataset_hash", meta.dataset_hash)
    writer.add_string("reactune.run_id", meta.run_id)
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    sync_and_rename(partial, path)
    return describe_file(path)


def read_adapter(path: Path) -> tuple[AdapterMeta, dict[str, np.ndarray]]:
    """Raises TrainerError BAD_ADAPTER, or NOT_FINITE."""
    try:
        reader = gguf.GGUFReader(path)
        text = {key: reader.fields[key].contents() for key in reader.fields}
        tensors = {
            tensor.name: np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
            for tensor in reader.tensors
        }
        meta = AdapterMeta(
            architecture=text["general.architecture"],
            alpha=float(text[gguf.Keys.Adapter.LORA_ALPHA]),
            name=text.get("general.name", ""),
            domain=text.get("reactune.domain", ""),
            base_digest=text.get("reactune.base_digest", ""),
            dataset_hash=text.get("reactune.dataset_hash", ""),
            run_id=text.get("reactune.run_id", ""),
        )
    except (OSError, ValueError, IndexError, KeyError) as cause:
        raise bad_adapter(path, f"{type(cause).__name__}: {cause}") from cause
    if text.get("general.type") != "adapter" or text.get(gguf.Keys.Adapter.TYPE) != "lora":
        raise bad_adapter(path, "it is no LoRA adapter")
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise not_finite(f'adapter tensor "{name}"')
    return meta, tensors


def sync_and_rename(partial: Path, path: Path) -> None:
    """After this the file survives a power cut under its name."""
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(partial, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def describe_file(path: Path) -> WrittenFile:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return WrittenFile(path, digest, path.stat().st_size)


def not_finite(what: str) -> TrainerError:
    return TrainerError(
        "NOT_FINITE", f"Cannot go on: {what} holds NaN or infinity", "Lower learningRate and start a new run"
    )


def bad_adapter(path: Path, state: str) -> TrainerError:
    return TrainerError("BAD_ADAPTER", f'Cannot use adapter "{path.name}": {state}', "Train it again on this base model")
