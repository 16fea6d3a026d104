#!/usr/bin/env bash
# Makes what a release consists of, from one version: that of Cargo.toml. The
# workflow calls it on a tag, and packaging/check.sh in a dry run.
#
#   packaging/release.sh version             the version
#   packaging/release.sh targets             the platforms, one a line
#   packaging/release.sh order               the crates, each after those it uses
#   packaging/release.sh ready TAG           fails if TAG can't be released
#   packaging/release.sh crates [ARGUMENT…]  packs the crates in that order
#   packaging/release.sh binary TARGET       builds OUTPUT/binaries/TARGET/wsspec
#   packaging/release.sh wheel TARGET        the same binary as a wheel
#   packaging/release.sh assemble            everything else, from the binaries
#
# OUTPUT is target/release-files unless it is set. After `assemble` it holds
#
#   release/    the archives, install.sh, the Homebrew formula, the Nix package,
#               the list of components and SHA256SUMS
#   npm/        a package for each platform, and wsspec
#   container/  the context of packaging/container/Containerfile
#
# The order of a release: 1. `ready`, 2. the binaries and wheels, each on its
# platform, 3. `assemble`, 4. the release on the forge with release/, 5. the
# crates in their order, 6. the wheels, 7. npm, platforms first, 8. the container,
# 9. the tag packaging/go/vVERSION. A step that failed can be repeated: nothing
# before it has to be undone.
set -euo pipefail
cd "$(dirname "$0")/.."

crates=(rfc6455 rfc7692 rfc9113 wsspec wsspec-cli wsbench)

targets=(
  x86_64-unknown-linux-musl
  aarch64-unknown-linux-musl
  x86_64-apple-darwin
  aarch64-apple-darwin
  x86_64-pc-windows-msvc
)

output=${OUTPUT:-target/release-files}

die() { echo "release.sh: $*" >&2; exit 1; }

# The field of [workspace.package].
field() {
  sed -n '/^\[workspace\.package\]/,/^\[/s/^'"$1"' = "\(.*\)"$/\1/p' Cargo.toml
}

version() { field version; }

repository() {
  local stated
  stated=$(field repository)
  if [ -z "$stated" ] && [ -n "${GITHUB_REPOSITORY:-}" ]; then
    stated=${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY
  fi
  echo "${stated:-https://github.com/OWNER/REPOSITORY}"
}

program() {
  case "$1" in *windows*) echo wsspec.exe ;; *) echo wsspec ;; esac
}

# The same sources give the same archive: its files have the commit's time.
epoch() {
  echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
}

ready() {
  local tag=$1 problems=0
  problem() { echo "release.sh: $*" >&2; problems=1; }
  [ "$tag" = "v$(version)" ] ||
    problem "the tag is $tag, and Cargo.toml has the version $(version)"
  [ -n "$(field repository)" ] ||
    problem "[workspace.package] in Cargo.toml has no repository, which" \
      "cargo binstall needs"
  local places
  places=$(git grep -l 'OWNER/REPOSITORY' -- packaging/pypi packaging/go || true)
  [ -z "$places" ] ||
    problem "put the address of the repository into" $places
  grep -q "^## $(version)" CHANGELOG.md ||
    problem "CHANGELOG.md has no section for $(version)"
  [ -z "$(git status --porcelain)" ] || problem "there are uncommitted changes"
  return "$problems"
}

# In one call cargo takes the crates that are not published yet from each
# other's packages.
crates() {
  local names=()
  for crate in "${crates[@]}"; do names+=(-p "$crate"); done
  cargo package --locked "${names[@]}" "$@"
}

binary() {
  local target=$1 name
  name=$(program "$target")
  cargo build --locked --profile dist -p wsspec-cli --target "$target"
  mkdir -p "$output/binaries/$target"
  cp "${CARGO_TARGET_DIR:-target}/$target/dist/$name" \
    "$output/binaries/$target/$name"
}

# Needs maturin and wheel. It does not compile again: cargo finds the binary.
wheel() {
  local target=$1 tags folder=$output/wheels
  case "$target" in
    # The binary is static, so it runs with any libc.
    x86_64-unknown-linux-*)
      tags=manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64 ;;
    aarch64-unknown-linux-*)
      tags=manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64 ;;
    x86_64-apple-darwin) tags=macosx_10_12_x86_64 ;;
    aarch64-apple-darwin) tags=macosx_11_0_arm64 ;;
    x86_64-pc-windows-msvc) tags=win_amd64 ;;
    *) die "$target is not a platform of a release" ;;
  esac
  cp LICENSE-APACHE LICENSE-MIT packaging/pypi/
  mkdir -p "$folder"
  rm -f "$folder"/wsspec-*.whl
  folder=$(cd "$folder" && pwd)
  # Its settings are beside pyproject.toml.
  (
    cd packaging/pypi
    maturin build --profile dist --locked --target "$target" \
      --auditwheel skip --out "$folder" 2>&1
  )
  local built
  built=$(echo "$folder"/wsspec-*.whl)
  python -m wheel tags --remove --platform-tag "$tags" "$built"
}

