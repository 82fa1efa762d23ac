"""What is no TOML at all is said once, and no slip of the hand is taken for it."""

from __future__ import annotations

import gzip
import io
import random
import re
import zipfile
from pathlib import Path

import pytest

from corvus.config.check.check import Options, check_text
from corvus.diagnostics.model import Diagnostic

VALID = sorted((Path(__file__).parents[2] / "golden" / "valid").glob("*.toml"))


def found(text: str | bytes, name: str = "corvus.toml") -> tuple[Diagnostic, ...]:
    raw = text.encode() if isinstance(text, str) else text
    return check_text(raw, name, Options()).diagnostics


OTHERS = {
    "jinja": (
        "[cost]\nenabled = {{ enabled | lower }}\n{% if x %}\na = 1\n{% endif %}\n",
        2,
        "Jinja",
    ),
    "cookiecutter": ("[cost]\nx = {{ cookiecutter.limit }}\n", 2, "`{{`"),
    "chezmoi": ("[cost]\nx = {{ .chezmoi.hostname }}\n{{ if .work }}\n{{ end }}\n", 2, "Go"),
    "helm": ('{{- define "x" -}}\n[cost]\nenabled = {{ .Values.on }}\n{{- end }}\n', 1, "Go"),
    "header": ("[{{ section }}]\nenabled = true\n", 1, "`{{`"),
    "erb": ("[cost]\nenabled = <%= @on %>\n", 2, "ERB"),
    "php": ("[cost]\nenabled = <?= $on ?>\n", 2, "PHP"),
    "mustache": ("[cost]\n{{#on}}\nenabled = true\n{{/on}}\n", 2, "Mustache"),
    "shell": ("[cost]\nenabled = $ON\ndaily_limit_usd = ${DAILY:-5}\n", 2, "`$ON`"),
    "sed": ("[cost]\nenabled = @ON@\n", 2, "`@ON@`"),
    "underscores": ("[cost]\nenabled = __ON__ # later\n", 2, "`__ON__`"),
    "percent": ("[cost]\nenabled = %ON%\n", 2, "`%ON%`"),
    "angle": ("[cost]\nname = <your name>\n", 2, "`<your name>`"),
    "octopus": ("[cost]\nenabled = #{On}\n", 2, "`#{On}`"),
    "yaml": ("---\ncost:\n  enabled: true\n", 2, "YAML"),
    "yaml list": ("budgets:\n  - name: a\n    limit: 1\n", 1, "YAML"),
    "json": ('{\n  "cost": {"enabled": true}\n}\n', 1, "JSON"),
    "json list": ('[\n  {"cost": 1}\n]\n', 1, "JSON"),
    "jsonc": ('// limits\n{ "cost": 1 }\n', 2, "JSON"),
    "xml": ("<?xml version='1.0'?>\n<cost/>\n", 1, "XML"),
    "html": ("<!DOCTYPE html>\n<html></html>\n", 1, "XML"),
    "ini": ("; limits\n[cost]\nmode = on\n", 1, "INI"),
    "dotenv": ("COST_ENABLED=true\nexport DAILY=ten\n", 1, "variables"),
    "python": ("import os\n\ndef f(x):\n    return x\n", 1, "Python"),
    "javascript": ("export default { cost: 1 }\n", 1, "JavaScript"),
    "script": ("#!/bin/sh\necho hello\n", 1, "script"),
    "hcl": ('resource "x" "y" {\n  a = 1\n}\n', 1, "HCL"),
    "markdown": ("```toml\n[cost]\nenabled = true\n```\n", 1, "Markdown"),
    "patch": ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n", 1, "patch"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_language_is_one_finding_at_the_first_place_that_shows_it(name: str) -> None:
    text, line, word = OTHERS[name]
    (only,) = found(text)
    assert only.code == "not-toml"
    assert only.span is not None
    assert only.span.start.line == line
    assert word in only.message


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("corvus.toml.j2", "Jinja"),
        ("corvus.toml.tmpl", "template"),
        ("corvus.toml.erb", "ERB"),
        ("corvus.yaml", "YAML"),
        ("corvus.JSON", "JSON"),
    ],
)
def test_the_suffix_decides_for_a_text_that_is_no_toml(name: str, word: str) -> None:
    (only,) = found("[cost]\nenabled = tru\n", name)
    assert only.code == "not-toml"
    assert word in only.message
    assert not found("[cost]\nenabled = true\ndaily_limit_usd = 5\n", name)


