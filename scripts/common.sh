# shellcheck shell=bash
# Shared by the other scripts: how they speak, and where things are. Meant to be sourced.

# One line about what happens, apart from the output of the tools.
say() {
  printf '\n==> %s\n' "$*"
}

# One sentence about what failed and one about what to do.
die() {
  printf '\nerror: %s\n' "$*" >&2
  exit 1
}

# Its arguments as "a, b, c".
list() {
  local text
  text="$(printf '%s, ' "$@")"
  printf '%s\n' "${text%, }"
}

# Whether a window can be opened. A Mac always has a display.
has_display() {
  [[ "$(uname)" == Darwin || -n "${DISPLAY:-}" || -n "${WAYLAND_DISPLAY:-}" ]]
}

# Where cargo puts what it builds: CARGO_TARGET_DIR and cargo's own settings change it.
target_folder() {
  cargo metadata --no-deps --format-version 1 --locked |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# What the tests in a browser are written for. Prints nothing and fails where there is none.
node_is_new_enough() {
  local major
  major="$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')"
  [[ -n "$major" && "$major" -ge 20 ]]
}
