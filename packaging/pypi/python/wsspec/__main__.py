"""python -m wsspec: the command, with the same arguments and exit code."""

import os
import subprocess
import sys

from wsspec import find_wsspec


def main():
    command = [find_wsspec(), *sys.argv[1:]]
    # On Windows the new process would not keep the terminal.
    if os.name == "nt":
        sys.exit(subprocess.run(command).returncode)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
