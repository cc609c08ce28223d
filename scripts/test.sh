#!/usr/bin/env bash
# Everything that a change must pass, as `make test` runs it.
#
# A step that fails does not keep the others from running, and the tests come last, so that the
# runner's summary ends the output. What this machine cannot run is skipped with its reason; with
# CI=true that counts as a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

failed=()
times=()

# step NAME COMMAND...: a command that exits with 77 could not run here and has said why.
step() {
  local name="$1" began="$SECONDS" status=0 seconds
  shift
  say "$name"
  "$@" || status=$?
  seconds="$((SECONDS - began))"
  times+=("$name $seconds s")
  case "$status" in
    0) say "$name: ok, $seconds s" ;;
    77) skip "$name" "it says why above" ;;
    *)
      failed+=("$name")
      say "$name: FAILED, $seconds s"
      ;;
  esac
}

# skip NAME REASON
skip() {
  if [[ "${CI:-}" == true ]]; then
    failed+=("$1")
    say "$1: FAILED, because with CI=true nothing may be skipped: $2"
  else
    say "$1: SKIPPED: $2"
  fi
}

# Whether network namespaces with links in them can be made, as the end-to-end tests do.
can_make_networks() {
  local name="lanlens-try-$$" result=0
  ip netns add "$name" 2>/dev/null || return 1
  ip -n "$name" link add try0 type veth peer name try1 2>/dev/null || result=1
  ip netns delete "$name"
  return "$result"
}

# For machines without cargo-nextest.
cargo_test() {
  local status=0
  cargo test --release --locked --no-fail-fast --workspace --lib --bins --tests \
    --exclude lanlens-e2e --exclude lanlens-testkit --exclude lanlens-bench || status=$?
  if [[ "$networks" == yes ]]; then
    cargo test --release --locked --no-fail-fast -p lanlens-testkit -p lanlens-e2e -- \
      --test-threads=1 || status=$?
    cargo test --release --locked --no-fail-fast -p lanlens-bench --lib --test rows -- \
      --test-threads=1 || status=$?
  fi
  return "$status"
}

nextest() {
  local arguments=(--release --locked --workspace --no-fail-fast)
  if [[ "$networks" == no ]]; then
    arguments+=(-E 'not (package(lanlens-e2e) + binary(lan) + binary(rows))')
  fi
  cargo nextest run "${arguments[@]}"
}

# The camera page by itself, in a real browser; what it does with a real node is among the tests.
camera_page() {
  if [[ ! -x tests/browser/node_modules/.bin/tsc ]] || ! node_is_new_enough; then
    echo "It needs Node 20 or newer and what npm installs: see above." >&2
    return 77
  fi
  npm test --silent --prefix tests/browser
}

# Software renderers keep their sockets and caches here.
if [[ -z "${XDG_RUNTIME_DIR:-}" ]]; then
  XDG_RUNTIME_DIR="$(mktemp -d)"
  export XDG_RUNTIME_DIR
  trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
fi

scripts/setup.sh --test

step "lint" make --no-print-directory lint
step "documentation" make --no-print-directory doc
if command -v shellcheck >/dev/null; then
  step "scripts" shellcheck --severity=warning scripts/*.sh tests/*/*.sh tests/fuzz/c++ .ci/run
else
  skip "scripts" "shellcheck is not installed"
fi
# Without cargo-deny the same licences and bans are checked by tests/tidy, from the same file.
if cargo deny --version >/dev/null 2>&1; then
  step "licences" cargo deny check licenses bans sources
fi
# All in one go: in two, cargo would choose features twice and build libraries twice.
step "build" cargo build --release --locked --workspace --bins --examples --tests
step "examples in the documentation" cargo test --release --locked --workspace --doc --quiet
step "fuzzing" scripts/fuzz.sh --check
step "camera page" camera_page
if [[ "$(uname -sm)" == "Linux x86_64" ]]; then
  step "virtual camera" tests/vivid/run.sh
else
  skip "virtual camera" "its virtual machine runs programs of Linux on x86_64 only"
fi

networks=yes
if ! can_make_networks; then
  networks=no
  skip "end-to-end tests" "they need network namespaces: run 'make test' as root"
fi

say "Times: $(list "${times[@]}")"
if [[ ${#failed[@]} -gt 0 ]]; then
  say "Failed so far: $(list "${failed[@]}")"
fi
say "Tests"
status=0
if cargo nextest --version >/dev/null 2>&1; then
  nextest || status=$?
else
  cargo_test || status=$?
fi
if [[ ${#failed[@]} -gt 0 ]]; then
  die "Before the tests, these failed: $(list "${failed[@]}"). Look for" \
    "FAILED above."
fi
exit "$status"
