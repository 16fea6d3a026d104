// A helper for node:test: tests a server and reports each failing case.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findWsspec } from "./index.js";

// The verdicts that fail a run, and the one that fails it with --strict.
const FAILING = ["fail", "stale", "blocked", "broken"];
const FAILING_IF_STRICT = ["non-strict"];

// Tests a WebSocket echo server. Each failing case fails a subtest of the test
// context `t`. `url` is a server that runs already, `exec` a command that
// starts one, `config` a server.toml. Returns the report.
export async function conforms(t, options) {
  const { url, exec, config, strict = false, arguments: more = [] } = options;
  const words = [];
  if (exec !== undefined || config !== undefined) {
    words.push("run");
    if (exec !== undefined) words.push("--exec", exec);
    if (config !== undefined) words.push("--config", config);
    if (url !== undefined) words.push("--url", url);
  } else if (url !== undefined) {
    words.push(url);
  } else {
    throw new TypeError("wsspec needs url, exec or config");
  }
  if (strict) words.push("--strict");

  const { code, output, report } = await run([...words, ...more]);
  if (report === undefined) {
    throw new Error(`wsspec exited with ${code}\n${output}`);
  }
  const failing = strict ? [...FAILING, ...FAILING_IF_STRICT] : FAILING;
  let failed = 0;
  for (const target of report.targets) {
    const prefix = report.targets.length > 1 ? `${target.name}: ` : "";
    for (const result of target.cases) {
      if (failing.includes(result.outcome)) {
        failed += 1;
        await t.test(prefix + result.id, () => {
          throw new CaseFailed(result);
        });
      }
    }
  }
  // Such as a server that exited during the run.
  if (code === 1 && failed === 0) {
    throw new Error(output);
  }
  return report;
}

async function run(words) {
  const folder = await mkdtemp(join(tmpdir(), "wsspec-"));
  try {
    const path = join(folder, "results.json");
    // Not spawnSync: the server may be in this process.
    const child = spawn(findWsspec(), [...words, "--report", path], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, error, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    const done = code === 0 || code === 1;
    const json = done ? await readFile(path, "utf8").catch(() => null) : null;
    return {
      code,
      output: out + error,
      report: json === null ? undefined : JSON.parse(json),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class CaseFailed extends Error {
  constructor(result) {
    const lines = [
      `${result.outcome} ${result.id}`,
      `rule      ${result.rule}`,
    ];
    for (const key of ["expected", "got", "note"]) {
      if (result[key]) lines.push(`${key.padEnd(9)} ${result[key]}`);
    }
    for (const [at, line] of (result.trace ?? []).entries()) {
      lines.push(`${at === 0 ? "trace" : "     "}     ${line}`);
    }
    super(lines.join("\n"));
    this.name = "CaseFailed";
    // The stack is this file's, and says nothing about the server.
    this.stack = `${this.name}: ${this.message}`;
  }
}
