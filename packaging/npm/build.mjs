// Makes the npm packages: one with the binary for each platform, and wsspec,
// which depends on them and on nothing else. npm installs only the one that
// fits, by its `os` and `cpu`.
//
//   node build.mjs VERSION REPOSITORY BINARIES OUTPUT
//
// BINARIES holds TARGET/wsspec for each target that was built.
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PLATFORMS = {
  "x86_64-unknown-linux-musl": ["linux", "x64"],
  "aarch64-unknown-linux-musl": ["linux", "arm64"],
  "x86_64-apple-darwin": ["darwin", "x64"],
  "aarch64-apple-darwin": ["darwin", "arm64"],
  "x86_64-pc-windows-msvc": ["win32", "x64"],
};

const [version, repository, binaries, output] = process.argv.slice(2);
if (output === undefined) {
  console.error("usage: node build.mjs VERSION REPOSITORY BINARIES OUTPUT");
  process.exit(2);
}
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const main = JSON.parse(await readFile(join(here, "wsspec/package.json")));
const common = {
  version,
  repository: { type: "git", url: `git+${repository}.git` },
};

for (const [target, [os, cpu]] of Object.entries(PLATFORMS)) {
  const name = os === "win32" ? "wsspec.exe" : "wsspec";
  const binary = join(binaries, target, name);
  if (!existsSync(binary)) {
    continue;
  }
  const folder = join(output, `wsspec-${os}-${cpu}`);
  await mkdir(folder, { recursive: true });
  await copyFile(binary, join(folder, name));
  await chmod(join(folder, name), 0o755);
  await finish(folder, {
    name: `@wsspec/${os}-${cpu}`,
    description: `The binary of wsspec for ${os} on ${cpu}`,
    license: main.license,
    ...common,
    os: [os],
    cpu: [cpu],
    files: [name],
    preferUnplugged: true,
  });
  const readme = `The binary of [wsspec](${repository}) for ${os} on ${cpu}.\n`;
  await writeFile(join(folder, "README.md"), readme);
}

const folder = join(output, "wsspec");
await cp(join(here, "wsspec"), folder, { recursive: true });
const optionalDependencies = {};
for (const [os, cpu] of Object.values(PLATFORMS)) {
  optionalDependencies[`@wsspec/${os}-${cpu}`] = version;
}
await finish(folder, { ...main, ...common, optionalDependencies });

async function finish(folder, contents) {
  const text = JSON.stringify(contents, null, 2);
  await writeFile(join(folder, "package.json"), `${text}\n`);
  for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    await copyFile(join(root, licence), join(folder, licence));
  }
}
