//! Checks that keep the repository in the shape that its documents describe.
//!
//! Each module checks one thing, as functions from text to findings, so that every check is shown
//! to fail on a bad example in its own unit tests. `tests/repository.rs` applies them to the real
//! files. A finding is one line: where, what, and what to do about it.
//!
//! This crate knows nothing of the product: it reads text, TOML and what `cargo metadata` prints.

pub mod documents;
pub mod exceptions;
pub mod layers;
pub mod licences;
pub mod limit_tests;
pub mod limits;
pub mod paths;
pub mod rust_source;
pub mod sizes;
pub mod tree;
