#!/usr/bin/env node
// The command wsspec: passes arguments, signals and the exit code on.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { findWsspec } from "./index.js";

let program;
try {
  program = findWsspec();
} catch (error) {
  console.error(`wsspec: ${error.message}`);
  process.exit(4);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // A terminal sends SIGINT to both; wsspec has to end its servers first.
  process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
}
child.on("error", (error) => {
  console.error(`wsspec: ${error.message}`);
  process.exit(4);
});
child.on("exit", (code, signal) => {
  process.exit(code ?? 128 + constants.signals[signal]);
});
