"""Whatever the text: its HTML can stand in a page, and shows every word."""

from hypothesis import example, given
from hypothesis import strategies as st

from paykeel.terms.markdown import canonical, render
from tests.unit.terms.reading import Page, accepted

_PIECES = st.sampled_from(
    [
        *("<script>", "</script>", "<b ", "<!--", "-->", "<?", "?>", "<![CDATA[", "]]>", "<a '"),
        *("onclick=", "javascript:", "https://example.org", "mailto:a@b.c", "data:", "&#106;"),
        *("&#x202e;", "&quot;", "[", "]", "(", ")", "](", "![", "<", ">", '"', "'", "`", "```"),
        *("~~~", "&lt;", "*", "**", "_", "\\", "|", "\n|--|--|\n", "\n", "\n\n", "\n> ", "\n- "),
        *(
            "\n7. ",
            "\n# ",
            "\n---\n",
            "\n===\n",
            "    ",
            "\t",
            " ",
            "a",
            "\u00e4",
            "\u0645",
            "\U0001f600",
            "\u200b",
        ),
    ]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
@example("`<!--`<a@b.c>-->")
def test_whatever_is_rendered_can_stand_in_a_page(text: str) -> None:
    html = accepted(render, text)
    if html is None:
        return
    assert Page(html).faults == []
    assert html == render(text) == render(canonical(text))
    assert html.endswith("\n")


@given(st.text(max_size=80))
def test_so_can_any_other_text(text: str) -> None:
    html = accepted(render, text)
    assert html is None or Page(html).faults == []


@given(st.data())
def test_no_word_of_an_accepted_text_is_left_out(data: st.DataObject) -> None:
    pieces = data.draw(st.lists(_PIECES, max_size=30))
    words = [f"word{number}w" for number in range(len(pieces))]
    text = "".join(
        piece + (word if data.draw(st.booleans()) else "")
        for piece, word in zip(pieces, words, strict=True)
    )
    html = accepted(render, text)
    if html is None:
        return
    page = Page(html)
    shown = page.text + " ".join(page.addresses)
    assert [word for word in words if word in text and word not in shown] == []
