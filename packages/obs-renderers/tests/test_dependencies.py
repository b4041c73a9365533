"""Installed packages."""

from importlib.metadata import distributions

from obs_renderers import PythonDependencyRenderer
from obs_renderers.dependencies import Package, installed_packages


def test_it_finds_what_importlib_metadata_finds():
    expected = {
        found.metadata["Name"].lower().replace("_", "-").replace(".", "-"): found.version for found in distributions()
    }
    found = {p.name.lower().replace("_", "-").replace(".", "-"): p.version for p in installed_packages()}

    assert found.keys() == expected.keys()
    assert found["obs-renderers"] == expected["obs-renderers"]


def test_the_copied_text_is_a_requirements_file():
    html = PythonDependencyRenderer().to_html(
        [
            Package("pandas", "3.1.1"),
            Package("tool", "1.0", origin="git+https://example.com/tool@abc"),
            Package("mine", "0.1", origin="file:///home/me/mine", editable=True),
        ]
    )

    assert (
        "hidden>pandas==3.1.1\ntool @ git+https://example.com/tool@abc\n"
        "# mine==0.1 is installed from a local folder</pre>" in html
    )


def test_credentials_in_an_address_are_left_out(tmp_path, monkeypatch):
    folder = tmp_path / "tool-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n\nVersion: not this\n")
    (folder / "direct_url.json").write_text(
        '{"url": "https://user:token@example.com/t", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    )
    monkeypatch.syspath_prepend(tmp_path)

    found = next(package for package in installed_packages() if package.name == "tool")
    assert (found.version, found.origin) == ("1.0", "git+https://example.com/t@abc")


def test_a_broken_folder_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "broken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    assert "broken" not in {package.name for package in installed_packages()}


def test_title_and_count_are_shown():
    html = PythonDependencyRenderer("What was installed").to_html([Package("a", "1")])

    assert "<b>What was installed</b>" in html
    assert "1 package ·" in html
