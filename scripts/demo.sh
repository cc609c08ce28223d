#!/usr/bin/env bash
# Two cameras and a viewer on this machine. `make demo` builds first and then comes here.
#
# With a display the viewer opens, and closing it (or Ctrl-C) ends the cameras too. Without one the
# terminal client watches instead, prints its figures and writes grid.png; its exit code is ours.
#
#   LANLENS_DEMO_SECONDS  how long: of watching (default 10), or until the viewer closes by itself
#   LANLENS_HOME          identity and settings, as for every program (default: the user's own)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

programs="$(target_folder)/release"
logs="$(mktemp -d)"
started=()

any_running() {
  local pid
  for pid in "${started[@]}"; do
    # A bare return in a trap would give the status from before the trap.
    kill -0 "$pid" 2>/dev/null && return 0
  done
  return 1
}

# Ends what this script started, by process id, and waits until it is gone.
stop_all() {
  local pid
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  for ((tenths = 0; tenths < 30; tenths++)); do
    any_running || break
    sleep 0.1
  done
  for pid in "${started[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -rf "$logs"
}

trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start_camera NAME SOURCE: returns when the camera announces itself, or fails with its words in
# $reason. One after the other, so that the first makes the identity that both share.
start_camera() {
  local log="$logs/${#started[@]}" pid
  : >"$log.events"
  "$programs/lanlens-camera" --headless --json --name "$1" --source "$2" \
    >"$log.events" 2>"$log.words" &
  pid=$!
  started+=("$pid")
  for ((tenths = 0; tenths < 150; tenths++)); do
    grep -q '"ready"' "$log.events" && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill "$pid" 2>/dev/null || true
  reason="$(tail -n 1 "$log.words")"
  return 1
}

start_test_picture() {
  start_camera "$1" pattern ||
    die "The camera \"$1\" did not start: ${reason:-it gave no reason}. Try it by itself:" \
      "$programs/lanlens-camera --headless --source pattern"
}

has_webcam() {
  [[ "$(uname)" == Darwin ]] || compgen -G '/dev/video*' >/dev/null
}

# run_for SECONDS COMMAND...: ends the command after so long; 0 lets it run.
run_for() {
  local seconds="$1" program
  shift
  "$@" &
  program=$!
  started+=("$program")
  for ((tenths = 0; tenths < seconds * 10; tenths++)); do
    kill -0 "$program" 2>/dev/null || break
    sleep 0.1
  done
  if [[ "$seconds" != 0 ]]; then
    kill "$program" 2>/dev/null || true
  fi
  wait "$program"
}

say "Starting two cameras"
if has_webcam && start_camera "Webcam" auto; then
  start_test_picture "Test picture"
else
  if has_webcam; then
    echo "The webcam did not start (${reason:-no reason given}): a test picture takes its place."
  fi
  start_test_picture "Test picture 1"
  start_test_picture "Test picture 2"
fi

status=0
if has_display; then
  say "Opening the viewer. Close its window, or press Ctrl-C here, to end the demo."
  run_for "${LANLENS_DEMO_SECONDS:-0}" "$programs/lanlens-viewer" || status=$?
  if [[ "$status" == 143 && -n "${LANLENS_DEMO_SECONDS:-}" ]]; then
    status=0
  fi
else
  seconds="${LANLENS_DEMO_SECONDS:-10}"
  say "No display here: watching in the terminal for $seconds s"
  rm -f grid.png
  "$programs/lanlens" watch --for "$seconds" --grid grid.png --measure pattern || status=$?
  if [[ -s grid.png ]]; then
    say "What it saw is in $PWD/grid.png"
  fi
fi
exit "$status"