@pytest.mark.parametrize(
    "text",
    [
        'level = "{{ level }}"\nx = tru\n',
        'prompt = """\n{{ user }} {% if x %}\n\nx = 1\n',
        'prompt = \n{{ user }}\n{% if x %}\n"""\n',
        'prompt = Hello {{ name }}"\n',
        "# {{ ansible_managed }} {% x %}\na = tru\n",
        "match = {{ user = 1 }\n",
        "match = {{ user = 1 }}\n",
        "a = {{}}\n",
        "[cost]\nenabled: true\ndaily_limit_usd = 5\n",
        "[cost]\nenabled: true\n",
        "enabled: true\nlimit = 5\n",
        'bot_token = ${TOKEN}\nother = "${OTHER}"\n',
        "api_key = ${TOKEN}\n",
        "limit = $10\n",
        "limit = <5\n",
        "a = on\nb = off\nc = full\n",
        "{[cost]\nenabled = true\n",
        "<[cost]\nenabled = true\n",
        "match {\na = 1\n",
        "; note\n[cost]\nenabled = true\n",
    ],
)
def test_a_slip_of_the_hand_is_a_syntax_error(text: str) -> None:
    assert {one.code for one in found(text)} & {"syntax-error", "toml-1.1-syntax"}
    assert "not-toml" not in {one.code for one in found(text)}


def test_no_mutant_of_a_config_is_taken_for_another_language() -> None:
    dice = random.Random(17)
    for _ in range(300):
        text = dice.choice(VALID).read_text(encoding="utf-8") or "a = 1\n"
        place = dice.randrange(len(text))
        junk = dice.choice(["", "", *"\"'=[]{},:;$%@#<>\n"])
        mutant = text[:place] + junk + text[place + dice.randrange(2) :]
        assert "not-toml" not in {one.code for one in found(mutant)}, mutant


def test_a_binary_file_is_named() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("corvus.toml", "[cost]\n")
    for raw, word in (
        (whole.getvalue(), "a ZIP archive"),
        (gzip.compress(b"[cost]\n"), "a gzip file"),
        (bytes(range(256)) * 9, "a binary file"),
    ):
        (only,) = found(raw)
        assert only.code == "not-toml"
        assert word in only.message
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        (only,) = found("[cost]\nenabled = true\n".encode(encoding))
        assert only.code == "invalid-utf8"
        assert "UTF-16" in only.message


CASCADES = {
    "lost equals": "[autonomy]\nallowed_commands [\n  'git',\n  'ls',\n]\nlevel = 'full'\n",
    "colon": "[autonomy]\nallowed_commands: [\n  'git',\n  'ls',\n]\nlevel = 'full'\n",
    "two equals": "[autonomy]\nallowed_commands == [\n  'git',\n]\nlevel = 'full'\n",
    "lost bracket": "[autonomy]\nallowed_commands =\n  'git', # a\n\n  'ls'\n]\nlevel = 'full'\n",
    "lost line": "[autonomy]\n  'git',\n  'ls',\n]\nlevel = 'full'\n",
    "closed early": "[autonomy]\nallowed_commands = ['git'],\n  'ls' ]\nlevel = 'full'\n",
    "lost header bracket": "[autonomy]\nlevel = 'full'\ncost]\nenabled = true\nx = 1\n",
    "conflict": "<<<<<<< HEAD\n[cost]\nenabled = true\n=======\n[cost]\n>>>>>>> other\n",
    "unquoted comment": "[cost]\n enabled: whether limits hold\nenabled = true\n",
    "half read": "[autonomy]\nmax_actions_per_hour = $1\nmax_cost_per_day_cents = 2500\n",
    "broken budget": "[[cost.budgets]]\nname = 'a'\nperiod = day\nlimit_usd = 1\nx = 1 2\n",
    "doubled opener": "[autonomy]\nallowed_commands = [\nallowed_commands = [\n  'git',\n]\n",
    "array, then tables": "x = []\n[[x]]\n[[x]]\n[[x]]\n",
    "value, then keys": "x = 1\n[x.a]\n[x.b]\n",
}
EXPECTED = {"broken budget": 2}


@pytest.mark.parametrize("name", CASCADES)
def test_one_mistake_is_one_finding(name: str) -> None:
    codes = [one.code for one in found(CASCADES[name]) if one.code != "unknown-key"]
    assert len(codes) == EXPECTED.get(name, 1), codes


def test_a_lost_key_is_not_missing_and_gets_no_second() -> None:
    text = "[[cost.budgets]]\nname = 'a'\nperiod = day\nlimit_usd = 1\nintervall = 2\n"
    for one in found(text):
        assert not re.search(r"lacks|missing", " ".join((one.message, *one.help)))


def test_evidence_of_a_dialect_in_a_broken_line_still_counts() -> None:
    text = "[cost]\nenabled = true\n[swarm]\nx = 1\n[agent]\n[memory]\n[storage\n"
    whole = {one.message for one in found(text.replace("[storage\n", "[storage]\n"))}
    assert {one.message for one in found(text) if one.code == "unknown-key"} <= whole


@pytest.mark.parametrize(
    "text", ["/**/" * 5000 + "x", "/*" * 5000, " \n//x\n" * 5000, "/* * " * 5000]
)
def test_comments_without_a_document_are_read_once(text: str) -> None:
    """A pattern that goes back over each of them would not end."""
    assert check_text(text.encode(), "corvus.toml").diagnostics
