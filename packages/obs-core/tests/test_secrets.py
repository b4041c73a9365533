"""Secrets are looked up where people keep them, and their values stay out of everything else."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_core import ObsError, ObsWarning, Secret
from obs_core.secrets import SecretAccessor, SecretNotFoundError, forget_secret_values, mask

WANDB = Secret(group="wandb", key="WANDB_API_KEY")
VALUE = "0123456789abcdef-value"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No secret is known or stored anywhere, and there is no keyring."""
    for name in ("OBS_SECRET_WANDB_WANDB_API_KEY", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OBS_SECRETS_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "keyring", None)
    forget_secret_values()
    yield
    forget_secret_values()


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, str], str | None]], None]:
    """Put a keyring in place that answers as told."""

    def install(get_password: Callable[[str, str], str | None]) -> None:
        module = types.ModuleType("keyring")
        vars(module)["get_password"] = get_password
        monkeypatch.setitem(sys.modules, "keyring", module)

    return install


def put(folder: Path, path: str, content: str | bytes) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_the_variable_of_the_group_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OBS_SECRET_WANDB_WANDB_API_KEY", "from the group's variable")
    monkeypatch.setenv("WANDB_API_KEY", "from the plain variable")
    put(tmp_path, "wandb/WANDB_API_KEY", "from the file")
    assert WANDB.resolve() == "from the group's variable"


def test_the_plain_variable_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "from the plain variable")
    put(tmp_path, "wandb/WANDB_API_KEY", "from the file")
    assert WANDB.resolve() == "from the plain variable"


def test_the_file_comes_before_the_keyring(
    tmp_path: Path, keyring: Callable[[Callable[[str, str], str | None]], None]
) -> None:
    keyring(lambda service, user: "from the keyring")
    put(tmp_path, "wandb/WANDB_API_KEY", "from the file")
    assert WANDB.resolve() == "from the file"


def test_the_keyring_is_asked_for_the_group_and_the_key(
    keyring: Callable[[Callable[[str, str], str | None]], None],
) -> None:
    keyring(lambda service, user: f"{user} of {service}")
    assert WANDB.resolve() == "WANDB_API_KEY of wandb"
    assert Secret(key="TOKEN").resolve() == "TOKEN of obs"


def test_names_become_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_SECRET_COMET_ML_API_KEY_1", VALUE)
    assert Secret("comet-ml", "api.key 1").resolve() == VALUE


def test_a_secret_without_group_has_shorter_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(tmp_path, "TOKEN", "from the file")
    assert Secret(key="TOKEN").resolve() == "from the file"
    monkeypatch.setenv("OBS_SECRET_TOKEN", "from the variable")
    assert Secret(key="TOKEN").resolve() == "from the variable"


@pytest.mark.parametrize(
    ("content", "value"),
    [("value\n", "value"), ("value\r\n", "value"), ("value\n\n", "value"), (" value ", "value")],
)
def test_what_is_around_a_value_in_a_file_is_left_out(tmp_path: Path, content: str, value: str) -> None:
    put(tmp_path, "wandb/WANDB_API_KEY", content)
    assert WANDB.resolve() == value


def test_files_in_lower_case_are_found_too(tmp_path: Path) -> None:
    put(tmp_path, "wandb/wandb_api_key", VALUE)
    assert WANDB.resolve() == VALUE


def test_the_value_is_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "first-value")
    assert WANDB.resolve() == "first-value"
    monkeypatch.setenv("WANDB_API_KEY", "second-value")
    assert WANDB.resolve() == "second-value"
    assert mask("first-value, second-value") == "***, ***"


def test_an_error_names_every_place_and_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(SecretNotFoundError) as raised:
        WANDB.resolve()
    assert str(raised.value) == "\n".join(
        [
            "Secret(group='wandb', key='WANDB_API_KEY') was not found. Looked, in this order, at:",
            "  - environment variable OBS_SECRET_WANDB_WANDB_API_KEY: not set",
            "  - environment variable _FSEC_WANDB_WANDB_API_KEY: not set",
            "  - environment variable WANDB_API_KEY: not set",
            f"  - file {tmp_path}/wandb/WANDB_API_KEY: no such file",
            f"  - file {tmp_path}/wandb/wandb_api_key: no such file",
            "  - keyring, service 'wandb', user 'WANDB_API_KEY': the package keyring is not installed",
            "Set one of them, for example: export OBS_SECRET_WANDB_WANDB_API_KEY=...",
        ]
    )
    assert isinstance(raised.value, ObsError)
    assert isinstance(raised.value, LookupError)


def test_etc_secrets_is_the_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBS_SECRETS_DIR")
    with pytest.raises(SecretNotFoundError, match="file /etc/secrets/wandb/WANDB_API_KEY: no such file"):
        WANDB.resolve()


def test_an_empty_value_counts_as_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "")
    put(tmp_path, "wandb/WANDB_API_KEY", "\n")
    with pytest.raises(SecretNotFoundError) as raised:
        WANDB.resolve()
    assert "environment variable WANDB_API_KEY: empty" in str(raised.value)
    assert "wandb/WANDB_API_KEY: empty" in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, "wandb/WANDB_API_KEY", b"\xff\xfe")
    (tmp_path / "wandb" / "wandb_api_key").mkdir()
    with pytest.raises(SecretNotFoundError) as raised:
        WANDB.resolve()
    assert "WANDB_API_KEY: cannot be read (UnicodeDecodeError)" in str(raised.value)
    assert "wandb_api_key: cannot be read (IsADirectoryError)" in str(raised.value)


