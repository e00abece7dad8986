"""The canonical form of a text, and the HTML that is made of the subset."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paykeel.errors import CardNumberRefused, InvalidField
from paykeel.terms.markdown import HTML_BYTES_MAX, TEXT_BYTES_MAX, canonical, render
from tests.unit.terms.reading import Page, accepted, refusal


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a", "a\n"),
        ("a\n", "a\n"),
        ("\n\r\n a\r\rb \t\r\n\n\n", " a\n\nb\n"),
        ("\ufeff# T", "# T\n"),
        ("a\u0308", "\u00e4\n"),
        ("a\u00a0\u3000\nb", "a\nb\n"),
        ("\ta\n\n\n\nb", "\ta\n\n\n\nb\n"),
        # Joiners and marks of direction belong to languages; only overrides are refused.
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\u200f",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\u200f\n",
        ),
    ],
)
def test_a_text_has_one_canonical_form(given_text: str, expected: str) -> None:
    assert canonical(given_text) == expected


@given(st.text(max_size=60))
@example("e\u0301 \u2126\u1fef\n\u0301 a")
@example("\n \u0301a")
def test_the_canonical_form_of_itself_is_itself(text: str) -> None:
    once = accepted(canonical, text)
    if once is None:
        return
    assert canonical(once) == once
    assert once.endswith("\n")
    assert not once.endswith("\n\n")
    assert not once.startswith("\n")
    assert all(line == line.rstrip() for line in once.split("\n"))


@pytest.mark.parametrize(
    "code_point",
    [
        *(0, 7, 0x0B, 0x0C, 0x1B, 0x7F, 0x85, 0x2028, 0x2029, 0x202A, 0x202E, 0x2063, 0x2066),
        *(0x2069, 0x206A, 0xD800, 0xDFFF, 0xE000, 0xF8FF, 0xFDD0, 0xFEFF, 0xFFF9, 0xFFFD, 0xFFFE),
        *(0x115F, 0x1160, 0x200B, 0x2060, 0x3164, 0xFFA0),
        *(0xFFFF, 0x1FFFE, 0xEFFFF, 0xE0001, 0xE0041, 0xF0000, 0x10FFFF),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_line(code_point: int) -> None:
    code, message = refusal(f"a\r\nb\n\nc{chr(code_point)}d")
    assert (code, message) == (
        "terms_text_characters",
        f"Line 4: U+{code_point:04X} is not allowed.",
    )


@pytest.mark.parametrize("code_point", [0x202E, 0x2066, 0xE000, 0xE0041])
def test_an_entity_brings_in_nothing_that_is_refused(code_point: int) -> None:
    for entity in (f"&#{code_point};", f"&#x{code_point:x};"):
        assert refusal(f"a\n\nb\nc{entity}d") == (
            "terms_text_characters",
            f"Line 4: U+{code_point:04X} is not allowed.",
        )
        assert "&amp;" in render(f"a `c{entity}d`")


def test_heaps_of_marks_are_refused_before_they_are_put_in_order() -> None:
    row = "\u0301\u0316" * 100_000
    assert refusal(f"a\nb{row}") == (
        "terms_text_characters",
        "Line 2: more than 30 marks on a letter.",
    )
    assert canonical("a" + "\u0301" * 30)


@pytest.mark.parametrize(
    "text", ["", "\n", " \t\r\n\u00a0", "\u200c\u200d", "\u0301", "***", "&nbsp;", "-\n-", ">", "#"]
)
def test_a_text_without_anything_to_read_is_refused(text: str) -> None:
    assert refusal(text)[0] == "terms_text_empty"


def test_a_text_may_be_so_large_and_no_larger() -> None:
    assert len(canonical("\u00e4" * (TEXT_BYTES_MAX // 2 - 1) + "b").encode()) == TEXT_BYTES_MAX
    assert len(canonical("b\r\n" * (TEXT_BYTES_MAX // 2)).encode()) == TEXT_BYTES_MAX
    for text in ("\u00e4" * (TEXT_BYTES_MAX // 2), "b" * 10_000_000):
        assert refusal(text)[0] == "terms_text_too_large"


def test_html_that_would_be_too_large_is_refused() -> None:
    quotes = ('"' * 99 + "\n") * (HTML_BYTES_MAX // 600 + 50)
    assert len(quotes) < TEXT_BYTES_MAX
    assert refusal(quotes)[0] == "terms_text_too_large"


@pytest.mark.parametrize("value", [None, 1, b"text", ["text"]])
def test_a_text_is_text(value: object) -> None:
    with pytest.raises(InvalidField) as caught:
        canonical(value)
    assert caught.value.code == "text_required"


@pytest.mark.parametrize(
    "text",
    [
        "Pay with 4111 1111 1111 1111.",
        "Pay with 4111 1111 **1111** 1111.",
        "Pay with 411111111111111&#49;.",
        "Pay with 4111 1111\\\n1111 1111.",
        "[Pay](https://example.org/?card=4111%201111%201111%201111).",
        "[Pay](https://example.org/?card=4111+1111+1111+1111).",
        "<mailto:desk@example.org?body=%34111%31111%31111%31111>",
    ],
)
def test_a_card_number_is_refused_however_it_is_marked_up(text: str) -> None:
    with pytest.raises(CardNumberRefused):
        render(text)


def test_the_subset_is_rendered() -> None:
    text = """\
