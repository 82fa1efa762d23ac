"""What an agent may do (ACT-1; UP-POL-4 to UP-POL-6)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.autonomy.decide import Action, Rule, Verdict
from corvus.autonomy.paths import Surroundings
from corvus.autonomy.risk import Risk
from tests.autonomy.autonomies import DEFAULTS, autonomy, judged, said
from tests.properties import examples

READS = ("git status", "ls -la src", "cat README.md", "grep -rn 'a|b' src", "cargo test", "pwd")
CHANGES = (
    *("git push", "git commit -m x", "git add .", "git -C sub push", "git --no-pager push"),
    *("npm install", "npm --prefix sub publish", "cargo publish", "cargo +nightly publish"),
    *("touch a", "mkdir a", "mv a b", "cp a b", "ln a b"),
)
HIGH = (
    *("rm", "mkfs", "mkfs.ext4", "dd", "shutdown", "reboot", "halt", "poweroff", "sudo", "su"),
    *("chown", "chmod", "useradd", "userdel", "usermod", "passwd", "mount", "umount", "iptables"),
    *("ufw", "firewall-cmd", "curl", "wget", "nc", "ncat", "netcat", "scp", "ssh", "ftp", "telnet"),
    *("sh", "bash", "env", "xargs", "eval", "exec", "source", ".", "command", "nohup", "time"),
)


@pytest.mark.parametrize("command", READS)
def test_what_only_reads_is_allowed(command: str) -> None:
    assert said(command) == "allow risk"
    assert judged(command).risk is Risk.LOW


@pytest.mark.parametrize("command", CHANGES)
def test_medium_risk_needs_approval_while_supervised_and_asked_for(command: str) -> None:
    """UP-POL-6."""
    more = ("touch", "mkdir", "mv", "cp", "ln")
    assert said(command, *more) == "needs_approval risk"
    assert said(command, *more, require_approval_for_medium_risk=False) == "allow risk"
    assert said(command, *more, level="full") == "allow risk"
    assert judged(command, *more).risk is Risk.MEDIUM


@pytest.mark.parametrize("name", HIGH)
def test_high_risk_is_denied_even_where_it_is_an_allowed_command(name: str) -> None:
    """UP-POL-6; what runs other commands could hide any of them."""
    command = f"{name} a"
    assert said(command) == "deny command"
    assert said(command, name) == "deny risk"
    assert said(command, name, level="full") == "deny risk"
    assert said(command, name, block_high_risk_commands=False) == "needs_approval risk"
    assert said(command, name, block_high_risk_commands=False, level="full") == "allow risk"


@pytest.mark.parametrize("command", [*READS, *CHANGES, "rm -rf x"])
def test_readonly_denies_every_command(command: str) -> None:
    """UP-POL-4, UP-POL-5."""
    assert said(command, "rm", level="readonly") == "deny read_only"


def test_every_segment_is_judged_and_the_strictest_decides() -> None:
    assert said("git status && git log | head -3") == "allow risk"
    assert said("git status && git push") == "needs_approval risk"
    assert said("git push; rm x") == "deny command"
    assert judged("git status || git push").risk is Risk.MEDIUM
    assert said("ls\nrm -rf x") == "deny command"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls; rm x", "deny command"),
        ("ls & rm x", "deny operator"),
        ("ls $(rm x)", "deny substitution"),
        ("ls `rm x`", "deny substitution"),
        ("cat ${HOME}", "deny substitution"),
        ("cat <(rm x)", "deny redirect"),
        ("echo x > a", "deny redirect"),
        ("echo x | tee a", "deny command"),
        ("(rm x)", "deny grouping"),
        ("X=1 ls", "deny assignment"),
        ("LD_PRELOAD=./x.so ls", "deny assignment"),
        ("env X=1 ls", "deny command"),
        ("/bin/ls", "deny command"),
        ("./git status", "deny command"),
        ("bash -c ls", "deny command"),
        ("GIT status", "deny command"),
        ("'' ls", "deny command"),
        ("ls *.py", "deny argument"),
        ("cat a?", "deny argument"),
        ("cat '*.py'", "allow risk"),
        ("find . -name *.py", "allow risk"),
        ("find -d* ", "deny argument"),
        ("find * -name x", "deny argument"),
        ("find .* -name x", "deny argument"),
        ("find /e* -name x", "deny argument"),
        ("find . -exec rm {} +", "deny grouping"),
        ("find . -exec rm '{}' +", "deny argument"),
        ("find . -ok rm x", "deny argument"),
        ("find . -delete", "deny argument"),
        ("find . -fprint x", "deny argument"),
        ("git -c core.pager=x log", "deny argument"),
        ("git clone -qc core.fsmonitor=x .", "deny argument"),
        ("git clone --conf core.fsmonitor=x .", "deny argument"),
        ("git config alias.x '!rm'", "deny argument"),
        ("git -C . config x y", "deny argument"),
        ("git fetch --upload-p=x .", "deny argument"),
        ("git grep -Ox y", "deny argument"),
        ("git grep --open-files-in-pager=x y", "deny argument"),
        ("git rebase -ix 'rm x' HEAD", "deny argument"),
        ("git rebase --exec 'rm x' HEAD", "deny argument"),
        ("git -p log", "deny argument"),
        ("git --exec-path=. status", "deny argument"),
        ("git bisect run rm x", "deny argument"),
        ("git submodule foreach rm", "deny argument"),
        ("git clone 'ext::sh -c x'", "deny argument"),
        ("git remote add x ext::x", "deny argument"),
        ("git surprise", "deny argument"),
        ("git", "deny argument"),
        ("git --version", "allow risk"),
        ("cargo --config build.rustc=./x build", "deny argument"),
        ("npm exec x", "deny risk"),
        ("npm --loglevel=silent exec x", "deny risk"),
        ("wc --files0-from=-", "deny argument"),
    ],
)
def test_what_could_smuggle_another_command_is_refused(command: str, expected: str) -> None:
    """UP-POL-6, and the option of git and find that no list of commands shows."""
    assert said(command) == expected


@pytest.mark.parametrize(
    "command",
    ["python3 -c x", "python3 -Bc x", "node -e x", "perl -E x", "sed 1e x", "awk 1 x", "deno eval"],
)
def test_programs_given_as_arguments_are_of_high_risk(command: str) -> None:
    assert said(command, command.split()[0]) == "deny risk"


def test_an_interpreter_that_is_allowed_runs_files_and_sandboxed_programs() -> None:
    assert said("python3 -B tool.py -x", "python3") == "allow risk"
    assert said("sed --sandbox -n 5p a", "sed") == "allow risk"


@pytest.mark.parametrize("command", ["cd", "cd -", "cd ~", "cd /etc", "cd ..", "cd a b"])
def test_a_change_of_folder_stays_where_it_starts(command: str) -> None:
    assert judged(command, "cd").verdict is Verdict.DENY
    assert said("cd src && cargo test", "cd") == "allow risk"


@pytest.mark.parametrize(
    "command",
    [
        *("cat /etc/passwd", "cat ../x", "cat a/../../x", "ls ~", "cat ~/.ssh/id", "cat ~root/x"),
        *("grep -f/etc/passwd .", "grep -rf/etc/passwd .", "grep --file=/etc/passwd x"),
        *("grep -e x /etc/passwd", "git -C .. status", "git --git-dir=/x log"),
        *("git diff --no-index a /etc/passwd", "git clone file:///etc x", "head -n5 '/etc/passwd'"),
        *("cat \"/etc/pass\"'wd'", "cat \\/etc/passwd", "cat //etc/passwd", "wc a /proc/1/environ"),
    ],
)
def test_paths_outside_are_denied_however_they_are_written(command: str) -> None:
    assert said(command) == "deny path"


@pytest.mark.parametrize(
    "command",
    [
        *("grep -rn /api/users src", "echo /etc ../x", "git log main..dev", "git show HEAD:src/x"),
        *("npm view https://x.org/y", "git log --since=2.weeks -n3", "grep 'a..b' x", "ls ./src"),
    ],
)
def test_text_that_is_no_path_is_not_taken_for_one(command: str) -> None:
    assert judged(command).verdict is Verdict.ALLOW


HOME = "/home/ana"
AROUND = Surroundings(workspace="/home/ana/project", home=HOME)


@pytest.mark.parametrize(
    ("path", "around", "only", "expected"),
    [
        ("src/x", AROUND, True, "allow"),
        ("/home/ana/project/src", AROUND, True, "allow"),  # /home is forbidden, but surrounds it
        ("/home/ana/project", AROUND, True, "allow"),
        ("/home/ana/projects", AROUND, True, "deny"),
        ("/home/ana/other", AROUND, False, "deny"),
        ("/srv/data", AROUND, True, "deny"),
        ("/srv/data", AROUND, False, "allow"),
        ("/SRV/../etc", AROUND, False, "deny"),
        ("/ETC/passwd", AROUND, False, "deny"),
        ("/", AROUND, False, "deny"),  # what is forbidden lies in it
        ("~/project/x", AROUND, True, "allow"),
        ("~/.ssh/id", AROUND, False, "deny"),
        ("/srv/bob/.ssh/id", AROUND, False, "deny"),
        (".ssh/id", Surroundings(HOME, HOME), True, "deny"),
        (".sshx/id", Surroundings(HOME, HOME), True, "allow"),
        (".config/x", AROUND, True, "allow"),
        (".config/x", Surroundings(), True, "allow"),
        ("/srv/x", Surroundings(), True, "deny"),
        ("~/x", Surroundings(), True, "deny"),
        ("~/x", Surroundings(), False, "allow"),
        ("~/.aws", Surroundings(), False, "deny"),
        ("secrets/a", AROUND, True, "deny"),
        ("/home/ana/project/secrets", AROUND, True, "deny"),
        (".", AROUND, True, "allow"),
    ],
)
def test_where_an_action_may_reach(
    path: str, around: Surroundings, only: bool, expected: str
) -> None:
    rules = autonomy(
        workspace_only=only, forbidden_paths=(*DEFAULTS.forbidden_paths, "secrets"), level="full"
    )
    read = Action(tool="file_read", paths=(path,), reads_only=True, around=around)
    assert rules.decide(read).verdict == expected
    command = Action(f"cat {path}", around=around)
    assert rules.decide(command).verdict == expected


def test_tools_are_judged_by_their_lists_and_the_level() -> None:
    """UP-POL-5."""

    def of(tool: str, *, reads: bool = False, **changes: Any) -> str:
        decision = autonomy(**changes).decide(Action(tool=tool, reads_only=reads))
        return f"{decision.verdict} {decision.rule}"

    assert of("file_read") == "allow auto_approve"
    assert of("mcp_x") == "needs_approval tool"
    assert of("mcp_x", reads=True) == "allow level"
    assert of("mcp_x", level="full") == "allow level"
    assert of("file_read", level="readonly") == "deny read_only"
    assert of("file_read", level="readonly", reads=True) == "allow level"
    asked: dict[str, Any] = {"always_ask": ("file_read", "mcp_x", "shell")}
    assert of("file_read", **asked) == "needs_approval always_ask"
    assert of("mcp_x", reads=True, **asked) == "needs_approval always_ask"
    assert of("mcp_x", level="full", **asked) == "needs_approval always_ask"
    assert said("ls", **asked) == "needs_approval always_ask"
    assert said("rm x", **asked) == "deny command"


def test_an_action_is_a_command_or_another_tool() -> None:
    wrongs: list[dict[str, Any]] = [{}, {"tool": " "}, {"command": "ls", "tool": "x"}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"tool|command"):
            Action(**wrong)
    with pytest.raises(ValueError, match="act"):
        Action("ls", reads_only=True)


BAD = "rm -rf x"
SMUGGLES = (
    *("{};{bad}", "{}&&{bad}", "{}||{bad}", "{}|{bad}", "{}\n{bad}", "{} & {bad}", "{} $({bad})"),
    *("{} `{bad}`", '{} "$({bad})"', "{} <({bad})", "{bad};{}", "{} > x; {bad}", "env X=1 {bad}"),
    *("X=1 {bad}", "bash -c '{bad}'", "/bin/{bad}", "./{bad}", "xargs {bad}", "{} {{a,{bad}}}"),
    *("{} # '\n{bad} # '", "{} \\\n; {bad}", "$'\\x72m' x", "r''m x", '"rm" x', "\\rm x", "!{bad}"),
    *("eval {bad}", "exec {bad}", "command {bad}", "nohup {bad}", "time {bad}", "({bad})", "{bad}"),
)


@settings(max_examples=examples(600, by_day=200), deadline=None, derandomize=True, database=None)
@given(
    good=st.sampled_from(READS),
    form=st.sampled_from(SMUGGLES),
    level=st.sampled_from(["readonly", "supervised", "full"]),
    padding=st.text(alphabet=" \t", max_size=3),
)
def test_no_form_of_smuggling_lets_a_command_pass(
    good: str, form: str, level: str, padding: str
) -> None:
    command = padding + form.format(good, bad=BAD) + padding
    decision = judged(command, "bash", "env", "xargs", "time", "exec", level=level)
    assert decision.verdict is Verdict.DENY, command


@settings(max_examples=examples(500, by_day=200), deadline=None, derandomize=True, database=None)
@given(
    words=st.lists(st.text(max_size=12), max_size=5), level=st.sampled_from(["full", "readonly"])
)
def test_any_text_gets_a_decision_with_a_rule_and_a_reason(words: list[str], level: str) -> None:
    decision = judged(" ".join(words), "git", level=level)
    assert decision.reason
    assert decision.rule in Rule


def test_the_time_to_decide_grows_with_the_command_and_no_faster() -> None:
    """A command comes from anybody who holds a token; long runs of options are refused."""
    many = "grep -" + "r" * 65 + "fx y"
    assert said(many) == "deny argument"
    for command in ("cat -" + "a" * 30_000, "cat " + "a=" * 15_000, "cat " + "a " * 15_000):
        before = time.process_time()
        reason = judged(command).reason
        assert time.process_time() - before < 5
        assert len(reason) < 300
    assert len(judged("cat /" + "x" * 10_000).reason) < 300


def test_no_reason_says_a_word_about_money() -> None:
    """ACT-2: the two domains never mix."""
    commands = [
        *READS,
        *CHANGES,
        *(f"{name} x" for name in HIGH),
        "cat /etc",
        "ls > a",
        "X=1 ls",
        "cat $HOME",
    ]
    told = " ".join(judged(one, *HIGH).reason for one in commands).lower()
    assert not [word for word in MONEY if word in told]


MONEY = ("cost", "spend", "spent", "budget", "usd", "$", "cent", "price", "token", "money")
