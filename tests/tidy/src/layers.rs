//! Who may import whom, as data.
//!
//! A crate can only use what its Cargo.toml lists, so checking the manifests checks the imports.
//! `[dev-dependencies]` are judged apart: a test may take any crate below `node`, and any library.

use std::collections::BTreeMap;

use serde_json::Value;

/// The workspace crates that each crate may use, without their `lanlens-`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("protocol", &["model"]),
    ("media", &["model"]),
    ("mesh", &["model", "protocol"]),
    ("identity", &["model"]),
    ("discovery", &["model", "protocol"]),
    ("signaling", &["model", "protocol", "identity"]),
    ("rtc", &["model", "media"]),
    ("capture", &["model", "media"]),
    ("codec", &["model", "media"]),
    ("record", &["media"]),
    ("web", &["model", "protocol", "identity"]),
    ("node", BELOW_NODE),
    (
        "doctor",
        &["model", "protocol", "media", "identity", "discovery", "signaling", "rtc", "codec"],
    ),
    ("ui", &["model", "media"]),
    ("app", &["model", "node"]),
    ("camera", &["app", "model", "node"]),
    ("viewer", &["app", "model", "node", "doctor", "ui"]),
    ("cli", &["app", "model", "identity", "node", "doctor", "media", "record"]),
];

/// What `node` composes; what the tests of any crate may use.
const BELOW_NODE: &[&str] = &[
    "model",
    "protocol",
    "media",
    "mesh",
    "identity",
    "discovery",
    "signaling",
    "rtc",
    "capture",
    "codec",
    "record",
    "web",
];

/// Outside libraries that make a layer what it is, and the only crates that may name them.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("anyhow", &["app", "camera", "viewer", "cli"]),
    ("axum", &["web"]),
    ("clap", &["app", "camera", "viewer", "cli"]),
    ("directories", &["node"]),
    ("eframe", &["ui", "viewer", "camera"]),
    ("egui", &["ui", "viewer", "camera"]),
    ("fontdb", &["ui"]),
    ("mdns-sd", &["discovery"]),
    ("mp4-atom", &["record"]),
    ("nokhwa", &["capture"]),
    ("openh264", &["codec"]),
    ("openh264-sys2", &["codec"]),
    ("png", &["record"]),
    ("qrcode", &["ui", "app"]),
    ("rcgen", &["identity"]),
    ("rtc", &["rtc"]),
    ("rustls", &["identity", "signaling", "web"]),
    ("skrifa", &["ui"]),
    (
        "tokio",
        &[
            "discovery",
            "signaling",
            "rtc",
            "web",
            "node",
            "doctor",
            "app",
            "camera",
            "viewer",
            "cli",
        ],
    ),
    ("tokio-rustls", &["signaling", "web"]),
    ("tokio-tungstenite", &["signaling"]),
    ("tracing-subscriber", &["app"]),
    ("turbojpeg", &["capture"]),
    ("v4l", &["capture"]),
    ("webrtc", &["rtc"]),
    ("yuv", &["media"]),
];

/// One dependency of one package of the workspace.
#[derive(Debug)]
struct Dependency<'a> {
    of: &'a str,
    on: &'a str,
    for_tests: bool,
}

/// Findings in what `cargo metadata --no-deps` says about the workspace.
///
/// Packages below `tests/` may use anything: nothing that is shipped may use them.
#[must_use]
pub fn check(metadata: &Value) -> Vec<String> {
    let may_import: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let libraries: BTreeMap<_, _> = LIBRARIES.iter().copied().collect();
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let mut findings = Vec::new();
    if packages.is_empty() {
        findings.push("the workspace has no packages: cargo's output is not understood".to_owned());
    }
    for package in packages.iter().filter(|package| !is_test_package(package, root)) {
        let name = short_name(package);
        let Some(allowed) = may_import.get(name) else {
            findings.push(format!("{name}: stands in no layer: add it to the table"));
            continue;
        };
        for dependency in dependencies(name, package) {
            findings.extend(judge(&dependency, allowed, &libraries));
        }
    }
    findings
}

