# Thin over cargo: each target is a line or two that also works typed by hand.

CARGO ?= cargo
# Where rustup puts cargo, for shells that were opened before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help demo test figures bench soak fuzz lint fmt doc clean

help:
	@echo 'make demo    two cameras and the viewer on this machine'
	@echo 'make test    everything that a change must pass'
	@echo 'make figures the end-to-end tests with their targets asserted: as root, on a quiet machine'
	@echo 'make bench   how fast everything is, and Chromium beside it: as root, on a quiet machine'
	@echo 'make soak    a house under random faults, for half an hour: as root'
	@echo 'make fuzz    arbitrary input for everything that reads from the network, 10 minutes each'
	@echo 'make lint    formatting and clippy'
	@echo 'make fmt     format the code'
	@echo 'make doc     the API documentation, for people who work on Lanlens'
	@echo 'make clean   remove what was built'

demo:
	scripts/setup.sh
	$(CARGO) build --release --locked
	scripts/demo.sh

test:
	scripts/test.sh

figures:
	$(CARGO) build --release --locked
	LANLENS_STRICT=1 $(CARGO) nextest run --release --locked -p lanlens-e2e --no-fail-fast --no-capture

bench:
	scripts/setup.sh --test
	scripts/bench.sh

soak:
	scripts/setup.sh --test
	$(CARGO) build --release --locked
	$(CARGO) run --release --locked -p lanlens-e2e --bin soak -- $(SOAK)

fuzz:
	scripts/fuzz.sh

# With --release, clippy shares the C and C++ libraries and every macro with the tests' build.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --release --locked -- -D warnings

fmt:
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --release --locked

clean:
	$(CARGO) clean
	rm -f grid.png