def test_a_keyring_that_fails_is_told(keyring: Callable[[Callable[[str, str], str | None]], None]) -> None:
    def locked(service: str, user: str) -> str | None:
        raise RuntimeError(f"{service} and {user} are locked")

    keyring(locked)
    with pytest.raises(SecretNotFoundError, match=r"keyring.*: cannot be read \(RuntimeError\)"):
        WANDB.resolve()


@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("..", "passwd"),
        ("wandb", "../outside"),
        ("wandb", "/outside"),
        (None, ".."),
        ("a\\b", "key"),
        ("c:", "key"),
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, group: str | None, key: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    put(tmp_path, "passwd", "stolen")
    put(tmp_path, "inside/outside", "stolen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBS_SECRETS_DIR", str(inside))
        with pytest.raises(SecretNotFoundError, match=r"refused, .* is no plain file name"):
            Secret(group, key).resolve()


def test_a_secret_shows_its_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", VALUE)
    secret = Secret(group="wandb", key="WANDB_API_KEY")
    secret.resolve()
    assert repr(secret) == str(secret) == "Secret(group='wandb', key='WANDB_API_KEY')"
    assert VALUE.encode() not in pickle.dumps(secret)


def test_secrets_are_equal_by_their_names() -> None:
    again = Secret("wandb", "WANDB_API_KEY")
    assert again == WANDB
    assert {WANDB: 1}[again] == 1
    assert Secret(key="WANDB_API_KEY") != WANDB
    assert pickle.loads(pickle.dumps(WANDB)) == WANDB == copy.deepcopy(WANDB)


def test_a_secret_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        WANDB.key = "OTHER"  # type: ignore[misc]


@pytest.mark.parametrize("names", [{}, {"group": "wandb"}, {"group": "wandb", "key": ""}])
def test_a_secret_needs_a_key(names: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="names no key"):
        Secret(**names)


@pytest.mark.parametrize("names", [{"key": 5}, {"key": None}, {"group": 5, "key": "KEY"}])
def test_names_are_text(names: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"a secret's (key|group) must be a str, not (int|NoneType)"):
        Secret(**names)  # type: ignore[arg-type]


def test_a_resolved_value_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mask(VALUE) == VALUE
    monkeypatch.setenv("WANDB_API_KEY", VALUE)
    WANDB.resolve()
    assert mask(f"the key is {VALUE}!") == "the key is ***!"


def test_a_value_too_short_to_be_masked_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STRICT", "0")
    monkeypatch.setenv("PIN_OF_THIS_TEST", "123")
    with pytest.warns(ObsWarning, match=r"key='PIN_OF_THIS_TEST'\) has under 4 characters") as warned:
        values = [Secret(key="PIN_OF_THIS_TEST").resolve() for _ in range(2)]
    assert values == ["123", "123"]
    assert len(warned) == 1
    assert mask("123") == "123"


def test_the_accessor_takes_group_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_SECRET_WANDB_WANDB_API_KEY", VALUE)
    monkeypatch.setenv("TOKEN", "another-value")
    secrets = SecretAccessor()
    assert secrets.get("wandb", "WANDB_API_KEY") == VALUE
    assert secrets.get(group="wandb", key="WANDB_API_KEY") == VALUE
    assert secrets.get(key="TOKEN") == secrets.get("TOKEN") == "another-value"


def test_the_accessor_needs_a_name() -> None:
    with pytest.raises(ValueError, match="names no key"):
        SecretAccessor().get()


@pytest.mark.posix
def test_a_forked_process_masks_what_was_resolved_before(
    run_script: Callable[..., object],
) -> None:
    run_script(
        """
import os
from obs_core import Secret
from obs_core.secrets import mask
Secret(key="TOKEN").resolve()
child = os.fork()
if child == 0:
    os._exit(0 if mask("a 0123456789 b") == "a *** b" else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        env={"TOKEN": "0123456789"},
    )


@pytest.mark.posix
def test_a_secret_is_resolved_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    program = (
        "import os\n"
        "from obs_core import Secret\n"
        "os.rmdir(os.getcwd())\n"
        "print(Secret(key='KEY', env_var='KEY').resolve())\n"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    environment = {**os.environ, "KEY": "abcdefgh"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=gone, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("abcdefgh\n", "")


@pytest.mark.posix
def test_a_secret_is_resolved_and_masked_where_no_descriptor_is_left(run_script: Callable[..., object]) -> None:
    run_script(
        """
import base64, json, os, resource, urllib.parse
from obs_core import Secret
from obs_core.secrets import SecretNotFoundError, mask
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
kept = []
try:
    while True:
        kept.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
value = Secret(key="TOKEN").resolve()
forms = [value, json.dumps(value)[1:-1], urllib.parse.quote(value, safe=""), base64.b64encode(value.encode()).decode()]
assert [mask(form).rstrip("=") for form in forms] == ["***"] * 4
try:
    Secret(key="NOWHERE").resolve()
except SecretNotFoundError as error:
    assert "keyring, service 'obs', user 'NOWHERE'" in str(error)
else:
    raise AssertionError("nothing is there")
""",
        env={"TOKEN": 'a"b/c d\n0123456789'},
    )
