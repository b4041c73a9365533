"""GPUs through a stand-in of pynvml's functions: no machine that these tests ran on has one."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from obs_resources.gpu import Gpus


class NVMLError(Exception):
    pass


class Nvml:
    """The functions of pynvml that are called, for two GPUs of which one does not tell its use."""

    NVMLError = NVMLError

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:
        return SimpleNamespace(used=(device + 1) * 10**9, total=16 * 10**9, free=0)

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:
        if device:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=70, memory=10)

    def nvmlDeviceGetComputeRunningProcesses(self, device: int) -> list[Any]:
        of_others = SimpleNamespace(pid=1, usedGpuMemory=5)
        unknown = SimpleNamespace(pid=77, usedGpuMemory=None)
        return [of_others, unknown, SimpleNamespace(pid=os.getpid(), usedGpuMemory=(device + 1) * 10**8)]


def test_memory_and_use_of_each_gpu_and_what_this_process_holds() -> None:
    assert Gpus(Nvml()).read([77]) == {
        "gpu.0.memory": 1e9,
        "gpu.0.memory_size": 16e9,
        "gpu.0.use": 0.7,
        "gpu.0.own_memory": 1e8,
        "gpu.1.memory": 2e9,
        "gpu.1.memory_size": 16e9,
        "gpu.1.own_memory": 2e8,
    }


def test_without_a_driver_there_are_none() -> None:
    class Broken(Nvml):
        def nvmlInit(self) -> None:
            raise NVMLError("driver not loaded")

    assert not Gpus(Broken()).found
    assert Gpus(Broken()).read([]) == {}


def test_the_interface_is_that_of_the_package() -> None:
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is the extra gpu")

    for name in [name for name in vars(Nvml) if name.startswith("nvml")]:
        assert callable(getattr(pynvml, name))
    assert issubclass(pynvml.NVMLError, Exception)
