"""Secret values are blanked out in every form in which they get into text."""

from __future__ import annotations

import base64
import html
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obs_core.rendering import render
from obs_core.secrets import forget_secret_values, mask, mask_value, masks_anything, register_secret_value
from obs_core.text.bounded_repr import bounded_repr, describe_error

SECRET = "p@ss wörd/<&\"'\\+%\n9"


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    forget_secret_values()
    yield
    forget_secret_values()


def lower_hex(quoted: str) -> str:
    return "".join(part.lower() if place % 2 else part for place, part in enumerate(split_codes(quoted)))


def split_codes(quoted: str) -> list[str]:
    """Text and ``%XX`` codes by turns."""
    parts: list[str] = [""]
    rest = quoted
    while "%" in rest:
        text, _, rest = rest.partition("%")
        parts += [f"{parts.pop()}{text}", f"%{rest[:2]}", ""]
        rest = rest[2:]
    return [*parts[:-1], parts[-1] + rest]


TEXT_FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quote": lambda s: quote(s, safe=""),
    "quote with slashes": quote,
    "quote_plus": quote_plus,
    "quote, lower hex": lambda s: lower_hex(quote(s, safe="")),
    "encodeURIComponent": lambda s: quote(s, safe="!'()*"),
    "user info of a URL": lambda s: quote(s, safe="!$&'()*+,;="),
    "html": html.escape,
    "html without quotes": lambda s: html.escape(s, quote=False),
    "html, decimal": lambda s: html.escape(s).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "html, ascii": lambda s: html.escape(s).encode("ascii", "xmlcharrefreplace").decode(),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json in a script": lambda s: json.dumps(s)[1:-1].replace("<", "\\u003c").replace("&", "\\u0026"),
    "json with escaped slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "json in html": lambda s: html.escape(json.dumps(s)[1:-1]),
    "repr": lambda s: repr(s)[1:-1],
    "repr within other quotes": lambda s: repr(s + "'\"")[1:-4],
    "ascii": lambda s: ascii(s)[1:-1],
    "repr of its bytes": lambda s: repr(s.encode())[2:-1],
    "repr in html": lambda s: html.escape(repr(s)[1:-1]),
    "url in html": lambda s: html.escape(quote(s, safe="&'")),
    "with windows' line ends": lambda s: s.replace("\n", "\r\n"),
}

SECRETS = st.text(
    st.characters(min_codepoint=9, max_codepoint=0x1F600, exclude_categories=["Cs"], exclude_characters="*\r"),
    min_size=4,
    max_size=40,
).filter(lambda secret: len(secret.strip()) >= 4)


@pytest.mark.parametrize("form", TEXT_FORMS)
@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
@example(secret=SECRET, before="", after="")
@example(secret="\\\"\\\"\\'\\'", before="\\", after='"')
@example(secret="%25%2525", before="%", after="%25")
@example(secret="&amp;&#39;", before="&", after="amp;")
@settings(deadline=None, max_examples=40)
def test_a_secret_is_gone_in_each_form(form: str, secret: str, before: str, after: str) -> None:
    forget_secret_values()
    assert register_secret_value(secret)
    written = TEXT_FORMS[form](secret)
    masked = mask(f"{before} {written} {after}")
    assert "***" in masked
    assert written not in masked.replace("***", "\0")


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_only_the_secret_is_replaced(form: str) -> None:
    register_secret_value(SECRET)
    assert mask(f"before {TEXT_FORMS[form](SECRET)} after") == "before *** after"


