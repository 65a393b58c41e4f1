"""What a reader of an HTML page sees."""

from html.parser import HTMLParser

# Elements without an end tag.
VOID = ("meta", "input", "wbr")


class PageWords(HTMLParser):
    """The text of a page in one language, and the addresses that it names."""

    def __init__(self, page: str, language: str):
        super().__init__()
        self.text = ""
        self.addresses: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self._language = language
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.addresses += [attributes[name] or "" for name in ("href", "src") if name in attributes]
        if tag not in VOID:
            self._open.append((tag, attributes.get("lang")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        # The language of the page itself is English until its script changes it.
        languages = {language for tag, language in self._open if tag != "html"}
        hidden = languages - {None, self._language} or {"style", "script"} & dict(self._open).keys()
        if not hidden:
            self.text += data
