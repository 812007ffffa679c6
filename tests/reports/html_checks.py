"""A page, taken apart: balanced tags, one script that its policy names, no way to a network."""

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "img", "link", "hr"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1",
    "h2", "h3", "p", "b", "i", "span", "ul", "li", "div", "figure", "figcaption", "svg", "path",
    "polyline", "table", "thead", "tbody", "tr", "th", "td", "pre", "code", "details", "summary",
    "script", "input", "label",
}  # fmt: skip


class Page(HTMLParser):
    """Collects the tags and texts of a page; raises AssertionError where it is not well-formed."""

    def __init__(self, content):
        super().__init__()
        self.content, self.stack, self.tags, self.texts = content, [], [], []
        self.feed(content)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        assert tag in ALLOWED, tag
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        assert not any(name.startswith("on") or name in ("src", "href") for name in names), names
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.stack):
            self.texts.append(data)

    def says(self, words):
        """Whether these words stand on the page one after the other, across tags."""
        return "".join(words.split()) in "".join("".join(self.texts).split())

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def checked(content):
    """The page, once all that holds for every page has been checked."""
    page = Page(content)
    assert content.startswith("<!doctype html>") and content.isascii() is not None
    assert not re.search(r"(?i)https?:|url\(|@import|//[a-z]", _without_comments(content))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]", content)
    names = ("points", "data-points", "d", "style", "data-ends")
    drawn = [named[name] for _, named in page.tags for name in names if name in named]
    assert not any(re.search(r"(?i)nan|inf", value) for value in drawn)
    scripts = re.findall(r"<script>(.*?)</script>", content, re.S)
    assert len(scripts) == len(page.of("script")) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = next(m["content"] for m in page.of("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none';") and f"script-src 'sha256-{digest}'" in policy
    return page


def _without_comments(content):
    return re.sub(r"(?m)^// .*$", "", content)
