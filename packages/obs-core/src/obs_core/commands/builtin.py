"""The commands that obs-core brings."""

from __future__ import annotations

from obs_core.commands.base import Command
from obs_core.commands.doctor import Doctor
from obs_core.commands.gc import CollectGarbage
from obs_core.commands.logs import Logs
from obs_core.commands.ls import ListExecutions
from obs_core.commands.show import Dump, Explain, Export, Show, Stacks

BUILTIN: tuple[Command, ...] = (
    ListExecutions(),
    Show(),
    Explain(),
    Logs(),
    Dump(),
    Stacks(),
    Export(),
    CollectGarbage(),
    Doctor(),
)
