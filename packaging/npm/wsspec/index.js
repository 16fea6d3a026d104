// Finds the binary, which is in the package of this platform.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

// Returns the path of the binary. The environment variable WSSPEC overrides
// the binary of the package.
export function findWsspec() {
  if (process.env.WSSPEC) {
    return process.env.WSSPEC;
  }
  const platform = `${process.platform}-${process.arch}`;
  const name = process.platform === "win32" ? "wsspec.exe" : "wsspec";
  try {
    return require.resolve(`@wsspec/${platform}/${name}`);
  } catch (cause) {
    throw new Error(
      `wsspec has no binary for ${platform} here: install it with its ` +
        "optional dependencies, or set WSSPEC to the path of a binary",
      { cause },
    );
  }
}
