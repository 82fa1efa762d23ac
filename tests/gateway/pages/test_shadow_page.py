"""The overview and a page of their own say what a shadow policy would have refused (PLN-2)."""

from __future__ import annotations

from tests.gateway.conftest import Served

NEXT = "[cost]\nenabled = true\ndaily_limit_usd = 0.02\non_exceeded = []\n"


def test_the_card_the_page_the_metric_and_readyz(served: Served) -> None:
    place = served.place
    next_file = place.config.with_name("next.toml")
    next_file.write_text(NEXT)
    text = place.config.read_text()
    place.config.write_text(text + '\n[governance]\nshadow = "next.toml"\n')
    served.stop()
    served.start(0)
    for _ in range(3):
        place.spend(1)
    with served.client("admin") as client:
        overview = client.get("/dashboard").text
        page = client.get("/dashboard/shadow")
        assert "Shadow policy" in overview
        assert "<b>day</b>: 2 calls" in overview
        assert page.status_code == 200
        assert "refused" in page.text
        assert client.get("/readyz").json() == {"status": "ready"}
        next_file.write_text("[cost]\nx = 1\n")
        served.stop()
        served.start(0)
    with served.client("admin") as client:
        assert client.get("/readyz").json() == {"status": "ready", "shadow": "broken"}
        assert "unknown key" in client.get("/dashboard").text
        assert "unknown key" in client.get("/dashboard/shadow").text
