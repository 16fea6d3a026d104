#!/usr/bin/env bash
# The steps of action.yml, here so that packaging/check.sh can run them.
#
#   action.sh which     prints version=, target= and key= for the later steps
#   action.sh install   puts wsspec into $RUNNER_TEMP/wsspec/bin
#   action.sh test      runs wsspec as the inputs say
#
# macOS has bash 3.2.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

version() {
  sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml"
}

target() {
  case "$RUNNER_OS-$RUNNER_ARCH" in
    Linux-X64) echo x86_64-unknown-linux-musl ;;
    Linux-ARM64) echo aarch64-unknown-linux-musl ;;
    macOS-X64) echo x86_64-apple-darwin ;;
    macOS-ARM64) echo aarch64-apple-darwin ;;
    Windows-X64) echo x86_64-pc-windows-msvc ;;
    # It is built.
    *) echo "$RUNNER_OS-$RUNNER_ARCH" ;;
  esac
}

which_one() {
  local sources
  # A branch of the action changes without its version.
  sources=$(
    cd "$here"
    find Cargo.toml Cargo.lock crates -type f \( -name '*.rs' -o -name 'Cargo.*' \
      -o -name '*.t*' -o -name '*.json' -o -name '*.html' -o -name '*.css' \
      -o -name '*.js' \) -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256
  )
  echo "version=$(version)"
  echo "target=$(target)"
  echo "key=wsspec-$(version)-$(target)-$(printf %.16s "$sources")"
}

# The binary of the release, if the action is that release; else from its sources.
install() {
  local bin=$RUNNER_TEMP/wsspec/bin
  mkdir -p "$bin"
  if [ "${ACTION_REF:-}" = "v$(version)" ] && download "$bin"; then
    echo "wsspec $(version) from its release"
  else
    echo "Building wsspec from the sources of the action"
    # Not in the caller's folder, which may ask rustup for another toolchain.
    cd "$here"
    cargo install --path crates/wsspec-cli --locked --root "$RUNNER_TEMP/wsspec"
  fi
}

download() {
  local name archive folder from expected
  name=wsspec-v$(version)-$(target)
  archive=$name.tar.gz
  if [ "$RUNNER_OS" = Windows ]; then archive=$name.zip; fi
  from=${WSSPEC_DOWNLOAD:-$GITHUB_SERVER_URL/$ACTION_REPOSITORY/releases/download/v$(version)}
  folder=$(mktemp -d)
  for file in "$archive" SHA256SUMS; do
    curl -fsSL --retry 3 -o "$folder/$file" "$from/$file" || return 1
  done
  expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$folder/SHA256SUMS")
  if [ -z "$expected" ] ||
    [ "$(sha256 < "$folder/$archive" | cut -d ' ' -f 1)" != "$expected" ]; then
    echo "::error::$archive does not have the checksum of its release"
    exit 4
  fi
  case "$archive" in
    *.zip) (cd "$folder" && 7z x -bso0 "$archive") ;;
    *) tar -xzf "$folder/$archive" -C "$folder" ;;
  esac
  cp "$folder/$name"/wsspec* "$1"
  rm -rf "$folder"
}

run() {
  local words report code form word
  words=()
  if [ -n "$INPUT_COMMAND$INPUT_CONFIG" ]; then
    words+=(run)
    if [ -n "$INPUT_CONFIG" ]; then words+=("--config=$INPUT_CONFIG"); fi
    if [ -n "$INPUT_VARIANT" ]; then words+=("--variant=$INPUT_VARIANT"); fi
    if [ -n "$INPUT_COMMAND" ]; then words+=("--exec=$INPUT_COMMAND"); fi
    if [ -n "$INPUT_URL" ]; then words+=("--url=$INPUT_URL"); fi
  elif [ -n "$INPUT_URL" ]; then
    words+=("$INPUT_URL")
  else
    echo "::error::wsspec needs command, config or url"
    exit 2
  fi
  case "$INPUT_STRICT" in
    true) words+=(--strict) ;;
    false | "") ;;
    *) echo "::error::strict has to be true or false"; exit 2 ;;
  esac

  report=${INPUT_REPORT:-wsspec-report}
  mkdir -p -- "$report"
  for form in html xml json md; do
    # The report of an earlier run must not be taken for this one's.
    rm -f -- "$report/wsspec.$form"
    words+=("--report=$report/wsspec.$form")
  done
  # macOS has a bash without mapfile.
  while IFS= read -r word || [ -n "$word" ]; do
    word=${word%$'\r'}
    if [ -n "$word" ]; then words+=("$word"); fi
  done <<< "$INPUT_ARGUMENTS"

  code=0
  wsspec "${words[@]}" 2>&1 | tee "$RUNNER_TEMP/wsspec.log" || code=${PIPESTATUS[0]}
  annotate "$code" < "$RUNNER_TEMP/wsspec.log"
  if [ -f "$report/wsspec.md" ]; then
    cat -- "$report/wsspec.md" >> "$GITHUB_STEP_SUMMARY"
  else
    echo "wsspec exited with $code and wrote no results. See the log." \
      >> "$GITHUB_STEP_SUMMARY"
  fi
  exit "$code"
}

# An annotation for each cause of failures; the forge shows ten of a step.
annotate() {
  local found
  # wsspec numbers the causes that fail the run.
  found=$(sed -n 's/%/%25/g;s/^[0-9][0-9]*\. \([0-9].*\)$/::error title=wsspec::\1/p')
  if [ -n "$found" ]; then
    printf '%s\n' "$found"
  elif [ "$1" != 0 ]; then
    echo "::error title=wsspec::wsspec exited with $1. See the log."
  fi
}

case "${1:-}" in
  which) which_one ;;
  install) install ;;
  test) run ;;
  *) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
