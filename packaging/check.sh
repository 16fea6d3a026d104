#!/usr/bin/env bash
# A dry run of a release on Linux: builds the binary as a release does, makes all
# packages from it, installs them from the local files as docs/src/install.md
# says, without Rust in PATH, and tests a server of each language with them.
# Publishes nothing. Prints what it skips, because a tool is missing.
#
#   packaging/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Servers that others wrote, in Python and JavaScript.
third_party=tests/strangers

# A rule that both of them break, and one that every server keeps.
broken='6455/4.2.1/host-is-present/*'
kept='6455/5.5.2/*'

root=$PWD
docs=$root/docs/src/install.md
version=$(packaging/release.sh version)
work=$(mktemp -d)
export OUTPUT=$work/output
passed=0
skipped=0

step() { printf '\n-- %s (at %s s)\n' "$*" "$SECONDS"; }
pass() { passed=$((passed + 1)); echo "ok: $*"; }
skip() { skipped=$((skipped + 1)); echo "skipping $*"; }
fail() { echo "check.sh: $*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

stop=()
finish() {
  for id in "${stop[@]}"; do kill "$id" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

# expect CODE NAME COMMAND…: runs it, and compares the exit code.
expect() {
  local code=0 expected=$1 name=$2
  shift 2
  "$@" > "$work/log" 2>&1 || code=$?
  if [ "$code" != "$expected" ]; then
    tail -n 60 "$work/log" >&2
    fail "$name exited with $code, and not with $expected: $*"
  fi
  pass "$name exits with $expected"
}

# The last command has printed this.
printed() {
  if ! grep -qF -- "$1" "$work/log"; then
    tail -n 60 "$work/log" >&2
    fail "$1 is missing"
  fi
}

# The commands of a section of the page, one a line.
commands() {
  sed -n "/^## $1\$/,/^## /p" "$docs" | sed -n '/^```console$/,/^```$/s/^\$ //p'
}

# The code of a section, in one language.
code() {
  sed -n "/^## $1\$/,/^## /p" "$docs" | sed -n '/^```'"$2"'$/,/^```$/{/^```/d;p}'
}

# Runs the commands of a section, but for those that match.
as_the_page_says() {
  local section=$1 but=$2 lines
  lines=$(commands "$section")
  while IFS= read -r line; do
    if grep -qE "$but" <<<"$line"; then
      skip "in the section $section: $line"
      lines=$(grep -vxF -- "$line" <<<"$lines" || true)
    fi
  done <<<"$lines"
  [ -n "$lines" ] || fail "the page has no commands in $section"
  # The files of this run stand in for those of the forge.
  lines=${lines//$repository\/releases\/latest\/download/file:\/\/$OUTPUT\/release}
  lines=${lines//$repository\/releases\/download\/v$version/file:\/\/$OUTPUT\/release}
  expect 0 "the section $section" bash -euo pipefail -c "$lines"
}

[ "$(uname -s)" = Linux ] || { skip "the dry run: it is for Linux"; exit; }
for tool in cargo curl unzip zip; do
  has "$tool" || { skip "the dry run: no $tool"; exit; }
done

repository=$(sed -n 's|^\$ curl .* \(https://[^ ]*\)/releases/latest/.*|\1|p' "$docs")
[ -n "$repository" ] || fail "$docs has no address of the repository"

step "the binary"
target=x86_64-unknown-linux-musl
if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
  skip "musl: the target $target is not installed; glibc, linked statically, stands in"
  target=x86_64-unknown-linux-gnu
  export RUSTFLAGS="-C target-feature=+crt-static"
fi
packaging/release.sh binary "$target"
wsspec=$OUTPUT/binaries/$target/wsspec
size=$(stat -c %s "$wsspec")
[ "$size" -lt $((12 << 20)) ] || fail "the binary has $size bytes, over 12 MiB"
pass "the binary has $((size >> 10)) KiB, under 12 MiB"
if ldd "$wsspec" 2>&1 | grep -q '=>'; then fail "the binary is not static"; fi
pass "the binary is static"
for _ in $(seq 20); do
  start=$EPOCHREALTIME
  "$wsspec" --version >/dev/null
  end=$EPOCHREALTIME
  echo $(((${end/./} - ${start/./})))
done | sort -n > "$work/times"
echo "start: $(sed -n 10p "$work/times") µs in the median of 20 (aim: under 20000)"

step "everything from the binary"
# One binary stands in for those of the other platforms, which are not run.
for other in $(packaging/release.sh targets); do
  mkdir -p "$OUTPUT/binaries/$other"
  case "$other" in *windows*) name=wsspec.exe ;; *) name=wsspec ;; esac
  [ -e "$OUTPUT/binaries/$other/$name" ] ||
    ln "$wsspec" "$OUTPUT/binaries/$other/$name"
done
export SOURCE_DATE_EPOCH=1700000000
packaging/release.sh assemble
for archive in "$OUTPUT"/release/wsspec-v"$version"-*.{tar.gz,zip}; do
  sha256sum "$archive"
done > "$work/first"
packaging/release.sh assemble 2>/dev/null
sha256sum --quiet --check "$work/first"
pass "the archives are the same each time"
unset SOURCE_DATE_EPOCH
count=$(grep -c "wsspec-v$version-" "$work/first")
[ "$count" = 5 ] || fail "there are $count archives, and not 5"
(cd "$OUTPUT/release" && sha256sum --quiet --check SHA256SUMS)
pass "the checksums fit"
if has ruby; then
  expect 0 "the formula" ruby -c "$OUTPUT/release/wsspec.rb"
else
  skip "the formula's syntax: no ruby"
fi
if has nix-instantiate; then
  expect 0 "the Nix package" nix-instantiate --parse "$OUTPUT/release/wsspec.nix"
else
  skip "the Nix package's syntax: no nix"
fi
if has shellcheck; then
  expect 0 shellcheck shellcheck -S warning packaging/*.sh \
    "$OUTPUT/release/install.sh"
else
  skip "the scripts' lint: no shellcheck"
fi

step "the crates, in their order"
expect 0 "cargo package" packaging/release.sh crates --no-verify --allow-dirty --quiet

step "the wheel"
wheel=
if has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null &&
  python3 -m venv "$work/maturin" &&
  "$work/maturin/bin/pip" install --quiet --disable-pip-version-check \
    'maturin>=1.9,<2' wheel; then
  PATH=$work/maturin/bin:$PATH packaging/release.sh wheel "$target"
  wheel=$(echo "$OUTPUT"/wheels/wsspec-*.whl)
  size=$(stat -c %s "$wheel")
  [ "$size" -lt $((6 << 20)) ] || fail "the wheel has $size bytes, over 6 MiB"
  pass "the wheel has $((size >> 10)) KiB, under 6 MiB"
  unzip -p "$wheel" '*/scripts/wsspec' | cmp - "$wsspec"
  pass "the wheel has the same binary"
else
  skip "the wheel: no Python with venv, or no maturin"
fi

step "a machine without Rust"
# Tools by their own paths: cargo may be in the same folder.
tools=$work/tools
mkdir "$tools"
for tool in bash sh env python3 node npm npx go zip unzip curl; do
  # pyenv's shims run what their own search finds.
  if [ "$tool" = python3 ] && has python3; then
    path=$(python3 -c 'import sys; print(sys.executable)')
  else
    path=$(command -v "$tool") || continue
  fi
  ln -s "$(readlink -f "$path")" "$tools/$tool"
done
mkdir "$tools/base"
for tool in /usr/bin/* /bin/*; do
  case "${tool##*/}" in cargo* | rust* | python* | node | npm | npx) continue ;; esac
  ln -sf "$tool" "$tools/base/${tool##*/}"
done
bare=$tools:$tools/base
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
export PIP_DISABLE_PIP_VERSION_CHECK=1
home=$work/home
mkdir "$home"
clean() { env PATH="$1" HOME="$home" "${@:2}"; }
if clean "$bare" bash -c 'command -v cargo || command -v rustc'; then
  fail "Rust is still in PATH"
fi
pass "neither cargo nor rustc is in PATH"

# codes NAME SERVER: the exit codes of the command `wsspec` in PATH.
codes() {
  local name=$1 server=$2
  expect 0 "$name, a rule that is kept," wsspec run --exec "$server" --case "$kept"
  expect 1 "$name, a rule that is broken," wsspec run --exec "$server" --case "$broken"
  expect 2 "$name, a wrong command line," wsspec run
  # Port 1 needs rights that a server of a test does not have.
  expect 3 "$name, no server," wsspec ws://127.0.0.1:1/ws
  expect 0 "$name, the version," wsspec --version
  printed "wsspec $version"
}

step "from a shell"
(
  export PATH=$bare HOME=$home
  export WSSPEC_DOWNLOAD=file://$OUTPUT/release
  cd "$home"
  as_the_page_says "From a shell" '^$'
  expect 0 "what it installed" "$home/.local/bin/wsspec" --version
  cp "$OUTPUT/release/install.sh" wrong.sh
  sed -i 's/expected=./expected=x/' wrong.sh
  expect 1 "an archive with another checksum" sh wrong.sh
  as_the_page_says "By hand" '^gh '
  export PATH=$home/.local/bin:$PATH
  as_the_page_says "Completions and the manual page" '^$'
  [ -s .local/share/man/man1/wsspec.1 ] || fail "the manual page is empty"
  echo "$passed $skipped" > "$work/counts"
)
read -r passed skipped < "$work/counts"

step "Python"
if [ -n "$wheel" ]; then
  mkdir "$work/python"
  cp "$third_party/websockets/server.py" "$work/python"
  python3 -m venv "$work/venv"
  # What is not ours comes from the registry.
  "$work/venv/bin/pip" install --quiet -r "$third_party/websockets/requirements.txt" \
    'pytest>=9'
  (
    cd "$work/python"
    export PATH=$work/venv/bin:$bare HOME=$home
    export PIP_NO_INDEX=1 PIP_FIND_LINKS=$OUTPUT/wheels
    as_the_page_says Python '^$'
    codes Python "python server.py"
    expect 0 "python -m wsspec" python -m wsspec list
    expect 2 "python -m wsspec, a wrong command line," python -m wsspec run
    code Python python > test_page.py
    start=$SECONDS
    expect 1 "pytest, as the page says," python -m pytest -q test_page.py
    echo "a first report after $((SECONDS - start)) s"
    printed "${broken%/*}/"
    sed 's|"python server.py"|&, "--case='"$kept"'"|;s|wsspec(exec=\(.*\), \(".*"\))|wsspec(None, \2, exec=\1)|' \
      test_page.py > test_kept.py
    expect 0 "pytest, a rule that is kept," python -m pytest -q test_kept.py
    sed 's|python server.py|exit 7|' test_page.py > test_dead.py
    expect 1 "pytest, a server that does not start," python -m pytest -q test_dead.py
    printed "wsspec exited with 3"
    echo "$passed $skipped" > "$work/counts"
  )
  read -r passed skipped < "$work/counts"
else
  skip "Python: no wheel"
fi

step "JavaScript"
if has npm && [ -d "$OUTPUT/npm/wsspec" ]; then
  (cd "$OUTPUT/npm" && for folder in */; do npm pack --silent "./$folder" >/dev/null; done)
  mkdir "$work/node"
  cp "$third_party"/ws/{server.mjs,package.json} "$work/node"
  # What is not ours comes from the registry.
  (cd "$work/node" && npm install --silent)
  # It serves until this script closes its standard input.
  coproc registry { exec node packaging/npm/registry.mjs "$OUTPUT/npm"; }
  stop+=("$registry_PID")
  read -r address <&"${registry[0]}"
  (
    cd "$work/node"
    export PATH=$bare HOME=$home
    export npm_config_registry=$address npm_config_cache=$work/npm-cache
    as_the_page_says JavaScript '^$'
    installed=(node_modules/@wsspec/*)
    [ "${#installed[@]}" = 1 ] || fail "npm installed ${installed[*]}"
    pass "npm installs the binary of this platform alone"
    export PATH=$work/node/node_modules/.bin:$PATH
    codes JavaScript "node server.mjs"
    code JavaScript js > page.test.mjs
    start=$SECONDS
    expect 1 "node --test, as the page says," node --test page.test.mjs
    echo "a first report after $((SECONDS - start)) s"
    printed "${broken%/*}/"
    sed "s|\"node server.mjs\"|&, arguments: [\"--case=$kept\"]|" page.test.mjs \
      > kept.test.mjs
    expect 0 "node --test, a rule that is kept," node --test kept.test.mjs
    sed 's|node server.mjs|exit 7|' page.test.mjs > dead.test.mjs
    expect 1 "node --test, a server that does not start," node --test dead.test.mjs
    printed "wsspec exited with 3"
    rm -r node_modules/@wsspec
    expect 4 "npx without the binary" wsspec --version
    printed "optional dependencies"
    echo "$passed $skipped" > "$work/counts"
  )
  read -r passed skipped < "$work/counts"
else
  skip "JavaScript: no npm"
fi

step "Go"
# The library of the servers in Go does not look at text.
broken='6455/8.1/invalid-text-fails/*'
if has go; then
  [ -z "$(gofmt -l packaging/go)" ] || fail "packaging/go is not formatted"
  module=$(sed -n 's/^module //p' packaging/go/go.mod)
  # A proxy in the file system, with the module as its tag will have it.
  escaped=$(sed 's/[A-Z]/!\L&/g' <<<"$module")
  at=$work/proxy/$escaped/@v
  mkdir -p "$at" "$work/zip/$module@v$version"
  cp -R packaging/go/. "$work/zip/$module@v$version"
  cp packaging/go/go.mod "$at/v$version.mod"
  echo "v$version" > "$at/list"
  echo "{\"Version\": \"v$version\"}" > "$at/v$version.info"
  (cd "$work/zip" && zip -qrD "$at/v$version.zip" .)
  mkdir "$work/go"
  cp examples/go/nethttp/main.go "$work/go"
  gorilla=$(sed -n 's/^\t\(.*gorilla\/websocket\) \(.*\)$/\1@\2/p' examples/go/go.mod)
  (
    cd "$work/go"
    cache=$(go env GOMODCACHE) build=$(go env GOCACHE) others=$(go env GOPROXY)
    export PATH=$bare HOME=$home GOFLAGS=-modcacherw GOTOOLCHAIN=local
    # The module itself has to come from this run.
    export GOCACHE=$build GOMODCACHE=$work/modules GONOSUMDB=$module
    export GOPROXY=file://$work/proxy,file://$cache/cache/download,$others
    go mod init example.test/echo 2>/dev/null
    go get "$gorilla" 2>/dev/null
    go build -o server .
    as_the_page_says Go '^$'
    code Go go > page_test.go
    expect 0 "go test without the command" go test -v .
    printed "SKIP: TestConformance"
    expect 1 "go test, where the command is required," env WSSPEC_REQUIRED=1 go test .
    export PATH=$home/.local/bin:$PATH
    start=$SECONDS
    expect 1 "go test, as the page says," go test .
    echo "a first report after $((SECONDS - start)) s"
    printed "FAIL: TestConformance/${broken%/*}/"
    sed "s|\"go run .\"|\"./server\", \"--case=$kept\"|" page_test.go > "$work/kept"
    mv "$work/kept" page_test.go
    expect 0 "go test, a rule that is kept," go test -v .
    printed "PASS: TestConformance/"
    sed -i 's|./server|exit 7|' page_test.go
    expect 1 "go test, a server that does not start," go test .
    codes Go ./server
    echo "$passed $skipped" > "$work/counts"
  )
  read -r passed skipped < "$work/counts"
else
  skip "Go: no go"
fi

step "the action"
(
  export GITHUB_ACTION_PATH=$root GITHUB_SERVER_URL=https://github.com
  export GITHUB_STEP_SUMMARY=$work/summary RUNNER_TEMP=$work/runner
  export RUNNER_OS=Linux RUNNER_ARCH=X64 ACTION_REPOSITORY=OWNER/REPOSITORY
  export ACTION_REF=v$version WSSPEC_DOWNLOAD=file://$OUTPUT/release
  export PATH=$bare HOME=$home
  mkdir "$RUNNER_TEMP" "$work/action"
  cd "$work/action"
  action=$root/packaging/action.sh
  expect 0 "the action, which" "$action" which
  printed "key=wsspec-$version-x86_64-unknown-linux-musl-"
  expect 0 "the action, install," "$action" install
  printed "from its release"
  export PATH=$RUNNER_TEMP/wsspec/bin:$PATH
  export INPUT_COMMAND='' INPUT_URL='' INPUT_CONFIG='' INPUT_VARIANT='' INPUT_STRICT=false
  export INPUT_ARGUMENTS='' INPUT_REPORT=report
  expect 2 "the action without inputs" "$action" test
  INPUT_COMMAND="exit 7" expect 3 "the action, no server," "$action" test
  printed "::error title=wsspec::wsspec exited with 3"
  grep -qF "exited with 3" "$GITHUB_STEP_SUMMARY" || fail "the summary is empty"
  if [ -x "$work/go/server" ]; then
    export INPUT_COMMAND=$work/go/server
    INPUT_ARGUMENTS="--case=$broken" expect 1 "the action, a rule that is broken," \
      "$action" test
    printed "::error title=wsspec::"
    for form in html xml json md; do
      [ -s "report/wsspec.$form" ] || fail "the action wrote no wsspec.$form"
    done
    INPUT_ARGUMENTS="--case=$kept" expect 0 "the action, a rule that is kept," \
      "$action" test
    if grep -F "::error" "$work/log"; then fail "it annotates a good run"; fi
  else
    skip "the action with a server: no go"
  fi
  cp -r "$OUTPUT/release" "$work/forged"
  sed -i 's/^./x/' "$work/forged/SHA256SUMS"
  WSSPEC_DOWNLOAD=file://$work/forged expect 4 "the action, a wrong checksum," \
    "$action" install
  echo "$passed $skipped" > "$work/counts"
)
read -r passed skipped < "$work/counts"
step "the recipes"
if [ -x "$work/go/server" ]; then
  mkdir "$work/recipe"
  cp "$work/go/server" "$work/recipe/my-server"
  sed -n '/^## Plain shell$/,/^## /p' docs/src/in-ci.md | sed -n '/^```sh$/,/^```$/{/^```/d;p}' |
    sed "s|$repository/releases/download/VERSION|file://$OUTPUT/release|" \
      > "$work/recipe/ci.sh"
  cd "$work/recipe"
  start=$SECONDS
  WSSPEC_DOWNLOAD=file://$OUTPUT/release expect 1 "the recipe for a plain shell" \
    clean "$bare" sh ci.sh
  echo "a first report after $((SECONDS - start)) s"
  printed "see reports/wsspec.html"
  for form in html xml; do
    [ -s "reports/wsspec.$form" ] || fail "the recipe wrote no wsspec.$form"
  done
  cd "$root"
else
  skip "the recipe for a plain shell: no go"
fi

step "the workflows"
if has go && go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -version \
  > "$work/log" 2>&1; then
  expect 0 actionlint go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 \
    .github/workflows/*.yml
else
  skip "actionlint: it does not install here"
fi

step "the container"
if has buildah; then
  (
    cd "$OUTPUT/container"
    expect 0 "the container file" buildah build --isolation chroot \
      --platform linux/amd64 --file Containerfile --iidfile "$work/image" .
    expect 0 "its user" buildah inspect --type image \
      --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}' "$(cat "$work/image")"
    printed "65532:65532 [/wsspec]"
    buildah rmi "$(cat "$work/image")" >/dev/null
    echo "$passed $skipped" > "$work/counts"
  )
  read -r passed skipped < "$work/counts"
elif has docker && docker info >/dev/null 2>&1; then
  (
    cd "$OUTPUT/container"
    expect 0 "the container file" docker build --platform linux/amd64 \
      --file Containerfile --iidfile "$work/image" .
    expect 0 "the container" docker run --rm "$(cat "$work/image")" --version
    printed "wsspec $version"
    docker rmi "$(cat "$work/image")" >/dev/null
    echo "$passed $skipped" > "$work/counts"
  )
  read -r passed skipped < "$work/counts"
else
  skip "the container: neither buildah nor a running docker"
fi

for line in "cargo install --locked wsspec-cli" "cargo binstall wsspec-cli" \
  "brew install" "nix-build"; do
  skip "$line: it needs what only a release can publish"
done

printf '\n%s passed, 0 failed, %s skipped\n' "$passed" "$skipped"
