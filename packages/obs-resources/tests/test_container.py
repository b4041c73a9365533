from __future__ import annotations

from pathlib import Path

from obs_resources.container import Container


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_2_counts_anonymous_memory_against_the_tightest_limit(tmp_path: Path) -> None:
    write(tmp_path / "pod", memory__events="oom_kill 0\n", memory__max="2000000000\n", memory__stat="anon 1\n")
    write(
        tmp_path / "pod" / "main",
        memory__events="oom_kill 0\n",
        memory__max="max\n",
        memory__stat="anon 500000000\nfile 400000000\n",
        cpu__stat="usage_usec 5\nnr_periods 10\nnr_throttled 0\nthrottled_usec 0\n",
    )
    container = Container(str(tmp_path), "0::/pod/main\n")
    assert container.read() == {"container.memory": 500e6, "container.limit": 2e9}
    write(tmp_path / "pod" / "main", cpu__stat="nr_periods 20\nnr_throttled 4\n")
    assert container.read()["container.throttled"] == 0.4


def test_version_1_counts_it_with_what_is_below(tmp_path: Path) -> None:
    write(
        tmp_path / "memory" / "docker" / "abc",
        memory__stat="cache 7\nrss 1\nhierarchical_memory_limit 1000000000\ntotal_rss 300000000\n",
    )
    container = Container(str(tmp_path), "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n")
    assert container.read() == {"container.memory": 300e6, "container.limit": 1e9}


def test_within_a_container_the_mount_is_the_group(tmp_path: Path) -> None:
    write(tmp_path / "memory", memory__stat="hierarchical_memory_limit 1000000000\ntotal_rss 300000000\n")
    assert Container(str(tmp_path), "4:memory:/docker/abc\n").read()["container.limit"] == 1e9


def test_no_limit_is_not_said(tmp_path: Path) -> None:
    write(tmp_path / "memory", memory__stat="hierarchical_memory_limit 9223372036854771712\ntotal_rss 5\n")
    assert Container(str(tmp_path), "4:memory:/\n").read() == {"container.memory": 5}
    write(tmp_path, memory__events="oom_kill 0\n", memory__max="max\n", memory__stat="anon 7\n")
    assert Container(str(tmp_path), "0::/\n").read() == {"container.memory": 7}


def test_without_groups_there_is_nothing(tmp_path: Path) -> None:
    assert Container(str(tmp_path), "").read() == {}
