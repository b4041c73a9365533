"""Make a package ready for a package index, just before it is built: what it links to is at the release's own address.

    python scripts/tooling/for_index.py packages/obs-wandb obs-wandb-v0.2.0

In the repository a README links to files beside it, which works in a clone, in a fork and on any branch. An index shows
the README without them. So its links, and the addresses in the metadata, are written when a release is built: by then
the tag is known, and the links lead to the files as they were released. The repository's address stands in the
pyproject.toml at the root. Commands that install from a clone become those that install from the index.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import home
from checkout import ROOT

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?![a-z]+:|#)[^)\s#]+)(?P<rest>#[^)\s]+)?\)")
_SOURCE = re.compile(r'(?P<name>src|srcset)="(?P<target>(?![a-z]+:)[^"]+)"')
_CLONE = re.compile(r"\./packages/(?=obs-)")
_BROUGHT_ALONG = re.compile(r"^(pip install )(?:obs-\w+ )+(?=\"?obs-)", re.MULTILINE)
_NOT_YET = re.compile(r"^# from a clone of the repository: not on PyPI yet\n", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Change the README and the metadata of a package in place."""
    if len(arguments) != 2:
        raise SystemExit("Which package, which tag? See the top of scripts/tooling/for_index.py.")
    for reason in home.refusals():
        raise SystemExit(reason)
    make_ready(Path(arguments[0]).resolve(), home.repository(), arguments[1])


def make_ready(package: Path, repository: str, tag: str) -> None:
    """Change the README and the metadata of a package in place.

    Args:
        package: Its folder, or a copy of that name.
        repository: The address at which the links begin.
        tag: What the links lead to.

    Raises:
        SystemExit: It is ready already, or a link leads nowhere.
    """
    readme, settings = package / "README.md", package / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    if "[project.urls]" in text:
        raise SystemExit(f"{settings} has [project.urls] already; is it ready for an index?")
    readme.write_text(installed_from_index(absolute(readme, repository, tag)), encoding="utf-8")
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


def installed_from_index(text: str) -> str:
    """Return a page whose commands install from the index, which brings along what the last one named needs."""
    return _BROUGHT_ALONG.sub(r"\1", _NOT_YET.sub("", _CLONE.sub("", text)))


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
    path = (ROOT / "packages" / page.parent.name / target).resolve()  # the page may be a copy
    if not path.exists():
        raise SystemExit(f"{page}: {target} leads nowhere")
    kind = kind or ("tree" if path.is_dir() else "blob")
    return f"{repository}/{kind}/{tag}/{path.relative_to(ROOT)}"


if __name__ == "__main__":
    main(sys.argv[1:])
