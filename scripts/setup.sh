#!/usr/bin/env bash
# Installs what is missing to build and run Lanlens; with --test, also what its tests need.
#
# Only Debian and Ubuntu packages are installed, by apt-get, and only those that are not there yet.
# Rust is checked and never installed: that is the user's choice to make.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

# nasm gives OpenH264 and libjpeg-turbo their SIMD code: without it the build succeeds, but encodes
# at a fraction of the speed. libclang is for the V4L2 bindings.
build_packages=(build-essential ca-certificates clang cmake libclang-dev nasm pkg-config)

# The window: X11 or Wayland, OpenGL or Vulkan.
window_packages=(
  libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0
  libwayland-client0 libwayland-egl1
  libgl1 libegl1 libgl1-mesa-dri libvulkan1 mesa-vulkan-drivers
)

# Tests: a screen without a screen and a reader of the QR codes on it, networks without a network,
# other makers' mDNS and WHIP, fonts for names in any script, a reader of these scripts. The last line
# boots a virtual camera in a virtual machine.
test_packages=(
  xvfb zbar-tools
  iproute2 iptables nftables iputils-ping procps libfaketime
  avahi-daemon avahi-utils python3-zeroconf
  simple-whip-client python3-venv
  fonts-noto-cjk shellcheck
  qemu-system-x86 busybox-static cpio kmod xz-utils zstd
)

# A phone of the tests is a browser, and benches measure beside one. Ubuntu's package is none: it
# installs a snap.
if grep -qx 'ID=debian' /etc/os-release 2>/dev/null; then
  test_packages+=(chromium)
fi

# Other packages of Node bring npm along and exclude Debian's.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  test_packages+=(nodejs npm)
fi

is_installed() {
  dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

install_packages() {
  local missing=() as_root=() package
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    return
  fi
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null ||
      die "Some packages are missing. As root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
    say "Installing packages; sudo may ask for your password: ${missing[*]}"
  else
    say "Installing packages: ${missing[*]}"
  fi
  "${as_root[@]}" apt-get update -qq ||
    echo "apt-get update failed; going on with the package lists that are here." >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}. Its words stand above; mend that and try again."
}

check_rust() {
  local needed have lowest
  needed="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    die "Rust is missing. Install Rust $needed or newer from https://rustup.rs and try again."
  fi
  have="$(rustc --version | cut -d ' ' -f 2)"
  lowest="$(printf '%s\n' "$needed" "$have" | sort -V | head -n 1)"
  [[ "$lowest" == "$needed" ]] ||
    die "Rust $have is too old: Lanlens needs $needed. Run 'rustup update stable', or install it" \
      "from https://rustup.rs, and try again."
}

check_test_tools() {
  local tool
  for tool in fmt clippy; do
    cargo "$tool" --version >/dev/null 2>&1 && continue
    command -v rustup >/dev/null ||
      die "cargo $tool is missing. Install your system's package for it and try again."
    say "Adding cargo $tool"
    rustup component add "${tool/fmt/rustfmt}"
  done
  if ! cargo nextest --version >/dev/null 2>&1; then
    say "Building cargo-nextest, the test runner: some minutes, once"
    cargo install --locked cargo-nextest ||
      echo "cargo-nextest could not be built; 'cargo test' runs the tests instead." >&2
  fi
}

# What drives the browser, and a WebRTC stack of other makers: from npm and PyPI, with their versions
# pinned, each in a folder of its own. Without them the tests that need them say so.
check_foreign_peers() {
  local browser=tests/browser peers=tests/e2e/peers python=python3
  if [[ ! -x "$browser/node_modules/.bin/playwright-core" ||
    "$browser/package-lock.json" -nt "$browser/node_modules/.package-lock.json" ]]; then
    say "Installing Playwright, which drives the browser, into $browser/node_modules"
    npm ci --prefix "$browser" --no-audit --no-fund --loglevel=error ||
      echo "npm could not install it; tests with a browser will say that it is missing." >&2
  fi
  node_is_new_enough ||
    echo "Node $(node --version) is too old for the tests of the camera page: they need 20 or newer." >&2
  # Debian's own, whose venv is installed above.
  [[ ! -x /usr/bin/python3 ]] || python=/usr/bin/python3
  if ! cmp -s "$peers/requirements.txt" "$peers/.venv/installed.txt"; then
    say "Installing aiortc, another WebRTC stack, into $peers/.venv"
    if "$python" -m venv "$peers/.venv" &&
      "$peers/.venv/bin/pip" install --quiet -r "$peers/requirements.txt"; then
      cp "$peers/requirements.txt" "$peers/.venv/installed.txt"
    else
      echo "pip could not install it; the test with aiortc will say that it is missing." >&2
    fi
  fi
}

for_tests=no
case "${1:-}" in
  '') ;;
  --test) for_tests=yes ;;
  *)
    echo "usage: $0 [--test]" >&2
    exit 2
    ;;
esac

if command -v apt-get >/dev/null; then
  packages=("${build_packages[@]}")
  if [[ "$for_tests" == yes ]]; then
    packages+=("${window_packages[@]}" "${test_packages[@]}")
  elif has_display; then
    packages+=("${window_packages[@]}")
  fi
  install_packages "${packages[@]}"
else
  echo "Packages are installed with apt-get only. Make sure that these are here: a C and C++" \
    "compiler, clang with libclang, cmake, nasm, pkg-config."
fi
check_rust
if [[ "$for_tests" == yes ]]; then
  check_test_tools
  check_foreign_peers
fi
