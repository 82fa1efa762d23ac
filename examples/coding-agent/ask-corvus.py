"""Asks corvus before Claude Code runs a command or writes a file: its PreToolUse hook.

`.claude/settings.json` names it. corvus answers allow, needs_approval or deny by [autonomy] of
corvus.toml, and counts what it allows against max_actions_per_hour. Without an answer the tool is
blocked: Claude Code takes exit code 2 as a refusal.
"""

import json
import subprocess
import sys

ANSWERS = {"allow": "allow", "needs_approval": "ask", "deny": "deny"}

asked = json.load(sys.stdin)
tool, given = asked["tool_name"], asked["tool_input"]
words = ["corvus", "policy", "decide", "--record", "--format", "json", "--workspace", asked["cwd"]]
if tool == "Bash":
    words += ["--command", given["command"]]
else:
    words += ["--tool", tool, "--path", given["file_path"]]
told = subprocess.run(words, capture_output=True, text=True, check=False)
try:
    answer = json.loads(told.stdout)
except ValueError:
    print(f"corvus gave no answer: {told.stderr}", file=sys.stderr)
    sys.exit(2)
decision = {
    "hookEventName": "PreToolUse",
    "permissionDecision": ANSWERS[answer["decision"]],
    "permissionDecisionReason": f"corvus: {answer['reason']}",
}
print(json.dumps({"hookSpecificOutput": decision}))
