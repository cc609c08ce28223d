//! The repository itself passes every check of this crate.

use std::fs;
use std::process::Command;

use lanlens_tidy::tree::{self, SourceFile, ending};
use lanlens_tidy::{
    documents, exceptions, layers, licences, limit_tests, limits, paths, rust_source, sizes,
};
use serde_json::Value;

fn files() -> Vec<SourceFile> {
    let files = tree::text_files(&tree::root()).expect("the repository can be read");
    assert!(files.iter().any(|file| file.path == "Cargo.toml"), "not the repository's root");
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(tree::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What `cargo metadata` prints; `--locked`, so that a Cargo.lock that needs an update is an error.
fn cargo_metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .current_dir(tree::root())
        .args(["metadata", "--format-version=1", "--locked"])
        .args(arguments)
        .output()
        .expect("cargo starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {words}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// This machine's target, so that only what was built here need be there.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

#[track_caller]
fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn crates_import_only_what_their_layer_may() {
    assert_none(&layers::check(&cargo_metadata(&["--no-deps"])));
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let policy = licences::Policy::parse(&read("deny.toml")).expect("deny.toml is TOML");
    let metadata = cargo_metadata(&["--filter-platform", &host()]);
    let packages = metadata["packages"].as_array().map_or(0, Vec::len);
    assert!(packages > 100, "only {packages} packages");
    assert_none(&policy.check_licences(&metadata));
}

#[test]
fn nothing_that_deny_toml_bans_is_in_the_lock_file() {
    let policy = licences::Policy::parse(&read("deny.toml")).expect("deny.toml is TOML");
    assert_none(&policy.check_lock(&read("Cargo.lock")).expect("Cargo.lock is TOML"));
}

#[test]
fn files_and_functions_can_be_read_in_one_sitting() {
    assert_none(&sizes::check(&files(), exceptions::SIZES));
}

#[test]
fn every_module_says_why_it_exists() {
    let files = files();
    let findings = ending(&files, ".rs")
        .filter_map(|file| rust_source::opening_doc(&file.path, &file.text))
        .collect::<Vec<_>>();
    assert_none(&findings);
}

#[test]
fn what_differs_by_system_stands_in_capture_and_platform_only() {
    assert_none(&paths::check_platform_code(&files()));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_none(&paths::check_machine_paths(&files(), &tree::root()));
}

#[test]
fn every_limit_says_what_it_limits() {
    assert_none(&limits::check_documented(&read(limits::LIMITS)));
}

#[test]
fn every_limit_is_enforced_somewhere() {
    assert_none(&limits::check_used(&files()));
}

#[test]
fn every_limit_stands_in_the_table_of_limits_with_a_test_that_exists() {
    assert_none(&limit_tests::check_table(&files()));
}

#[test]
fn every_relative_link_leads_somewhere() {
    assert_none(&documents::check_links(&files(), &tree::root()));
}

#[test]
fn decisions_are_short_and_numbered_without_gaps() {
    assert_none(&documents::check_decisions(&files()));
}

#[test]
fn the_changelog_knows_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert_none(&Vec::from_iter(documents::check_changelog(&read("CHANGELOG.md"), version)));
}
