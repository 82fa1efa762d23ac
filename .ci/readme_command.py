"""Print the Nth shell block of the README, so that CI types what a newcomer reads."""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(), flags=re.DOTALL | re.MULTILINE)
print(blocks[int(sys.argv[1]) - 1])
