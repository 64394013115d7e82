from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web import html
from appliance.web.html import UNSAFE_SCHEME, Html, PageContext, tag, text

CONTEXT = PageContext(csrf="c0de")
NASTY = st.text() | st.sampled_from(
    ["<script>", '"><img onerror=x>', "' onclick='", "&lt;", "</textarea>", "]]>", "-->", "\0"]
)


class Read(HTMLParser):
    """Elements with their attributes, and the text, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def find(self, name: str) -> dict[str, str | None]:
        return next(attributes for found, attributes in self.elements if found == name)


@given(NASTY, NASTY)
def test_whatever_comes_from_outside_stays_text(content: str, value: str) -> None:
    read = Read(tag("p", content, tag("b", content), title=value))
    assert [name for name, _ in read.elements] == ["p", "b"]
    assert read.find("p") == {"title": value}
    assert read.text == content * 2


@given(st.lists(NASTY, max_size=4))
def test_text_is_escaped_once_wherever_it_stands(pieces: list[str]) -> None:
    once = text(*pieces)
    assert Read(once).text == "".join(pieces)
    assert text(once) == once  # what is safe is not escaped again
    assert isinstance(once, Html)


def test_adding_to_html_is_escaped_again() -> None:
    # A plain concatenation loses the mark, so nothing unsafe slips in by it.
    assert text(Html("<b>") + "<i>") == "&lt;b&gt;&lt;i&gt;"


@given(NASTY, NASTY, NASTY)
def test_a_field_keeps_any_value_label_and_error(value: str, label: str, error: str) -> None:
    read = Read(html.field("ssid", label, value, error=error, hint=label))
    assert {name for name, _ in read.elements} <= {"div", "label", "input", "p"}
    assert read.find("input")["value"] == value
    assert read.find("label")["for"] == read.find("input")["id"]


def test_hint_and_error_are_tied_to_their_field() -> None:
    read = Read(html.field("pin", "PIN", error="Wrong.", hint="4 digits"))
    field = read.find("input")
    ids = [attributes["id"] for name, attributes in read.elements if name == "p"]
    assert field["aria-describedby"] == " ".join(filter(None, ids)) == "h-pin e-pin"
    assert field["aria-invalid"] == "true"
    assert "aria-invalid" not in Read(html.field("pin", "PIN")).find("input")


def test_a_password_is_never_written_into_a_page() -> None:
    assert "hunter2" not in html.field("password", "Password", "hunter2", type="password")


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " javascript:x", "JaVaScRiPt:x", "data:text/html,x", "\tx:"]
)
def test_an_address_with_another_scheme_is_not_taken(address: str) -> None:
    assert Read(tag("a", "x", href=address)).find("a") == {"href": UNSAFE_SCHEME}


@pytest.mark.parametrize("address", ["/a?b=c", "https://x.y/", "#main", "?t=1", "page", "mailto:a"])
def test_other_addresses_stay(address: str) -> None:
    assert Read(tag("a", "x", href=address)).find("a") == {"href": address}


@pytest.mark.parametrize("name", ["a b", "a>", "", "1", 'x"', "A"])
def test_names_of_tags_and_attributes_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        tag(name)
    with pytest.raises(ValueError, match="not a name"):
        tag("p", **{name: "x"})


def test_a_select_marks_what_is_chosen() -> None:
    read = Read(html.select("zone", "Zone", [("a", "A"), ("b", "<B>")], "b"))
    options = [attributes for name, attributes in read.elements if name == "option"]
    assert options == [{"value": "a"}, {"value": "b", "selected": None}]
    assert "<B>" in read.text


def test_a_form_carries_the_token() -> None:
    read = Read(html.form(CONTEXT, "/x", html.button("Go")))
    assert read.find("form") == {"method": "post", "action": "/x"}
    assert read.find("input") == {"type": "hidden", "name": "csrf", "value": "c0de"}


@given(NASTY, NASTY)
def test_a_page_is_whole_whatever_its_title_and_flash(title: str, flash: str) -> None:
    context = PageContext(csrf="c0de", flash=flash)
    read = Read(html.page(title, context=context))
    assert {name for name, _ in read.elements} <= {
        *("html", "head", "meta", "title", "link", "script", "body", "main", "h1", "p")
    }
    assert read.find("html") == {"lang": "en"}
    assert read.find("body") == {"data-csrf": "c0de"}
    for name, attributes in read.elements:
        if name in ("script", "link"):  # nothing from outside
            assert str(attributes.get("src") or attributes.get("href")).startswith("/static/")
