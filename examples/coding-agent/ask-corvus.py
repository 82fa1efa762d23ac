"""Asks corvus before Claude Code runs a command or writes a file: its PreToolUse hook.

`.claude/settings.json` names it. corvus answers allow, needs_approval or deny by [autonomy] of the
corvus.toml beside this file, and counts what it allows against max_actions_per_hour. Without an
answer the tool is blocked: of all exit codes, Claude Code takes only 2 as a refusal.
"""

import json
import subprocess
import sys
from pathlib import Path

ANSWERS = {"allow": "allow", "needs_approval": "ask", "deny": "deny"}
# The agent may have gone to a subfolder; what it may touch is still the whole repository.
ROOT = Path(__file__).resolve().parent


def ask(tool: str, given: dict[str, str]) -> dict[str, str]:
    """Ask corvus about one use of a tool."""
    words = ["corvus", "policy", "decide", "--record", "--format", "json"]
    words += ["--config", str(ROOT / "corvus.toml"), "--workspace", str(ROOT)]
    if tool == "Bash":
        words += ["--command", given["command"]]
    else:
        words += ["--tool", tool, "--path", given.get("file_path") or given["notebook_path"]]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    if not told.stdout:
        raise RuntimeError(told.stderr)
    return json.loads(told.stdout)


try:
    asked = json.load(sys.stdin)
    answer = ask(asked["tool_name"], asked["tool_input"])
    decision = {
        "hookEventName": "PreToolUse",
        "permissionDecision": ANSWERS[answer["decision"]],
        "permissionDecisionReason": f"corvus: {answer['reason']}",
    }
except Exception as fault:  # whatever it is: no answer, no tool
    print(f"corvus gave no answer: {fault!r}", file=sys.stderr)
    sys.exit(2)
print(json.dumps({"hookSpecificOutput": decision}))
