"""Measurements put into the store as a worker would, for the tests of their page."""

from __future__ import annotations

from app.web.propagation_choices import Choices

TEXT = b"Linear(32, 32)\n"


class Measurements:
    """Puts measurements into the store."""

    def __init__(self, site) -> None:
        self.site = site
        self.store = site.services.propagations

    def order(self, choices: Choices | None = None, *, content: bytes = TEXT, name="net.yaml"):
        file = self.site.upload(content, name=name)
        asked = (choices or Choices()).asked(file)
        made = self.store.accept(asked, again=True, enqueue=lambda _connection, _job: None)
        return file, self.site.call(made)

    def finish(self, report, choices: Choices | None = None, **where) -> str:
        file, found = self.order(choices, **where)
        assert self.site.call(self.store.finish(found.job, report, headline="told"))
        return f"/m/{file}/propagation"


def page(client, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:300]
    return answer.text
