import os
import subprocess
import sys

from conftest import PACKAGE

from lora_trainer.blas import find_blas, measure_blas, needs_fast_blas


def test_find_blas_gives_an_environment_in_which_a_child_measures_the_same_library():
    blas = find_blas(1)
    code = "from lora_trainer.blas import measure_blas; print(measure_blas()[0])"
    clean = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE, env={**clean, **blas.environment}, capture_output=True, text=True
    )

    assert done.stdout.strip() == str(blas.fast), done.stderr
    assert blas.gflops > 0
    assert (blas.library is None) == ("LD_PRELOAD" not in blas.environment)


def test_measure_blas_counts_gflops():
    fast, gflops = measure_blas()

    assert 0.05 < gflops < 1e6
    assert fast or gflops < 8


def test_needs_fast_blas_only_for_a_large_base():
    assert needs_fast_blas(134_515_008)
    assert not needs_fast_blas(940_000)
