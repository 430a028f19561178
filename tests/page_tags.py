"""The tags of a page that the app answers."""

from __future__ import annotations

from html.parser import HTMLParser


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def rows(self) -> list[dict[str, str | None]]:
        return [row for row in self.all("tr") if "data-row" in row]

    def seen(self) -> list[int]:
        return [int(row["data-row"]) for row in self.rows() if "hidden" not in row]


def page(client, address: str) -> Tags:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text[:500]
    return Tags(answer.text)
