#!/usr/bin/env bash
# Throws arbitrary input at everything that reads bytes from the network; docs/fuzzing.md says what
# each target promises.
#
#   scripts/fuzz.sh [TARGET...]          each for FUZZ_SECONDS, beginning with what is known to matter
#   scripts/fuzz.sh --check [TARGET...]  each on its seeds and then for a few seconds; keeps nothing
#   scripts/fuzz.sh --seeds              makes the seeds that come from our own code anew
#
#   FUZZ_SECONDS    default 600, with --check 4
#   FUZZ_SANITIZER  address: every access to memory is checked, at half the speed; default none
#
# It needs no tool but cargo and clang. `cargo fuzz run` works too.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

fuzz=tests/fuzz
export FUZZ_SANITIZER="${FUZZ_SANITIZER:-none}"
host="$(rustc -vV | sed -n 's/^host: //p')"
folder="$(target_folder)/fuzz-$FUZZ_SANITIZER"

# What one input may take: past these it counts as a crash.
seconds_max=10
memory_mib_max=2048

# As `cargo fuzz` sets them. All of this works on stable Rust but the sanitizer, which RUSTC_BOOTSTRAP
# lets through.
flags=(
  --cfg fuzzing
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
)
case "$FUZZ_SANITIZER" in
  none) ;;
  address)
    flags+=(-Zsanitizer=address)
    export RUSTC_BOOTSTRAP=1
    ;;
  *) die "FUZZ_SANITIZER is \"$FUZZ_SANITIZER\". Make it none or address." ;;
esac

# The versions of the workspace: what is fuzzed is what is shipped.
take_versions() {
  [[ $fuzz/Cargo.lock -nt Cargo.lock ]] || cp Cargo.lock $fuzz/Cargo.lock
}

make_seeds() {
  take_versions
  RUSTFLAGS='--cfg fuzzing' cargo run --release --manifest-path $fuzz/Cargo.toml \
    --target-dir "$(target_folder)/fuzz-seeds" --bin seeds
}

build() {
  local bins=() target
  for target in "${targets[@]}"; do
    bins+=(--bin "$target")
  done
  take_versions
  if command -v clang++ >/dev/null; then
    export CXX="$PWD/$fuzz/c++"
  fi
  # --target, so that build scripts and macros are built without instruments.
  RUSTFLAGS="${flags[*]}" cargo build --release --manifest-path $fuzz/Cargo.toml \
    --target-dir "$folder" --target "$host" "${bins[@]}"
}

# fuzz TARGET: leaves the fuzzer's words in a file and prints its last figures.
fuzz() {
  local target="$1" log="$folder/$1.log" artifacts="$fuzz/artifacts/$1" status=0
  local options=(
    -max_total_time="$seconds"
    -timeout="$seconds_max"
    -rss_limit_mb="$memory_mib_max"
    -print_final_stats=1
    -artifact_prefix="$artifacts/"
  )
  if [[ -f $fuzz/dictionaries/$target.dict ]]; then
    options+=(-dict="$fuzz/dictionaries/$target.dict")
  fi
  mkdir -p "$artifacts" "$corpus/$target"
  "$folder/$host/release/$target" "${options[@]}" \
    "$corpus/$target" "$fuzz/seeds/$target" >"$log" 2>&1 || status=$?
  if [[ "$status" != 0 ]]; then
    tail -n 40 "$log" >&2
    printf '\n%s found something. The input is kept below %s; see docs/fuzzing.md.\n' \
      "$target" "$artifacts" >&2
    return 1
  fi
  # The last line of progress: "#1234 DONE cov: 56 ft: 78 corp: 9/1Kb …".
  printf '%-15s %s\n' "$target" "$(grep -E '^#[0-9]+\s+DONE' "$log" | tr -s ' \t' ' ')"
}

seconds="${FUZZ_SECONDS:-600}"
corpus="$(target_folder)/fuzz-corpus"
case "${1:-}" in
  --seeds)
    make_seeds
    exit
    ;;
  --check)
    shift
    seconds="${FUZZ_SECONDS:-4}"
    corpus="$(mktemp -d)"
    trap 'rm -rf "$corpus"' EXIT
    ;;
  -*)
    echo "usage: $0 [--check] [TARGET...] | --seeds" >&2
    exit 2
    ;;
esac
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for file in "$fuzz"/fuzz_targets/*.rs; do
    targets+=("$(basename "$file" .rs)")
  done
fi

build
failed=()
for target in "${targets[@]}"; do
  fuzz "$target" || failed+=("$target")
done
if [[ ${#failed[@]} -gt 0 ]]; then
  die "Fuzzing failed: $(list "${failed[@]}"). The words of the fuzzer are in $folder."
fi
