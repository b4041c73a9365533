"""What Flyte's users wrote for flytekit works with obs: only the imports change."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from obs_core import (
    Deck,
    Secret,
    TimeLineDeck,
    Tracker,
    TypeTransformer,
    current_context,
    load_execution,
    span,
    task,
)
from obs_core.secrets import SecretNotFoundError, as_secret
from obs_core.testing import RecordingStore


def test_flytes_environment_variable_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    accessor = current_context().secrets
    assert accessor.get_secrets_env_var("wandb", "api_key") == "_FSEC_WANDB_API_KEY"
    assert accessor.get_secrets_env_var("wandb", "api_key", "v2") == "_FSEC_WANDB_V2_API_KEY"
    monkeypatch.setenv("_FSEC_WANDB_API_KEY", " the-key-of-wandb\n")
    monkeypatch.setenv("_FSEC_WANDB_V2_API_KEY", "the-second-key")
    assert accessor.get("wandb", "api_key") == "the-key-of-wandb"
    assert accessor.wandb.api_key == accessor.wandb.get("api_key") == "the-key-of-wandb"
    assert accessor.get("wandb", "api_key", group_version="v2") == "the-second-key"
    assert accessor.get("wandb", "api_key", encode_mode="rb") == b"the-key-of-wandb"
    with pytest.raises(ValueError, match="encode_mode"):
        accessor.get("wandb", "api_key", encode_mode="w")  # type: ignore[call-overload]


def test_flytes_folder_holds_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    accessor = current_context().secrets
    assert accessor.get_secrets_file("WandB", "API_KEY") == "/etc/secrets/wandb/api_key"
    monkeypatch.setenv("FLYTE_SECRETS_DEFAULT_DIR", str(tmp_path))
    (tmp_path / "wandb" / "v2").mkdir(parents=True)
    (tmp_path / "wandb" / "api_key").write_text("key-in-a-file\n\n")
    (tmp_path / "wandb" / "v2" / "api_key").write_text("second-key-in-a-file\n")
    assert accessor.get("WandB", "API_KEY") == "key-in-a-file"
    assert Secret("wandb", "api_key", group_version="v2").resolve() == "second-key-in-a-file"


def test_a_secret_that_is_no_text_is_had_as_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: RecordingStore
) -> None:
    accessor = current_context().secrets
    monkeypatch.setenv("FLYTE_SECRETS_DEFAULT_DIR", str(tmp_path))
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "cert").write_bytes(b"\xff\xfe\x00binary-secret\n")
    assert accessor.get("tls", "cert", encode_mode="rb") == b"\xff\xfe\x00binary-secret"
    with pytest.raises(SecretNotFoundError, match="cannot be read"):
        accessor.get("tls", "cert")

    @task(enable_deck=False)
    def use() -> None:
        with span("connect", given=accessor.get("tls", "cert", encode_mode="rb")):
            pass

    use()
    (used,) = (one for one in store.last().span.walk() if one.name == "connect")
    assert used.attributes == {"given": "b'***'"}


def test_a_name_alone_is_the_key_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    accessor = current_context().secrets
    monkeypatch.setenv("_FSEC_WHOLE", "the-whole-group")
    assert accessor.get("whole") == "the-whole-group"
    assert accessor.get_secrets_env_var("whole") == "_FSEC_WHOLE"
    assert accessor.get_secrets_file("whole") == "/etc/secrets/whole"


def test_flytes_ways_to_mount_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOUNTED_KEY", "the-mounted-key")
    for name in ("ANY", "ENV_VAR", "FILE"):
        secret = Secret(group="g", key="MOUNTED_KEY", mount_requirement=Secret.MountType[name])
        assert secret.resolve() == "the-mounted-key"


def test_a_missing_secret_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_SECRETS_DIR", "/nowhere")
    with pytest.raises(ValueError, match="was not found"):
        current_context().secrets.get("nobody", "has_this_one")
    with pytest.raises(SecretNotFoundError):
        _ = current_context().secrets.nobody.has_this_one


def test_a_secret_takes_flytes_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret(group="g", key="k", group_version="1", mount_requirement="FILE", env_var="MY_OWN_NAME")
    monkeypatch.setenv("MY_OWN_NAME", "by-its-own-name")
    assert secret.resolve() == "by-its-own-name"
    assert repr(Secret(group="g", key="k")) == "Secret(group='g', key='k')"


class OtherSecret:
    """A secret as another library has it."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Offline(Tracker):
    service = "nothing"
    link_name = "Nothing"

    def is_online(self) -> bool:
        return False

    def begin(self, call: Any, origin: Any, key: str | None) -> str | None:
        return key or "offline"

    def address(self, experiment: Any) -> str:
        return str(experiment)

    def finish(self, call: Any, experiment: Any, *, failed: bool) -> None:
        pass


