// A registry on the loopback that has the packages of a folder and no others,
// so that packaging/check.sh can run npm's own commands before anything is
// published.
//
//   node registry.mjs FOLDER
//
// FOLDER holds one folder for each package, as build.mjs makes them, and
// beside each its tarball from `npm pack`. Prints the address, and serves until
// standard input ends.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const folder = process.argv[2];
const packages = new Map();
const tarballs = new Map();
for (const entry of readdirSync(folder, { withFileTypes: true })) {
  if (!entry.isDirectory()) {
    continue;
  }
  const path = join(folder, entry.name, "package.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  // As npm pack names it.
  const name = manifest.name.replace("@", "").replace("/", "-");
  const tarball = `${name}-${manifest.version}.tgz`;
  packages.set(manifest.name, { manifest, tarball });
  tarballs.set(`/${tarball}`, readFileSync(join(folder, tarball)));
}

const server = createServer((request, response) => {
  const tarball = tarballs.get(request.url);
  if (tarball !== undefined) {
    response.end(tarball);
    return;
  }
  const found = packages.get(decodeURIComponent(request.url.slice(1)));
  if (found === undefined) {
    response.writeHead(404).end("{}");
    return;
  }
  const { manifest } = found;
  const contents = tarballs.get(`/${found.tarball}`);
  const sha512 = createHash("sha512").update(contents).digest("base64");
  const dist = {
    tarball: `http://${request.headers.host}/${found.tarball}`,
    integrity: `sha512-${sha512}`,
  };
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      name: manifest.name,
      "dist-tags": { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist } },
    }),
  );
});
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
process.stdin.on("end", () => process.exit()).resume();
