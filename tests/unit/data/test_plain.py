"""What data says of itself in a report that is Markdown."""

import pytest

from uait.data.plain import as_markdown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("trivia_qa-30, n = 30", "trivia_qa-30, n = 30"),
        ("![x](http://example.org/x.png)", r"\!\[x\](http://example.org/x.png)"),
        ("a | b <img src=x>", r"a \| b \<img src=x\>"),
        ("an id\n# a heading\n`code`", r"an id # a heading \`code\`"),
    ],
)
def test_an_id_in_a_report_is_no_picture_tag_cell_or_line_of_its_own(text: str, written: str) -> None:
    assert as_markdown(text) == written
