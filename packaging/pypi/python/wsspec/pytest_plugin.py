"""The fixture wsspec: tests a server and reports each failing case."""

import json
import subprocess

import pytest

from wsspec import find_wsspec

# The verdicts that fail a run, and the one that fails it with --strict.
FAILING = {"fail", "stale", "blocked", "broken"}
FAILING_IF_STRICT = {"non-strict"}


@pytest.fixture
def wsspec(subtests, tmp_path):
    """Tests a WebSocket echo server; each failing case fails a subtest.

    wsspec("ws://127.0.0.1:8080/ws") tests a server that runs already,
    wsspec(exec="./server") starts one, and wsspec(config="server.toml") starts
    all of a file. Other arguments are those of the command.
    """

    def run(url=None, *arguments, exec=None, config=None, strict=False):
        results = tmp_path / "results.json"
        command = [find_wsspec()]
        if exec is not None or config is not None:
            command += ["run"]
            command += ["--exec", exec] if exec is not None else []
            command += ["--config", str(config)] if config is not None else []
            command += ["--url", url] if url is not None else []
        elif url is not None:
            command += [url]
        else:
            raise TypeError("wsspec needs a URL, exec or config")
        command += ["--report", str(results)]
        command += ["--strict"] if strict else []
        done = subprocess.run(
            [*command, *arguments], capture_output=True, encoding="utf-8"
        )
        if done.returncode not in (0, 1) or not results.exists():
            pytest.fail(
                f"wsspec exited with {done.returncode}\n{done.stderr}",
                pytrace=False,
            )
        report = json.loads(results.read_text("utf-8"))
        failing = FAILING | (FAILING_IF_STRICT if strict else set())
        failed = 0
        several = len(report["targets"]) > 1
        for target in report["targets"]:
            for case in target["cases"]:
                if case["outcome"] in failing:
                    failed += 1
                    prefix = f"{target['name']}: " if several else ""
                    with subtests.test(prefix + case["id"]):
                        pytest.fail(explanation(case), pytrace=False)
        # Such as a server that exited during the run.
        if done.returncode == 1 and not failed:
            pytest.fail(done.stdout + done.stderr, pytrace=False)
        return report

    return run


def explanation(case):
    """Describes a failing case in a few lines."""
    lines = [f"{case['outcome']} {case['id']}", f"rule      {case['rule']}"]
    for key in ("expected", "got", "note"):
        if case.get(key):
            lines.append(f"{key:9} {case[key]}")
    for at, line in enumerate(case.get("trace", [])):
        lines.append(f"{'' if at else 'trace':9} {line}")
    return "\n".join(lines)
