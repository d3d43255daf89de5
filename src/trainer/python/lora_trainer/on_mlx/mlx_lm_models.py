"""Import mlx-lm's model code without the rest of mlx-lm.

`import mlx_lm` runs its `__init__`, which needs transformers, sentencepiece, jinja2 and huggingface_hub (about 200 MB) to
download and tokenise models. Rows arrive tokenised and weights come from the GGUF, so only `mlx_lm.models` and
`mlx_lm.tuner.lora` are wanted: the two packages are registered by their path, and their `__init__` never runs.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_PACKAGES = ("mlx_lm", "mlx_lm.tuner")


def import_mlx_lm(name: str) -> ModuleType:
    """`name` is relative, such as "models.llama". Raises ModuleNotFoundError if mlx-lm is not installed."""
    spec = importlib.util.find_spec("mlx_lm") if "mlx_lm" not in sys.modules else None
    if "mlx_lm" not in sys.modules:
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError("No module named 'mlx_lm'", name="mlx_lm")
        root = Path(list(spec.submodule_search_locations)[0])
        for package in _PACKAGES:
            module = ModuleType(package)
            module.__path__ = [str(root.joinpath(*package.split(".")[1:]))]
            sys.modules[package] = module
    return importlib.import_module(f"mlx_lm.{name}")
