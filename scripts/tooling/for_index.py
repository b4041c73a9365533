"""Make a package ready for a package index, just before it is built: what it links to is at the release's own address.

    python scripts/tooling/for_index.py packages/obs-wandb https://github.com/OWNER/NAME obs-wandb-v0.2.0

In the repository a README links to files beside it, which works in a clone, in a fork and on any branch. An index shows
the README without them. So its links, and the addresses in the metadata, are written when a release is built: by then
the repository's address and the tag are known, and the links lead to the files as they were released.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from checkout import ROOT

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?![a-z]+:|#)[^)\s#]+)(?P<rest>#[^)\s]+)?\)")
_SOURCE = re.compile(r'(?P<name>src|srcset)="(?P<target>(?![a-z]+:)[^"]+)"')
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Change the README and the metadata of a package in place."""
    if len(arguments) != 3:
        raise SystemExit("Which package, which repository, which tag? See the top of scripts/tooling/for_index.py.")
    package, repository, tag = Path(arguments[0]).resolve(), arguments[1].rstrip("/"), arguments[2]
    readme, settings = package / "README.md", package / "pyproject.toml"
    readme.write_text(absolute(readme, repository, tag), encoding="utf-8")
    text = settings.read_text(encoding="utf-8")
    if "[project.urls]" in text:
        raise SystemExit(f"{settings} has [project.urls] already; is it ready for an index?")
    table = "".join(f'{name} = "{url}"\n' for name, url in addresses(package, repository, tag).items())
    settings.write_text(f"{text}\n[project.urls]\n{table}", encoding="utf-8")


def addresses(package: Path, repository: str, tag: str) -> dict[str, str]:
    """Return what an index lists beside a package."""
    page = ROOT / "docs" / f"{package.name.removeprefix('obs-')}.md"
    folder = f"packages/{package.name}"
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/{tag}/docs/{page.name if page.exists() else 'index.md'}",
        "Changelog": f"{repository}/blob/{tag}/{folder}/CHANGELOG.md",
        "Source": f"{repository}/tree/{tag}/{folder}",
        "Issues": f"{repository}/issues",
    }


def absolute(page: Path, repository: str, tag: str) -> str:
    """Return a page with links that do not need the repository around it.

    Raises:
        SystemExit: A link leads nowhere.
    """

    def link(found: re.Match[str]) -> str:
        kind = "raw" if found["image"] else None
        target = _address(page, found["target"], kind, repository, tag)
        return f"{found['image']}[{found['text']}]({target}{found['rest'] or ''})"

    def source(found: re.Match[str]) -> str:
        return f'{found["name"]}="{_address(page, found["target"], "raw", repository, tag)}"'

    parts = _FENCE.split(page.read_text(encoding="utf-8"))
    parts[::2] = [_SOURCE.sub(source, _LINK.sub(link, part)) for part in parts[::2]]
    return "".join(parts)


def _address(page: Path, target: str, kind: str | None, repository: str, tag: str) -> str:
    path = (page.parent / target).resolve()
    if not path.exists():
        raise SystemExit(f"{page}: {target} leads nowhere")
    kind = kind or ("tree" if path.is_dir() else "blob")
    return f"{repository}/{kind}/{tag}/{path.relative_to(ROOT)}"


if __name__ == "__main__":
    main(sys.argv[1:])
