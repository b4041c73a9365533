"""What NVIDIA's GPUs do, and how much of their memory this process and its children hold.

Source: https://docs.nvidia.com/deploy/nvml-api/.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

__all__ = ["Gpus"]


class Gpus:
    """Reads GPUs through nvidia-ml-py, the module ``pynvml``; without it, or without a driver, there are none.

    Args:
        nvml: The module. Default: it is imported.
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml
        self._devices: list[Any] = []
        try:
            if nvml is None:
                import pynvml

                self._nvml = pynvml
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._devices = [self._nvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        except Exception:  # no package, no driver, no permission: there is nothing to see
            self._devices = []

    @property
    def found(self) -> bool:
        """Whether there are any."""
        return bool(self._devices)

    def read(self, children: list[int]) -> dict[str, float]:
        """Return memory and use of each GPU.

        Args:
            children: Processes below this one, whose memory counts as its own.
        """
        values: dict[str, float] = {}
        own = {os.getpid(), *children}
        for number, device in enumerate(self._devices):
            name = f"gpu.{number}"
            with contextlib.suppress(self._nvml.NVMLError):
                memory = self._nvml.nvmlDeviceGetMemoryInfo(device)
                values |= {f"{name}.memory": float(memory.used), f"{name}.memory_size": float(memory.total)}
            with contextlib.suppress(self._nvml.NVMLError):
                values[f"{name}.use"] = self._nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
            with contextlib.suppress(self._nvml.NVMLError):
                processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(device)
                # The driver cannot always tell how much: in some containers, and on Windows.
                held = [process.usedGpuMemory or 0 for process in processes if process.pid in own]
                values[f"{name}.own_memory"] = float(sum(held))
        return values
