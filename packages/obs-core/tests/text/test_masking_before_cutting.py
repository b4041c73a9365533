"""obs cuts no text before it is masked: half of a secret would be known to nobody."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_core.secrets import forget_secret_values, register_secret_value
from obs_core.text.masking import masked_name, masked_text

SECRET = "Zq7Kp2Vx9Lm4Wt8Nb3Rc"

PLACES = {
    "a printed line": "print('a' * before + key + 'b' * 20_000)",
    "a line that has no end": "sys.stdout.write('a' * before + key + 'b' * 70_000)",
    "a line that comes in pieces": ("for each in ('a' * (before + 5), key[:9], key[9:]): sys.stdout.write(each)"),
    "a logged error": "logging.error('a' * before + key)",
    "a metric's name": "log_metric('a' * before + key, 1.0)",
    "a parameter's name": "log_params({'a' * before + key: 1})",
    "a check's name": "check('a' * before + key, False)",
    "a check's detail": "check('mine', False, 'a' * before + key)",
    "a check's odd detail": "check('mine', False, ['a' * before + key])",
    "a note": "current_context().note('a' * before + key)",
    "a printed JSON line": "print('{\"level\": \"error\", \"event\": \"' + 'a' * before + key + 'b' * 20_000 + '\"}')",
    "a warning": "warnings.warn('a' * before + key + 'b' * 20_000)",
    "a bar": "[None for _ in track(range(2), 'a' * before + key)]",
}


@pytest.mark.parametrize("place", PLACES)
def test_no_limit_of_ours_leaves_a_part_of_a_secret(
    run_script: Callable[..., subprocess.CompletedProcess[str]], folder: Path, place: str
) -> None:
    source = f"""
import logging, os, sys, warnings
from obs_core import Secret, check, current_context, log_metric, log_params, task, track

key = Secret(key="KEY").resolve()

@task
def work(before):
    {PLACES[place]}

for limit in (80, 199, 200, 999, 1_000, 8_192, 65_536):
    for inside in (5, 10, 19):
        work(limit - inside)
"""
    run_script(source, env={"KEY": SECRET, "OBS_STRICT": "0"})
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files]
    assert any(b"aaaaaaaaaa" in content for content in contents)
    written = b"".join(contents)
    assert not any(SECRET[at : at + 5].encode() in written for at in range(len(SECRET) - 4))


def test_a_text_is_masked_and_then_cut() -> None:
    forget_secret_values()
    register_secret_value(SECRET)
    try:
        assert masked_text(f"with {SECRET} it works", 12, "…") == "with *** it…"
        assert masked_text("short", 12, "…") == "short"
    finally:
        forget_secret_values()


def test_names_that_differ_after_the_cut_still_differ() -> None:
    first, second = (masked_name("x" * 300 + end, 200) for end in "AB")
    assert first != second
    assert (len(first), first[:191]) == (200, "x" * 191)
    assert masked_name("loss", 200) == "loss"
