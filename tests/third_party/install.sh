#!/usr/bin/env bash
# Installs what the third-party servers need, each by name from its language's
# package registry, and prints a line for each that it skips. Exits with 0 when
# all are there, with 10 when it has skipped some, and with another code when an
# installation fails.
set -euo pipefail
cd "$(dirname "$0")"
target=$PWD/../../target/third_party

has() { command -v "$1" >/dev/null 2>&1; }

skipped=0
skip() {
  skipped=$((skipped + 1))
  echo "skipping $1: $2"
}

# Debian's packages, where apt-get may install them.
debian() {
  has apt-get && [ "$(id -u)" = 0 ] || return 1
  apt-get update -qq >/dev/null || return 1
  DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# One environment for all: none needs a version that another can't have.
python="aiohttp hypercorn mortal tornado uvicorn websockets"
if has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; then
  [ -d .venv ] || python3 -m venv .venv
  requirements=()
  for folder in $python; do
    requirements+=(-r "$folder/requirements.txt")
  done
  .venv/bin/pip install --quiet --disable-pip-version-check \
    "${requirements[@]}"
else
  skip "$python" "no python3 with venv"
fi

node="faye ws ws-http2"
if has npm; then
  for folder in $node; do
    (cd "$folder" && npm install --no-fund --no-audit --silent)
  done
else
  skip "$node" "no npm"
fi

# Their modules, so that nothing is fetched when they are built.
go="coder gobwas"
if has go; then
  for folder in $go; do
    (cd "$folder" && go mod download)
  done
else
  skip "$go" "no go"
fi

java="jetty undertow"
if has mvn && has javac; then
  for folder in $java; do
    # Maven says on standard output why it fails, and escapes when it doesn't.
    log=$(mvn -q -B -f "$folder/pom.xml" dependency:copy-dependencies \
      -DoutputDirectory="$target/$folder/lib" 2>&1) || { echo "$log"; exit 1; }
    javac -d "$target/$folder/classes" \
      -cp "$target/$folder/lib/*" "$folder/Echo.java"
  done
else
  skip "$java" "no Maven, or no JDK"
fi

beast() { echo '#include <boost/beast.hpp>' | g++ -std=c++17 -E -x c++ - >/dev/null; }
if has make && has g++; then
  beast 2>/dev/null || debian libboost1.81-dev || debian libboost-dev || true
fi
if has make && has g++ && beast 2>/dev/null; then
  make -s -C beast
else
  skip beast "no g++ and make, or no Boost (Debian: libboost1.81-dev)"
fi

mojolicious() { has perl && perl -MMojolicious -e 1 2>/dev/null; }
if ! mojolicious && ! debian libmojolicious-perl || ! mojolicious; then
  skip mojolicious "no Perl with Mojolicious (Debian: libmojolicious-perl)"
fi

if [ "$skipped" != 0 ]; then exit 10; fi
