"""Build every package as it is released, the sdist first and the wheel from that."""

from __future__ import annotations

import shutil
import subprocess
import sys

from checkout import ROOT, WHEELS
from environments import packages


def main() -> int:
    """Fill `.hatch/wheels` anew and return 1 if a package does not build."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    failed = [package for package in packages() if _fails(package)]
    return int(bool(failed))


def _fails(package: str) -> bool:
    print(f"Building {package}", flush=True)
    command = ["uv", "build", "--quiet", "--python", sys.executable, "--out-dir", str(WHEELS)]
    return subprocess.run([*command, f"packages/{package}"], cwd=ROOT, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