# Replaces @VERSION@, @REPOSITORY@ and @SHA256:TARGET@.
fill() {
  local text
  text=$(cat "$1")
  text=${text//@VERSION@/$(version)}
  text=${text//@REPOSITORY@/$(repository)}
  for target in "${targets[@]}"; do
    text=${text//@SHA256:$target@/$(checksum "$target")}
  done
  case "$text" in *@VERSION* | *@REPOSITORY* | *@SHA256*)
    die "$1 has a placeholder that nothing fills" ;;
  esac
  printf '%s\n' "$text"
}

archive_of() {
  case "$1" in
    *windows*) echo "wsspec-v$(version)-$1.zip" ;;
    *) echo "wsspec-v$(version)-$1.tar.gz" ;;
  esac
}

checksum() {
  sha256sum "$output/release/$(archive_of "$1")" | cut -d ' ' -f 1
}

# A binary that this machine can run, for completions and manual pages.
own_binary() {
  local path
  for target in "${targets[@]}"; do
    path=$output/binaries/$target/$(program "$target")
    if "$path" --version >/dev/null 2>&1; then echo "$path"; return; fi
  done
  die "none of the binaries runs on this machine"
}

assemble() {
  local wsspec shown target name folder files time
  for target in "${targets[@]}"; do
    [ -f "$output/binaries/$target/$(program "$target")" ] ||
      die "$output/binaries/$target/$(program "$target") is missing"
  done
  wsspec=$(own_binary)
  shown=$("$wsspec" --version)
  case "$shown " in
    "wsspec $(version) "*) ;;
    *) die "the binary is $shown, and Cargo.toml has $(version)" ;;
  esac
  rm -rf "$output/release" "$output/npm" "$output/container" "$output/files"
  mkdir -p "$output/release" "$output/npm" "$output/container"

  files=$output/files
  mkdir -p "$files/completions" "$files/man"
  "$wsspec" completions bash > "$files/completions/wsspec.bash"
  "$wsspec" completions fish > "$files/completions/wsspec.fish"
  "$wsspec" completions zsh > "$files/completions/_wsspec"
  "$wsspec" completions powershell > "$files/completions/_wsspec.ps1"
  "$wsspec" man > "$files/man/wsspec.1"
  # The page of wsspec lists the others.
  for name in $(sed -n 's/^wsspec\\-\(.*\)(1)$/\1/p' "$files/man/wsspec.1"); do
    "$wsspec" man "$name" > "$files/man/wsspec-$name.1"
  done
  "$wsspec" man baseline update > "$files/man/wsspec-baseline-update.1"
  cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$files"

  time=$(epoch)
  for target in "${targets[@]}"; do
    folder=$output/files/wsspec-v$(version)-$target
    mkdir "$folder"
    cp -R "$files"/{completions,man,*.md,LICENSE-*} "$folder"
    cp "$output/binaries/$target/$(program "$target")" "$folder"
    chmod 755 "$folder/$(program "$target")"
    pack "$folder" "$output/release/$(archive_of "$target")" "$time"
  done
  rm -r "$files"

  fill packaging/homebrew/wsspec.rb.in > "$output/release/wsspec.rb"
  fill packaging/nix/wsspec.nix.in > "$output/release/wsspec.nix"
  fill packaging/install.sh.in > "$output/release/install.sh"
  components
  (cd "$output/release" && sha256sum -- * > SHA256SUMS)

  for target in x86_64:amd64 aarch64:arm64; do
    folder=$output/container/${target#*:}
    mkdir "$folder"
    cp "$output/binaries/${target%:*}-unknown-linux-musl/wsspec" "$folder"
  done
  cp packaging/container/Containerfile "$output/container"

  if command -v node >/dev/null 2>&1; then
    node packaging/npm/build.mjs "$(version)" "$(repository)" \
      "$output/binaries" "$output/npm"
  else
    echo "release.sh: skipping the npm packages: no node" >&2
  fi
}

pack() {
  local folder=$1 archive time=$3 name
  archive=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
  name=$(basename "$folder")
  find "$folder" -exec touch -h -d "@$time" {} +
  (
    cd "$(dirname "$folder")"
    case "$archive" in
      *.zip)
        find "$name" -type f | LC_ALL=C sort | TZ=UTC zip -qX "$archive" -@ ;;
      *)
        tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner \
          -cf - "$name" | gzip -9n > "$archive" ;;
    esac
  )
}

# CycloneDX. The workflow sets COMPONENTS=required.
components() {
  local made=crates/wsspec-cli/wsspec-cli.cdx.json
  if cargo cyclonedx --version >/dev/null 2>&1; then
    cargo cyclonedx --manifest-path crates/wsspec-cli/Cargo.toml \
      --format json --quiet
    mv "$made" "$output/release/wsspec-v$(version).cdx.json"
    # It writes one for each crate of the workspace.
    find . -path ./target -prune -o -name '*.cdx.json' -exec rm {} +
  elif [ "${COMPONENTS:-}" = required ]; then
    die "cargo-cyclonedx is not installed"
  else
    echo "release.sh: skipping the list of components: no cargo-cyclonedx" >&2
  fi
}

case "${1:-}" in
  version) version ;;
  targets) printf '%s\n' "${targets[@]}" ;;
  order) printf '%s\n' "${crates[@]}" ;;
  ready) ready "${2:?a tag}" ;;
  crates) shift; crates "$@" ;;
  binary) binary "${2:?a target}" ;;
  wheel) wheel "${2:?a target}" ;;
  assemble) assemble ;;
  *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
