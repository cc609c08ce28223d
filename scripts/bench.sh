#!/usr/bin/env bash
# Measures how fast Lanlens is, on a quiet machine; docs/performance.md says what and why.
#
#   scripts/bench.sh                everything, about 40 minutes: the stages, the whole system, Chromium
#   scripts/bench.sh ROW...         only these; --list names them
#   scripts/bench.sh --quick        only sees that everything runs: the figures mean nothing
#
# --seconds N and --runs N replace each row's own. The last line is one JSON object. Needs root, for
# network namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

CARGO="${CARGO:-cargo}"

# The stages are measured when everything is, or when they are named.
wants_stages() {
  local argument value=no rows=no
  for argument in "$@"; do
    case "$argument" in
      stages) return 0 ;;
      --seconds | --runs) value=yes ;;
      --list | --help | -h) return 1 ;;
      -*) ;;
      *)
        [[ "$value" == yes ]] || rows=yes
        value=no
        ;;
    esac
  done
  [[ "$rows" == no ]]
}

# How the stages are run: --quick takes each of them once.
stages() {
  case " $* " in
    *" --quick "*) "$CARGO" bench --locked -p lanlens-bench --bench stages -- --test ;;
    *) "$CARGO" bench --locked -p lanlens-bench --bench stages ;;
  esac
}

# With everything in one go: in two, cargo would choose features twice and build libraries twice.
"$CARGO" build --release --locked --workspace --bins --examples
if wants_stages "$@"; then
  say "Stages"
  stages "$@"
fi

target="$(target_folder)"
export LANLENS_BIN_DIR="$target/release"
exec "$LANLENS_BIN_DIR/lanlens-bench" "$@"