class Online(Offline):
    def is_online(self) -> bool:
        return True


def test_a_tracker_takes_the_secret_of_another_library(monkeypatch: pytest.MonkeyPatch, store: RecordingStore) -> None:
    given = OtherSecret(group="g", key="k", group_version=None, mount_requirement=object(), env_var=None)
    assert (as_secret(given).group, as_secret(given).key) == ("g", "k")
    monkeypatch.setenv("_FSEC_G_K", "key-of-another-library")
    task(Online(given)(lambda: None), name="work")()  # type: ignore[arg-type]
    assert [link.name for link in store.last().tasks[0].links] == ["Nothing"]


def test_a_tracker_that_is_offline_demands_no_secret(store: RecordingStore) -> None:
    task(Offline(None)(lambda: None), name="work")()
    assert [link.url for link in store.last().tasks[0].links] == ["offline"]
    with pytest.raises(ValueError, match="secret must be set"):
        Online(None)


def test_decks_are_disabled_as_in_flyte(store: RecordingStore) -> None:
    task(disable_deck=True)(lambda: None)()
    task(disable_deck=False)(lambda: None)()
    first, second = [found.report_paths() for found in store.executions()]
    assert sorted([len(first), len(second)]) == [0, 1]
    with pytest.raises(ValueError, match="contradict each other"):
        task(disable_deck=True, enable_deck=True)


def test_a_name_alone_names_a_task(store: RecordingStore) -> None:
    @task("clean the flights")
    def clean() -> int:
        return 7

    assert clean() == 7
    assert [one.name for one in store.last().tasks] == ["clean the flights"]


class Shouting(Deck):
    """A deck that draws itself."""

    @property
    def html(self) -> str:
        return f"<h1>{super().html.upper()}</h1>"


def test_a_deck_that_overrides_html_is_drawn(folder: Path, store: RecordingStore) -> None:
    @task(deck_fields=[])
    def work() -> str:
        deck = Shouting("Loud")
        deck.append("first").append("second")
        return deck.html

    assert work() == "<h1>FIRST\nSECOND</h1>"
    (deck,) = store.last().tasks[0].decks
    assert (deck.name, deck.items) == ("Loud", ["<h1>FIRST\nSECOND</h1>"])


def test_a_deck_whose_html_fails_leaves_a_note(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Deck):
        @property
        def html(self) -> str:
            raise RuntimeError("no")

    monkeypatch.setenv("OBS_STRICT", "0")

    @task(deck_fields=[])
    def work() -> None:
        Broken("Broken")

    with pytest.warns(UserWarning, match="drawing deck 'Broken'"):
        work()
    (one,) = store.last().tasks
    assert one.status == "succeeded"
    assert any("drawing deck 'Broken'" in note for note in one.notes)


def test_a_time_line_takes_what_flyte_gives_it(store: RecordingStore) -> None:
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    infos: list[dict[str, Any]] = [
        {"Start": began, "Finish": began + datetime.timedelta(seconds=2), "Name": "both"},
        {"Start": began, "WallTime": 1.5, "ProcessTime": 0.5, "Name": "from its start"},
        {"Name": "by now", "WallTime": 0.25, "ProcessTime": 0.125},
    ]

    @task(deck_fields=[])
    def work() -> list[dict[str, Any]]:
        deck = TimeLineDeck("Steps")
        for info in infos:
            deck.append_time_info(info)
        return deck.time_info

    assert work() == infos
    (deck,) = store.last().tasks[0].decks
    assert all(info["Name"] in deck.items[0] for info in infos)
    with pytest.raises(ValueError, match="needs Start, Finish and Name"):
        TimeLineDeck("Steps").append_time_info({"Name": "nothing else"})


def test_a_transformer_draws_with_flytes_arguments() -> None:
    class Points(TypeTransformer[complex]):
        python_type = complex
        name = "example.point"

    assert Points().to_html(object(), 1 + 2j, complex) == Points().to_html(1 + 2j)  # type: ignore[arg-type]


def test_explain_goes_so_deep_and_says_when(capsys: pytest.CaptureFixture[str]) -> None:
    from obs_core import execution, span
    from obs_core.commands.main import main

    with execution("night"), span("outer"), span("inner"):
        pass
    found = load_execution("last").span
    main(["explain", "last", "--depth", "1", "--absolute"])
    tree = capsys.readouterr().out.split("\n\n")[1]
    assert [line.split()[1] for line in tree.splitlines()[2:3]] == ["outer"]
    assert "inner" not in tree
    assert f"{found.start:%H:%M:%S.%f}"[:-3] in tree