/// What is wrong with one dependency.
fn judge(
    dependency: &Dependency<'_>,
    allowed: &[&str],
    libraries: &BTreeMap<&str, &[&str]>,
) -> Option<String> {
    let Dependency { of, on, for_tests } = *dependency;
    if let Some(layer) = on.strip_prefix("lanlens-") {
        let test_may = for_tests && (layer == "testkit" || BELOW_NODE.contains(&layer));
        return (!allowed.contains(&layer) && !test_may)
            .then(|| format!("{of}: may not import {layer}: it may use {allowed:?}"));
    }
    let users = libraries.get(on)?;
    (!for_tests && !users.contains(&of)).then(|| format!("{of}: may not use {on}: only {users:?}"))
}

/// Whether the package lives in a `tests` folder of the workspace at `root`.
fn is_test_package(package: &Value, root: &str) -> bool {
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let inside = manifest.strip_prefix(root).unwrap_or(manifest);
    inside.split(['/', '\\']).any(|folder| folder == "tests")
}

/// `lanlens-NAME` as NAME.
fn short_name(package: &Value) -> &str {
    let name = package["name"].as_str().unwrap_or_default();
    name.strip_prefix("lanlens-").unwrap_or(name)
}

/// All dependencies of one package, whatever their platform.
fn dependencies<'a>(of: &'a str, package: &'a Value) -> Vec<Dependency<'a>> {
    let listed = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let one = |dependency: &'a Value| Dependency {
        of,
        on: dependency["name"].as_str().unwrap_or_default(),
        for_tests: dependency["kind"] == "dev",
    };
    listed.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace(folder: &str, name: &str, kind: Option<&str>, on: &str) -> Value {
        json!({ "workspace_root": "/x/tests/lanlens", "packages": [{
            "name": format!("lanlens-{name}"),
            "manifest_path": format!("/x/tests/lanlens/{folder}/{name}/Cargo.toml"),
            "dependencies": [{ "name": on, "kind": kind }],
        }] })
    }

    #[test]
    fn what_the_table_allows_passes() {
        assert_eq!(check(&workspace("crates", "mesh", None, "lanlens-protocol")), [""; 0]);
        assert_eq!(check(&workspace("crates", "rtc", None, "webrtc")), [""; 0]);
        assert_eq!(check(&workspace("crates", "mesh", None, "fastrand")), [""; 0]);
    }

    #[test]
    fn a_sibling_or_a_higher_layer_is_refused() {
        let findings = check(&workspace("crates", "codec", None, "lanlens-rtc"));
        assert!(findings[0].starts_with("codec: may not import rtc"), "{findings:?}");
        assert_eq!(check(&workspace("crates", "model", None, "lanlens-node")).len(), 1);
        assert_eq!(check(&workspace("apps", "viewer", None, "lanlens-rtc")).len(), 1);
    }

    #[test]
    fn a_library_outside_its_layer_is_refused() {
        assert_eq!(check(&workspace("crates", "mesh", None, "tokio")).len(), 1);
        assert_eq!(check(&workspace("crates", "mesh", Some("build"), "tokio")).len(), 1);
        assert_eq!(check(&workspace("crates", "node", None, "webrtc")).len(), 1);
        assert_eq!(check(&workspace("crates", "rtc", None, "anyhow")).len(), 1);
    }

    #[test]
    fn tests_may_use_more_but_never_the_layers_above() {
        assert_eq!(check(&workspace("crates", "rtc", Some("dev"), "lanlens-codec")), [""; 0]);
        assert_eq!(check(&workspace("crates", "rtc", Some("dev"), "anyhow")), [""; 0]);
        assert_eq!(check(&workspace("crates", "rtc", Some("dev"), "lanlens-node")).len(), 1);
        assert_eq!(check(&workspace("tests", "e2e", None, "lanlens-node")), [""; 0]);
    }

    #[test]
    fn nothing_shipped_uses_the_test_kit() {
        assert_eq!(check(&workspace("crates", "node", None, "lanlens-testkit")).len(), 1);
        assert_eq!(check(&workspace("crates", "node", Some("dev"), "lanlens-testkit")), [""; 0]);
    }

    #[test]
    fn an_empty_workspace_is_not_taken_for_a_tidy_one() {
        assert_eq!(check(&json!({})).len(), 1);
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_eq!(check(&workspace("crates", "misc", None, "serde")).len(), 1);
    }
}
