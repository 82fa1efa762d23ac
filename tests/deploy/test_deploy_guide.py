"""The commands of ``docs/deploy.md`` run in the order of the page.

What changes a machine (users, services, containers, clusters) is a stand-in that checks what it is
given, and runs the command of corvus inside of it for real.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.deploy.kit import KIT, PROGRAM, ROOT, config_in, environment

GUIDE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- ([\w ]+) -->\n```sh\n(.*?)```", GUIDE, re.DOTALL))
ENDED = r"""
case "$1" in --namespace) shift 2;; esac
while [ $# -gt 0 ] && [ "$1" != corvus ]; do shift; done
[ $# -eq 0 ] || exec "$@"
"""
STAND_INS = {
    "sudo": 'if [ "$1" = -u ]; then shift 2; fi\nexec "$@"',
    "useradd": "[ $# -gt 2 ]",
    "systemctl": "",
    "python3": "",
    "pip": "",
    "docker": 'case "$*" in "compose run "*) shift 4; exec corvus "$@";; *pg_dump*) exit 0;; esac'
    + ENDED,
    "kubectl": ENDED,
    "helm": "",
}


class Machine:
    """A folder that stands for a machine: its paths lie in there, and its programs are ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.txt"
        programs = folder / "opt" / "corvus" / "bin"
        programs.mkdir(parents=True)
        for name, text in STAND_INS.items():
            script = f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {self.log}\n{text}\n'
            (programs / name).write_text(script)
        (programs / "corvus").write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)
        self.programs = programs
        for name in ("etc/systemd/system", "etc/caddy", "var/lib/corvus", "work"):
            (folder / name).mkdir(parents=True)

    def here(self, text: str) -> str:
        """Let the paths of the machine lie in the folder."""
        text = re.sub(r"(?<![\w.])/(opt|etc|var)/", rf"{self.folder}/\1/", text)
        text = text.replace("--owner corvus --group corvus ", "")
        return text.replace("examples/deploy", str(KIT))

    def follow(self, block: str, *, folder: Path | None = None) -> str:
        """Run the commands of a block of the guide."""
        done = subprocess.run(
            ["bash", "-euc", self.here(BLOCKS[block])],
            cwd=folder or self.folder / "work",
            env=environment(PATH=f"{self.programs}:{os.environ['PATH']}", HOME=str(self.folder)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        return done.stdout

    def configure(self) -> None:
        """Let the ledger of the config lie in the folder."""
        config = self.folder / "etc" / "corvus" / "corvus.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        text = config_in(self.folder).read_text()
        config.write_text(
            text.replace(f"{self.folder}/ledger", f"{self.folder}/var/lib/corvus/ledger")
        )
        (self.folder / "corvus.toml").unlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_service_from_installation_to_upgrade(machine: Machine) -> None:
    before, token = BLOCKS["systemd"].split("sudo -u corvus")
    BLOCKS["install"], BLOCKS["start"] = before, f"sudo -u corvus{token}"
    machine.follow("install", folder=ROOT)
    etc = machine.folder / "etc"
    installed = (etc / "corvus" / "corvus.toml").read_text()
    assert installed == (KIT / "corvus.toml").read_text()
    assert (etc / "corvus" / "keys.env").stat().st_mode & 0o777 == 0o600
    assert len([*(etc / "systemd" / "system").iterdir()]) == 3
    machine.configure()
    assert "token=cvk_" in machine.follow("start")
    machine.follow("caddy", folder=ROOT)
    assert (etc / "caddy" / "Caddyfile").is_file()
    machine.follow("back up")
    restored = machine.follow("restore")
    assert "sound=true" in restored
    upgraded = machine.follow("upgrade", folder=ROOT)
    assert "dry_run=true" in upgraded
    assert "sound=true" in upgraded
    said = machine.log.read_text()
    for words in ("useradd --system", "systemctl enable --now corvus-gateway.service"):
        assert words in said
    for unit in re.findall(r"corvus-[a-z]+\.(?:service|timer)", said):
        assert (KIT / "systemd" / unit).is_file()


def test_tokens_are_made_rotated_and_made_to_overlap(machine: Machine) -> None:
    config = config_in(machine.folder / "work")
    assert config.name == "corvus.toml", "the one that commands find by themselves"
    machine.follow("tokens")
    rotated = machine.follow("rotate")
    assert "name=ana" in rotated
    listed = rotated.partition("token=cvk_")[2]
    assert len(re.findall(r"name=ana .*revoked_at=none", listed)) == 1
    machine.follow("overlap")


def test_containers_and_pods_run_the_commands_of_the_guide(machine: Machine) -> None:
    machine.configure()
    folder = machine.folder / "container"
    folder.mkdir()
    (folder / ".env.example").write_text((KIT / "container" / ".env.example").read_text())
    assert "token=cvk_" in machine.follow("compose", folder=folder)
    assert (folder / ".env").is_file()
    assert "backup=" in machine.follow("back up in a container", folder=folder)
    (folder / "keys.env").touch()
    subprocess.run(
        [*PROGRAM, "token", "revoke", "ops", "--config", machine.here("/etc/corvus/corvus.toml")],
        env=environment(),
        check=True,
        capture_output=True,
    )
    assert "token=cvk_" in machine.follow("kubernetes", folder=folder)
    assert "backup=" in machine.follow("back up in a pod", folder=folder)
    said = machine.log.read_text()
    values = re.findall(r"--set (\S+?)=", said)
    assert values == ["host", "image.repository"]
    assert "docker compose up --detach" in said


def test_every_block_is_run_and_every_file_is_there() -> None:
    assert len(re.findall("```sh\n", GUIDE)) == 12
    text = Path(__file__).read_text()
    for block in re.findall(r"<!-- ([\w ]+) -->\n```sh", GUIDE):
        assert f'("{block}"' in text or f'["{block}"]' in text, block
    for link in re.findall(r"\]\(([^)#]+)", GUIDE):
        assert (ROOT / "docs" / link).exists(), link