# Terms

Be *fair* and **kind**:\\
always. See [ours](https://example.org/a?b=1&c="2") or <desk@example.org>.

> A promise.

- one
  1. two
- `a < b`

---

| Fee | Days |
|:----|-----:|
| 5 % | 14   |

```
as it is  <b>
```
"""
    html = render(text)
    assert html == (
        "<h1>Terms</h1>\n<p>Be <em>fair</em> and <strong>kind</strong>:<br>\nalways. See "
        '<a href="https://example.org/a?b=1&amp;c=%222%22" rel="noopener noreferrer">ours</a> or '
        '<a href="mailto:desk@example.org" rel="noopener noreferrer">desk@example.org</a>.</p>\n'
        "<blockquote>\n<p>A promise.</p>\n</blockquote>\n<ul>\n<li>one\n<ol>\n<li>two</li>\n</ol>\n"
        "</li>\n<li><code>a &lt; b</code></li>\n</ul>\n<hr>\n"
        "<table>\n<thead>\n<tr>\n<th>Fee</th>\n<th>Days</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n"
        "<td>5 %</td>\n<td>14</td>\n</tr>\n</tbody>\n</table>\n"
        "<pre><code>as it is  &lt;b&gt;\n</code></pre>\n"
    )
    assert Page(html).faults == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<script>alert(1)</script>", 1),
        ("a\n\n<SCRIPT\nsrc=x>", 3),
        ("a <b>c</b>", 1),
        ("a\nb\n<i onclick='x'>c</i>", 3),
        ("a\n\n<!-- hidden -->", 3),
        ("a <!-- hidden --> b", 1),
        ("> <?php x ?>", 1),
        ("- a\n- <![CDATA[x]]>", 2),
        ("<!DOCTYPE html>", 1),
        ("<style>p{}</style>", 1),
        ("a<br>b", 1),
        ("<scr<script>ipt>x", 1),
        ("| a |\n|---|\n| b |\n| <u>c</u> |", 4),
        ("[<img src=x onerror=alert(1)>](https://example.org)", 1),
        ("</p><svg/onload=alert(1)>", 1),
        ("<x-component>a</x-component>", 1),
    ],
)
def test_html_is_refused_with_its_line(text: str, line: int) -> None:
    assert refusal(text) == ("terms_text_html", f"Line {line}: HTML is not part of a text.")


@pytest.mark.parametrize(
    "text", ["5 < 6 and 7 > 6", "a <3 b", "<", "<a", "a & b &amp c", "`<b>`", "\\<b>", "&lt;b&gt;"]
)
def test_what_only_looks_like_html_is_text(text: str) -> None:
    assert Page(render(text)).faults == []


@pytest.mark.parametrize(
    "text", ["![a](https://example.org/a.png)", "- b\n\n  [![a](b)](https://example.org)"]
)
def test_images_are_refused(text: str) -> None:
    assert refusal(text)[0] == "terms_text_image"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "&#x6A;avascript:alert(1)",
        "javascript&colon;alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "ftp://example.org",
        "tel:123",
        "//example.org",
        "/path",
        "path",
        "#part",
        "?a=b",
        "",
        "<>",
        "http:example.org",
        "http:///example.org",
        "https://",
        "https://me@example.org",
        "https://bank.example\\@example.org",
        "https://example.org:port/",
        "https:/%0aexample.org",
        "mailto:",
        "mailto:nobody",
        "mailto:a@b@c",
        "<java script:x>",
    ],
)
def test_a_link_leads_to_http_https_or_mailto(address: str) -> None:
    assert refusal(f"a\n\nb\n[c]({address})")[0] == "terms_text_link"
    assert refusal(f"a\n\nb\n[c]({address})")[1].startswith("Line 4: ")


@pytest.mark.parametrize("text", ["<javascript:alert(1)>", "<ftp://example.org>", "<data:x>"])
def test_so_does_an_address_in_brackets(text: str) -> None:
    assert refusal(text)[0] == "terms_text_link"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTP://EXAMPLE.org/A", "HTTP://EXAMPLE.org/A"),
        ("https://example.org:8443/a#b", "https://example.org:8443/a#b"),
        ("https://b\u00fccher.example/\u00fc", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ("<https://example.org/a b>", "https://example.org/a%20b"),
        ("mailto:a.b+c@example.org?subject=x", "mailto:a.b+c@example.org?subject=x"),
    ],
)
def test_the_address_of_a_link_is_kept(address: str, expected: str) -> None:
    assert Page(render(f"[a]({address})")).addresses == [expected]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a\n\n[b](https://example.org "c")', 3),
        ("[](https://example.org)", 1),
        ("[ &nbsp;](https://example.org)", 1),
        ("```and you owe us\ncode\n```", 1),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n| 1 | 2 | 3 |", 4),
        ("> a\n>\n> | a |\n> |---|\n> 1 | 2", 5),
        ("- x\n\n  | a | b |\n  |---|---|\n  | 1 | \\| | 3 |", 5),
    ],
)
def test_what_would_not_be_shown_is_refused(text: str, line: int) -> None:
    code, message = refusal(text)
    assert code == "terms_text_hidden"
    assert message.startswith(f"Line {line}: ")


def test_a_row_may_have_fewer_cells_or_an_escaped_bar() -> None:
    html = render("| a | b |\n|---|---|\n| 1 |\n| \\| | `x\\|y` |\n\n| c |\n|---|\nd")
    assert Page(html).faults == []
    assert "<td>|</td>" in html
    assert "<td>d</td>" in html


def test_the_definition_of_a_link_is_shown_as_text() -> None:
    shown = Page(render("[a]: https://example.org 'c'\n\nb [a]")).text
    assert "[a]: https://example.org 'c'" in shown
    assert "b [a]" in shown


@pytest.mark.parametrize("unit", ["> ", "- ", "1. "])
def test_deep_nesting_is_refused_and_drops_nothing(unit: str) -> None:
    assert "deep" in Page(render(unit * 8 + "deep")).text
    for depth in (21, 40, 400):
        assert refusal(unit * depth + "deep")[0] == "terms_text_too_deep"


@pytest.mark.parametrize(
    ("numbers", "attributes"),
    [
        ("1 2 3", []),
        ("1 1 1", []),
        ("3", [("start", "3")]),
        ("0 1 2", [("start", "0")]),
        ("7 8 10", [("start", "7"), ("value", "10")]),
        ("1 2 2 9 10", [("value", "2"), ("value", "9")]),
        ("5 5", [("start", "5"), ("value", "5")]),
        ("999999999 1", [("start", "999999999"), ("value", "1")]),
    ],
)
def test_clauses_keep_the_numbers_that_were_written(
    numbers: str, attributes: list[tuple[str, str]]
) -> None:
    html = render("\n".join(f"{number}. clause" for number in numbers.split()))
    assert re.findall(r' (\w+)="(\d+)"', html) == attributes
    assert Page(html).faults == []


def test_a_list_within_a_list_has_its_own_numbers() -> None:
    html = render("4. a\n   - x\n\n     2. y\n     4. z\n5. b\n7. c")
    assert html.count(' start="4"') == html.count(' start="2"') == 1
    assert re.findall(r' value="(\d+)">(?:\n<p>)?(\w)', html) == [("4", "z"), ("7", "c")]
    assert Page(html).faults == []
