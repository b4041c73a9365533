"""The commands that obs-core brings."""

from __future__ import annotations

from obs_core.commands.base import Command
from obs_core.commands.diff import Diff
from obs_core.commands.doctor import Doctor
from obs_core.commands.gc import CollectGarbage
from obs_core.commands.logs import Logs
from obs_core.commands.ls import ListExecutions
from obs_core.commands.run import Run
from obs_core.commands.show import Dump, Explain, Export, Open, Show, Stacks
from obs_core.commands.why import WhyItEnded

BUILTIN: tuple[Command, ...] = (
    ListExecutions(),
    Show(),
    Open(),
    Explain(),
    WhyItEnded(),
    Diff(),
    Run(),
    Logs(),
    Dump(),
    Stacks(),
    Export(),
    CollectGarbage(),
    Doctor(),
)