@given(secret=SECRETS, before=st.binary(max_size=7), after=st.binary(max_size=7), alphabet=st.booleans())
@settings(deadline=None, max_examples=200)
def test_no_base64_holds_a_secret_wherever_it_stands(secret: str, before: bytes, after: bytes, alphabet: bool) -> None:
    forget_secret_values()
    register_secret_value(secret)
    encode = base64.urlsafe_b64encode if alphabet else base64.b64encode
    digits = encode(before + secret.encode() + after).decode()
    masked = mask(digits)
    assert "***" in masked
    start, _, end = masked.partition("***")
    # what is left of it was made of other bytes alone
    assert len(start) <= -(-len(before) * 8 // 6)
    assert len(end) <= -(-len(after) * 8 // 6) + 3


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("secret", ["abcd", "abcde", "abcdef", "????>>>>", "key-ö-9"])
def test_base64_of_the_secret_alone_is_gone_with_its_padding(secret: str, padded: bool) -> None:
    register_secret_value(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        digits = encode(secret.encode()).decode()
        assert mask(f"[{digits if padded else digits.rstrip('=')}]") == "[***]"


def test_basic_authentication_is_masked() -> None:
    register_secret_value("hunter2hunter2")
    header = base64.b64encode(b"user:hunter2hunter2").decode()
    assert mask(f"Authorization: Basic {header}") == "Authorization: Basic dXNlcj***"


def test_base64_in_a_url_is_masked() -> None:
    register_secret_value("~~~~????")
    assert mask("token=" + quote(base64.b64encode(b"~~~~????").decode(), safe="")) == "token=***%3D"


def test_every_occurrence_is_masked() -> None:
    register_secret_value("abab")
    assert mask("abab x ababab abab") == "*** x *** ***"


def test_overlapping_secrets_are_covered_whole() -> None:
    register_secret_value("-----BEGIN")
    register_secret_value("BEGIN-of-a-long-secret")
    assert mask("[-----BEGIN-of-a-long-secret]") == "[***]"


def test_a_secret_within_a_secret_leaves_no_rest() -> None:
    register_secret_value("core")
    register_secret_value("hard-core-key")
    assert mask("hard-core-key, core") == "***, ***"


def test_a_pem_key_is_masked_line_by_line() -> None:
    lines = ["MIIEvQIBADANBgkqhkiG9w0BAQEF", "AASCBKcwggSjAgEAAoIBAQC7VJTU"]
    register_secret_value("\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "short", "-----END PRIVATE KEY-----"]))
    assert mask(f"{lines[1]} then {lines[0]}") == "*** then ***"
    assert mask("short") == "short"


def test_space_around_a_secret_does_not_hide_it() -> None:
    register_secret_value("  s3cret-token \n")
    assert mask("Bearer s3cret-token") == "Bearer ***"


def test_values_under_four_characters_are_not_masked() -> None:
    assert not register_secret_value("abc")
    assert not masks_anything()
    assert mask("abc") == "abc"


def test_text_without_secrets_comes_back_itself() -> None:
    text = "nothing to hide"
    assert mask(text) is text
    register_secret_value("k9-very-secret")
    assert mask(text) is text


def test_text_of_a_megabyte_is_masked_wherever_the_secret_stands() -> None:
    register_secret_value("k9-very-secret")
    row = "<td>1.25</td>" * 40_000
    assert mask(f"{row}k9-very-secret{row}") == f"{row}***{row}"


def test_many_backslashes_do_not_take_for_ever() -> None:
    register_secret_value('\\"' * 40)
    assert mask('\\\\"' * 39) == '\\\\"' * 39


def test_structures_are_masked_within() -> None:
    register_secret_value("12345678")
    value = {
        "list": ["a12345678", 12345678, 7, True, None],
        "12345678": ("x", {"12345678"}),
        "raw": b"12345678",
    }
    assert mask_value(value) == {
        "list": ["a***", "***", 7, True, None],
        "***": ("x", {"***"}),
        "raw": b"***",
    }


def test_a_structure_without_secrets_stays_the_same_object() -> None:
    register_secret_value("12345678")
    value = {"a": [1, 2, {"b": "text"}], "c": (b"\xff\x00", 10**9_000, 1.5)}
    assert mask_value(value) is value
    inner = ["nothing"]
    assert mask_value({"key": "12345678", "inner": inner})["inner"] is inner


def test_bytes_that_are_no_text_keep_their_other_bytes() -> None:
    register_secret_value("k9-very-secret")
    assert mask_value(b"\xff\xfek9-very-secret\x00") == b"\xff\xfe***\x00"


def test_a_structure_that_holds_itself_ends() -> None:
    register_secret_value("k9-very-secret")
    ring: dict[str, object] = {"key": "k9-very-secret"}
    ring["self"] = ring
    assert mask_value(ring)["key"] == "***"


def test_threads_may_register_at_once() -> None:
    secrets = [f"secret-number-{number}" for number in range(64)]
    threads = [threading.Thread(target=register_secret_value, args=(secret,)) for secret in secrets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mask(" ".join(secrets)) == " ".join(["***"] * 64)


def test_an_undecodable_environment_variable_is_masked_as_its_bytes() -> None:
    register_secret_value(b"key-\xff\xfe-end".decode("utf-8", "surrogateescape"))
    assert mask_value(b"=key-\xff\xfe-end=") == b"=***="
    assert mask(f"[{base64.b64encode(b'key-' + bytes([255, 254]) + b'-end').decode()}]") == "[***]"


@pytest.mark.parametrize("width", [60, 64, 76])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_base64_that_is_broken_into_lines_is_masked_wherever_it_is_broken(width: int, line_break: str) -> None:
    secret = "sk0live9AbCdEf7hIjKlMnOp42"
    register_secret_value(secret)
    for ahead in range(0, 120, 7):
        encoded = base64.b64encode(b"x" * ahead + secret.encode() + b"y" * 50).decode()
        text = line_break.join(encoded[start : start + width] for start in range(0, len(encoded), width))
        left = mask(text).replace("***", "").replace(line_break, "")
        assert not any(base64.b64encode(bytes(shift) + secret.encode()).decode()[4:-4] in left for shift in range(3))
        assert "***" in mask(text)


def test_hexadecimal_and_escapes_of_escapes_are_masked() -> None:
    secret = 'pa"ss&word<1>'
    register_secret_value(secret)
    as_json = json.dumps({"key": secret})
    for text in (
        secret.encode().hex(),
        secret.encode().hex().upper(),
        json.dumps(as_json),
        html.escape(html.escape(secret)),
        html.escape(as_json),
    ):
        assert mask(text) != text, text
        assert "word" not in mask(text).lower(), text
        assert b"word".hex() not in mask(text).lower(), text


def test_a_secret_that_is_cut_leaves_no_half() -> None:
    secret = "sk0live9AbCdEf7hIjKlMnOp42"
    register_secret_value(secret)
    for ahead in (1_980, 1_990, 19_990, 490, 495):
        text = "x" * ahead + secret + "y" * 3_000
        for shown in (bounded_repr(text), bounded_repr([text]), describe_error(ValueError(text)), render(text)):
            assert "sk0" not in shown
    data = b"z" * 250 + secret.encode()
    assert secret[:6].encode().hex(" ") not in render(data)


def test_a_secret_that_lies_on_itself_is_covered_whole() -> None:
    for secret, text, left in (
        ("0000", "a" + "0" * 50 + "b", "a***b"),
        ("abcab", "xabcabcabcaby", "x***y"),
        ("aabaa", "-aabaaabaa-aabaabaa-", "-***-***-"),
    ):
        forget_secret_values()
        register_secret_value(secret)
        assert mask(text) == left


def test_masking_a_long_run_takes_no_more_than_the_text_again() -> None:
    register_secret_value("0000")
    text = "0" * 3_000_000 + "1" + "0" * 3
    tracemalloc.start()
    masked = mask(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert masked == "***1000"
    assert peak < 2 * len(text)
