"""Puts a text into the one comment of a pull request that begins with its mark; else a new one.

Needs nothing but the standard library. Without a token, or with one that may not write, as in a
pull request from a fork, the text goes into the summary of the job.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

LARGEST = 65_000
"""Characters of a comment; GitHub takes 65,536."""
PAGES_MAX = 50
MAY_NOT = (401, 403, 404)


def main() -> int:
    """Comment, and say what was done; 1 where nothing could be."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")[:LARGEST]
    token, number = os.environ.get("GITHUB_TOKEN", ""), os.environ.get("PULL_REQUEST", "")
    repository = os.environ["GITHUB_REPOSITORY"]
    if not (token and number.isdecimal()):
        return summarize(text, "there is no token, or no pull request")
    address = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    api = f"{address}/repos/{repository}/issues"
    try:
        found = comment_with(text.splitlines()[0], f"{api}/{number}/comments", token)
        if found is None:
            call("POST", f"{api}/{number}/comments", token, {"body": text})
        else:
            call("PATCH", f"{api}/comments/{found}", token, {"body": text})
    except urllib.error.HTTPError as refused:
        if refused.code not in MAY_NOT:
            print(f"::error::the comment could not be written: HTTP {refused.code}")
            return 1
        return summarize(text, f"the token may not comment (HTTP {refused.code})")
    except (urllib.error.URLError, TimeoutError) as fault:
        print(f"::error::the comment could not be written: {fault}")
        return 1
    print("comment updated" if found is not None else "comment written")
    return 0


def comment_with(mark: str, url: str, token: str) -> int | None:
    """Return the id of the first comment by a bot that begins with a mark."""
    for page in range(1, PAGES_MAX + 1):
        comments: list[dict[str, Any]] = call("GET", f"{url}?per_page=100&page={page}", token)
        for comment in comments:
            is_bot = (comment.get("user") or {}).get("type") == "Bot"
            if is_bot and (comment.get("body") or "").startswith(mark):
                return int(comment["id"])
        if len(comments) < 100:
            return None
    return None


def call(method: str, url: str, token: str, body: object = None) -> Any:
    """Ask the API of GitHub.

    Raises:
        HTTPError: It refuses.
        URLError: It cannot be reached.
    """
    request = urllib.request.Request(
        url,
        None if body is None else json.dumps(body).encode(),
        {
            "authorization": f"Bearer {token}",
            "accept": "application/vnd.github+json",
            "content-type": "application/json",
            "x-github-api-version": "2022-11-28",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def summarize(text: str, why: str) -> int:
    """Put a text into the summary of the job."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with open(path, "a", encoding="utf-8") as summary:
            summary.write(text + "\n")
    print(f"no comment was written: {why}; the text is in the summary of the job")
    return 0


if __name__ == "__main__":
    sys.exit(main())
