"""Check the packages, inside an environment that has them all: `./scripts/check_packages` makes it."""

from __future__ import annotations

import sys

from distributions import distributions
from package_rules import check


def main(names: list[str]) -> int:
    """Print what is wrong and return 1, or say that all is well."""
    found = check(names)
    print(*found, sep="\n", end="\n" if found else "")
    if not found:
        print(f"{len(names) or len(distributions())} packages are in order.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
