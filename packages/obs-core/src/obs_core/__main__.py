"""``python -m obs_core``: the same as ``obs``."""

from obs_core.commands import main

raise SystemExit(main())
