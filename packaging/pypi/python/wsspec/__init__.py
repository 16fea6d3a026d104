"""Tests whether a WebSocket server conforms to RFC 6455.

The package carries the command wsspec. This module finds it.
"""

import os
import shutil
import sys
import sysconfig

__all__ = ["find_wsspec"]


def find_wsspec():
    """Returns the path of the binary.

    The environment variable WSSPEC overrides the binary of this package.
    Raises FileNotFoundError if there is none.
    """
    chosen = os.environ.get("WSSPEC")
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise FileNotFoundError(f"WSSPEC={chosen} is not a program")
        return path
    name = "wsspec" + (sysconfig.get_config_var("EXE") or "")
    user = {"posix": "posix_user", "nt": "nt_user"}.get(os.name)
    if sys.platform == "darwin" and sys._framework:
        user = "osx_framework_user"
    folders = [
        sysconfig.get_path("scripts"),
        # pip install --user
        sysconfig.get_path("scripts", scheme=user) if user else None,
        # pip install --target
        os.path.join(os.path.dirname(os.path.dirname(__file__)), "bin"),
    ]
    for folder in filter(None, folders):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    raise FileNotFoundError(f"{name} is missing: install wsspec again")
