"""81 ways in which a program writes a secret down, with three secrets each: none is readable once it is masked."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import quopri
import re
import shlex
import textwrap
import unicodedata
import xml.sax.saxutils
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest

from obs_core.secrets import forget_secret_values, mask, register_secret_value

SECRETS = ("p@ss wörd/<&\"'\\+%\n9", "sk0live9AbCdEf7hIjKlMnOp42", "ключ-密码=42")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    forget_secret_values()
    yield
    forget_secret_values()


def quoted(text: str) -> str:
    return quote(text, safe="")


def b64(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def by_byte(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(byte) for byte in text.encode())


def by_char(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(char)) for char in text)


def after(*steps: Callable[[str], str]) -> Callable[[str], str]:
    """Write it in one way, and what that gives in the next."""

    def written(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return written


def as_csv(text: str) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([text, 'a "b"'])
    return file.getvalue()


def backslashed(pattern: str) -> Callable[[str], str]:
    return lambda text: re.sub(f"({pattern})", r"\\\1", text)


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    # URLs
    "a URL": quoted,
    "a path": quote,
    "a form": quote_plus,
    "a URL of numbers": by_byte("%{:02X}"),
    "a URL of small numbers": by_byte("%{:02x}"),
    "a URL in a URL": after(quoted, quoted),
    "a URL in a URL in a URL": after(quoted, quoted, quoted),
    # HTML
    "HTML": html.escape,
    "HTML in HTML": after(html.escape, html.escape),
    "HTML in HTML in HTML": after(html.escape, html.escape, html.escape),
    "HTML of numbers": by_char("&#{};"),
    "HTML of hexadecimal numbers": by_char("&#x{:x};"),
    "HTML in ASCII": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "an attribute of XML": lambda text: xml.sax.saxutils.quoteattr(text)[1:-1],
    "HTML whose spaces do not break": lambda text: html.escape(text).replace(" ", "&nbsp;"),
    "HTML with breaks": lambda text: html.escape(text).replace("\n", "<br>"),
    "a div for each line": lambda text: "".join(f"<div>{html.escape(line)}</div>" for line in text.split("\n")),
    # JSON
    "JSON": json.dumps,
    "JSON in JSON": after(json.dumps, json.dumps),
    "JSON in JSON in JSON": after(json.dumps, json.dumps, json.dumps),
    "JSON that is not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of numbers": by_char("\\u{:04x}"),
    # Python
    "a repr": repr,
    "an ASCII repr": ascii,
    "a repr of bytes": lambda text: repr(text.encode()),
    "a repr of a repr": after(repr, repr),
    "a repr of a repr of a repr": after(repr, repr, repr),
    "bytes of numbers": by_byte("\\x{:02x}"),
    "bytes of large numbers": by_byte("\\x{:02X}"),
    "bytes of octal numbers": by_byte("\\{:03o}"),
    "a list of bytes": lambda text: str(list(text.encode())),
    "unicode-escape": lambda text: text.encode("unicode_escape").decode(),
    "backslashreplace": lambda text: text.encode("ascii", "backslashreplace").decode(),
    "namereplace": lambda text: text.encode("ascii", "namereplace").decode(),
    # one in another
    "a repr of JSON": after(json.dumps, repr),
    "JSON of a repr": after(repr, json.dumps),
    "JSON of a repr of bytes": lambda text: json.dumps(repr(text.encode())),
    "HTML of JSON": after(json.dumps, html.escape),
    "HTML of a repr": after(repr, html.escape),
    "JSON of HTML": after(html.escape, json.dumps),
    "a URL of JSON": after(json.dumps, quoted),
    "JSON of a URL": after(quote, json.dumps),
    "HTML of a URL": after(quote, html.escape),
    "a URL of HTML": after(html.escape, quoted),
    "HTML of JSON in JSON": after(json.dumps, json.dumps, html.escape),
    "HTML in HTML of JSON": after(json.dumps, html.escape, html.escape),
    # base64
    "base64": b64,
    "base64 after one byte": lambda text: b64(f"u{text}!"),
    "base64 after two bytes": lambda text: b64(f"u:{text}!!"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"u:{text}".encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(b"x" * 70 + text.encode() + b"y" * 70).decode(),
    "base64 in lines of PEM": lambda text: "\n".join(textwrap.wrap(b64("x" * 40 + text), 64)),
    "base64 in lines in JSON": lambda text: json.dumps(base64.encodebytes(b"x" * 50 + text.encode()).decode()),
    "base64 in lines of YAML": lambda text: textwrap.indent(
        base64.encodebytes(b"x" * 50 + text.encode()).decode(), "    "
    ),
    "HTML of base64": after(b64, html.escape),
    "a URL of base64": after(b64, quoted),
    "base64 of JSON": lambda text: b64(json.dumps({"key": text})),
    "base64 of UTF-16": lambda text: b64(text.encode("utf-16-le")),
    "base64 of Latin-1": lambda text: b64(text.encode("latin-1", "replace")),
    # numbers
    "hexadecimal": lambda text: text.encode().hex(),
    "large hexadecimal": lambda text: text.encode().hex().upper(),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    "large hexadecimal with spaces": lambda text: text.encode().hex(" ").upper(),
    "hexadecimal with colons": lambda text: text.encode().hex(":"),
    "hexadecimal UTF-16": lambda text: text.encode("utf-16-le").hex(),
    # programs and files
    "CSV": as_csv,
    "SQL": lambda text: text.replace("'", "''"),
    "a shell": shlex.quote,
    "a shell's escapes": lambda text: "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'",
    "JavaScript": lambda text: text.replace("\\", "\\\\").replace("`", "\\`"),
    "YAML": lambda text: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"),
    "a regular expression": re.escape,
    "Markdown": backslashed(r"[\\`*_{}\[\]()#+\-.!|<>]"),
    "a backslash before all that is no letter": backslashed(r"\W"),
    "mail": lambda text: quopri.encodestring(text.encode()).decode(),
    "Windows' line ends": lambda text: text.replace("\n", "\r\n"),
    "spaces that do not break": lambda text: text.replace(" ", "\u00a0"),
    "accents apart": lambda text: unicodedata.normalize("NFD", text),
    "UTF-8 read as Latin-1": lambda text: text.encode().decode("latin-1"),
    "HTML of UTF-8 read as Latin-1": lambda text: html.escape(text.encode().decode("latin-1")),
}


def windows(text: str) -> set[str]:
    return {text[start : start + 6] for start in range(len(text) - 5)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", SECRETS, ids=["signs", "letters", "alphabets"])
def test_no_secret_can_be_read(way: str, secret: str) -> None:
    register_secret_value(secret)
    written = WAYS[way](secret)
    masked = mask(f"before {written} after")
    assert "***" in masked
    # Six characters in a row that another secret would not have put there.
    telling = windows(written) - windows(WAYS[way](secret[::-1].swapcase()))
    assert [each for each in telling if each in masked] == []


def test_there_are_81_ways() -> None:
    assert len(WAYS) == 81
