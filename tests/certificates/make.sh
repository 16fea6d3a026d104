#!/usr/bin/env bash
# Makes the certificates anew: an authority, a server's certificate for
# localhost that it signs, and one that signs itself. Needs OpenSSL 3.
set -euo pipefail
cd "$(dirname "$0")"

# The same end for both: 1 January 2050, as far as UTCTime goes.
days=$((($(date -d 2050-01-01 +%s) - $(date +%s)) / 86400))
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# Nothing else is to be signed with it, so its key is not kept.
key "$work/ca-key.pem"
openssl req -x509 -new -key "$work/ca-key.pem" -days "$days" -out ca.pem \
  -subj "/CN=Tests of websocket-boundary, trust nothing it signs" \
  -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
  -addext "keyUsage=critical,keyCertSign,cRLSign"

key localhost-key.pem
openssl req -new -key localhost-key.pem -subj "/CN=localhost" \
  -out "$work/localhost.csr"
cat >"$work/localhost.ext" <<'EXTENSIONS'
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EXTENSIONS
openssl x509 -req -in "$work/localhost.csr" -days "$days" \
  -CA ca.pem -CAkey "$work/ca-key.pem" -CAserial "$work/ca.srl" -CAcreateserial \
  -extfile "$work/localhost.ext" -out localhost.pem

# What the shortest command makes: it signs itself, is marked as an authority,
# and has no subjectAltName.
openssl req -x509 -key localhost-key.pem -days "$days" -subj "/CN=localhost" \
  -out self-signed.pem

openssl verify -CAfile ca.pem -verify_ip 127.0.0.1 localhost.pem
