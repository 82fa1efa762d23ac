"""Summarizes files, one model call for each. Nothing in here knows of corvus.

Run it under the budget of corvus.toml, and with two cents for this run alone:

    corvus agent --mission summaries --limit 0.02 -- python summarize.py FILE...
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

URL = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1") + "/chat/completions"
HEADERS = {
    "authorization": f"Bearer {os.environ['OPENAI_API_KEY']}",
    "content-type": "application/json",
}


def summarize(text: str) -> str:
    """Ask the model for one sentence."""
    body = {
        "model": "gpt-4o-mini",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": f"Summarize in one sentence:\n\n{text}"}],
    }
    request = urllib.request.Request(URL, json.dumps(body).encode(), HEADERS)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


for name in sys.argv[1:]:
    try:
        print(f"{name}: {summarize(Path(name).read_text())}")
    except urllib.error.HTTPError as refused:
        sys.exit(f"{name}: {json.load(refused)['error']['message']}")
