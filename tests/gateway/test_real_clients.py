"""The clients of the guide as npm has them, each for one prompt (CLI-4, PRX-1).

What the provider bills is recorded, a refusal ends the work at once, and no key of a user gets
through.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.provider import Provider
from tests.gateway.real_agents import COST, REAL_KEYS, UPSTREAMS, Place, installed, modules
from tests.gateway.saying import Saying

pytestmark = pytest.mark.nightly
PROMPT = "Say done"
MORE = (
    UPSTREAMS.replace("upstreams.openai]", "upstreams.oai]")  # the paths of Azure begin with it
    + """
[governance.upstreams.gemini]
base_url = "{url}"
api_key_env = "GEMINI_API_KEY"
kind = "gemini"

[governance.upstreams.azure]
base_url = "{url}"
api_key_env = "AZURE_OPENAI_API_KEY"
kind = "azure"
deployments = { d = "gpt-5.1-codex" }

[governance.upstreams.chatgpt]
base_url = "{url}/backend-api/codex"
kind = "openai"
models = []
"""
)
KEYS = {"GEMINI_API_KEY": "real-of-google", "AZURE_OPENAI_API_KEY": "real-of-azure"}
SDK = """
import {{ generateText, streamText }} from "ai";
import {{ {imported} }} from "@ai-sdk/{name}";
{own}
const model = {name}("{model}");
const asked = {{ model, prompt: "Say done", maxRetries: 2, maxOutputTokens: 50 }};
try {{
  console.log((await generateText(asked)).text);
  for await (const piece of streamText(asked).textStream) console.log(piece);
}} catch (fault) {{
  console.log(fault.statusCode, String(fault.message));
  process.exit(1);
}}
"""
FOUND_BY_CODE = {
    "google": (
        "createGoogleGenerativeAI",
        "const baseURL = process.env.GOOGLE_GEMINI_BASE_URL + '/v1beta';\n"
        "const google = createGoogleGenerativeAI({ baseURL });",
    )
}
"""Its package reads a key and no address from its environment."""
AZURE = """
import { AzureOpenAI } from "openai";
const baseURL = process.env.AZURE_OPENAI_ENDPOINT + "/openai";
const client = new AzureOpenAI({ baseURL, apiVersion: "2026-10-01", deployment: "d" });
const messages = [{ role: "user", content: "Say done" }];
try {
  const done = await client.chat.completions.create({ model: "d", messages, max_tokens: 50 });
  console.log(done.choices[0].message.content);
} catch (fault) {
  console.log(fault.status, String(fault.message));
  process.exit(1);
}
"""
COMMANDS: dict[str, list[str]] = {
    "gemini": ["gemini", "-p", PROMPT, "-m", "gemini-2.5-pro"],
    "opencode-anthropic": ["opencode", "run", "--model", "anthropic/claude-sonnet-4-5", PROMPT],
    "ai-anthropic": ["node", "anthropic.mjs"],
    "ai-openai": ["node", "openai.mjs"],
    "ai-google": ["node", "google.mjs"],
    "azure": ["node", "azure.mjs"],
}
MODELS = {"anthropic": "claude-sonnet-4-5", "openai": "gpt-5.1-codex", "google": "gemini-2.5-pro"}
each = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return installed(tmp_path_factory.mktemp("clients"))


@pytest.fixture
def place(tmp_path: Path, programs: dict[str, Path]) -> Iterator[Place]:
    provider = Provider()
    place = Place(tmp_path, provider, programs, Saying(0))
    (place.work / "node_modules").symlink_to(modules(programs))
    for name, model in MODELS.items():
        imported, own = FOUND_BY_CODE.get(name, (name, ""))
        text = SDK.format(name=name, model=model, imported=imported, own=own)
        (place.work / f"{name}.mjs").write_text(text)
    (place.work / "azure.mjs").write_text(AZURE)
    _own_log_ins(place.home)
    yield place
    provider.stop()


def _own_log_ins(home: Path) -> None:
    """Write what would lead past the proxy: log-ins that the agents find in files."""
    (home / ".gemini").mkdir()
    said = '{"security": {"auth": {"selectedType": "oauth-personal"}}}'
    (home / ".gemini" / "settings.json").write_text(said)
    (home / ".local/share/opencode").mkdir(parents=True)
    own = {name: {"type": "api", "key": f"sk-own-{name}"} for name in ("anthropic", "openai")}
    (home / ".local/share/opencode/auth.json").write_text(json.dumps(own))


def run(place: Place, name: str, limit: str = "1000") -> subprocess.CompletedProcess[str]:
    quiet = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}
    return place.run(COMMANDS[name], limit=limit, more={**KEYS, **quiet}, upstreams=MORE)


@each
def test_what_the_provider_bills_is_recorded(place: Place, name: str) -> None:
    done = run(place, name)
    assert done.returncode == 0, done.stderr
    assert "All done." in done.stdout
    bill = place.script.bill
    assert bill, "it was reached"
    records = place.records()
    assert {one.source for one in records} == {"priced"}
    assert sorted(tuple(one[3:]) for one in records) == sorted(one.tokens for one in bill)
    assert all(one.cost_nano_usd > 0 for one in records)
    real = {*REAL_KEYS.values(), *KEYS.values()}
    for call in place.provider.calls:
        values = [value.removeprefix("Bearer ") for _, value in call.headers]
        assert real & {*values}, "the provider gets the real key"
        assert not any("cvk_" in value or "sk-own" in value for value in values)


@each
def test_a_refusal_is_shown_once_and_not_tried_again(place: Place, name: str) -> None:
    done = run(place, name, limit="0.000001")
    assert place.script.bill == []
    assert "budget" in done.stdout + done.stderr
    own = json.loads(done.stderr.splitlines()[-1])
    assert (own["code"], done.returncode) == ("budget_exceeded", 20)
    if not name.startswith("opencode"):  # it makes the title of a session on the side
        assert place.denials() <= (2 if name == "gemini" else 1)


def _log_in_by_chatgpt(home: Path) -> str:
    """Write a log-in of Codex as ChatGPT gives it; return its token."""

    def part(said: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()

    account = {"chatgpt_plan_type": "pro", "chatgpt_account_id": "a-1", "chatgpt_user_id": "u"}
    claims = {"exp": int(time.time()) + 10**7, "https://api.openai.com/auth": account}
    token = f"{part({'alg': 'none'})}.{part({'email': 'a@example.org', **claims})}.c2ln"
    tokens = {"id_token": token, "access_token": token, "refresh_token": "r", "account_id": "a-1"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": now}
    (home / ".codex").mkdir()
    (home / ".codex" / "auth.json").write_text(json.dumps(said))
    return token


WORDS = ["exec", "--skip-git-repo-check", "-m", "gpt-5.1-codex", PROMPT]
BY_ITSELF = ["sh", "-c", 'exec codex -c openai_base_url="$OPENAI_BASE_URL" "$@"', "sh", *WORDS]


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_codex_that_is_logged_in_by_chatgpt_is_metered(place: Place, is_packed: bool) -> None:
    """Its own provider packs every request with zstd; that of the run does not."""
    token = _log_in_by_chatgpt(place.home)
    command = BY_ITSELF if is_packed else ["codex", *WORDS]
    done = place.run(command, options=("--session", "s", "--pass-through"), upstreams=MORE)
    assert done.returncode == 0, done.stderr
    assert "All done." in done.stdout
    path = "/v1/responses" if is_packed else "/backend-api/codex/responses"
    calls = [call for call in place.provider.calls if call.target == path and call.method == "POST"]
    assert len(calls) == len(place.script.bill) == len(place.records()) > 0
    for call in calls:
        assert call.header("authorization") == f"Bearer {token}"
        assert call.header("chatgpt-account-id") == "a-1"
    assert [tuple(one[3:]) for one in place.records()] == [one.tokens for one in place.script.bill]


def test_a_refusal_ends_a_codex_that_is_logged_in_by_chatgpt_at_once(place: Place) -> None:
    _log_in_by_chatgpt(place.home)
    options = ("--session", "s", "--pass-through")
    done = place.run(["codex", *WORDS], options=options, upstreams=MORE, limit="0.000001")
    assert done.returncode == 20
    assert place.denials() == 1
    assert place.script.bill == []


def test_settings_of_a_user_do_not_lead_claude_code_past_the_proxy(place: Place) -> None:
    (place.home / ".claude").mkdir()
    past = {"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}, "apiKeyHelper": "echo sk-own"}
    (place.home / ".claude" / "settings.json").write_text(json.dumps(past))
    done = place.run(["claude", "-p", PROMPT, "--model", "claude-sonnet-4-5"], cost=COST)
    assert done.returncode == 0, done.stderr
    assert place.script.bill
    assert len(place.records()) == len(place.script.bill)
