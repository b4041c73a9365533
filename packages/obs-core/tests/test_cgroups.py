"""Memory cgroups of both versions, as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path

from obs_core.cgroups import MemoryCgroup, memory_cgroup


def laid_out(root: Path, files: dict[str, str]) -> tuple[str, str]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return str(root / "cgroup"), str(root / "proc")


def test_version_2_takes_the_least_limit_on_the_way_up(tmp_path: Path) -> None:
    root, proc = laid_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/jobs/train\n",
            "cgroup/jobs/memory.max": "4294967296\n",
            "cgroup/jobs/train/memory.max": "max\n",
            "cgroup/jobs/train/memory.peak": "4273512448\n",
            "cgroup/jobs/train/memory.events": "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n",
        },
    )
    assert memory_cgroup(None, root, proc) == MemoryCgroup(4_294_967_296, 4_273_512_448, 1)


def test_version_2_in_a_container_is_its_own_root(tmp_path: Path) -> None:
    files = {"proc/7/cgroup": "0::/\n", "cgroup/memory.max": "1000\n", "cgroup/memory.events": "oom_kill 0\n"}
    root, proc = laid_out(tmp_path, files)
    assert memory_cgroup(7, root, proc) == MemoryCgroup(1000, None, 0)


def test_version_1_knows_no_limit_by_its_size(tmp_path: Path) -> None:
    root, proc = laid_out(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/jobs\n0::/\n",
            "cgroup/memory/jobs/memory.stat": "cache 5\n",
            "cgroup/memory/jobs/memory.limit_in_bytes": "9223372036854771712\n",
            "cgroup/memory/jobs/memory.max_usage_in_bytes": "77\n",
            "cgroup/memory/jobs/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
        },
    )
    assert memory_cgroup(None, root, proc) == MemoryCgroup(None, 77, 3)


def test_without_cgroups_nothing_is_said(tmp_path: Path) -> None:
    assert memory_cgroup(None, str(tmp_path), str(tmp_path)) is None
