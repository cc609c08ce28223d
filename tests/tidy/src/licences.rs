//! Every library's licence is one of those that deny.toml allows, and none that it bans is there.
//!
//! The same file serves cargo-deny; this check needs no other tool and no internet.

use serde_json::Value;
use toml::Table;

/// What deny.toml says.
#[derive(Debug, Default)]
pub struct Policy {
    allowed: Vec<String>,
    banned: Vec<String>,
}

impl Policy {
    /// Reads `licenses.allow` and `bans.deny`.
    ///
    /// # Errors
    /// Text that is not TOML, with the parser's words.
    pub fn parse(deny_toml: &str) -> Result<Self, toml::de::Error> {
        let table: Table = deny_toml.parse()?;
        let list = |section: &str, key: &str| {
            table.get(section).and_then(|section| section.get(key)?.as_array()).cloned()
        };
        let allowed = list("licenses", "allow").unwrap_or_default();
        let banned = list("bans", "deny").unwrap_or_default();
        let text = |value: &toml::Value| value.as_str().map(str::to_owned);
        Ok(Self {
            allowed: allowed.iter().filter_map(text).collect(),
            banned: banned.iter().filter_map(|entry| text(entry.get("crate")?)).collect(),
        })
    }

    /// Findings about the licences of the packages that `cargo metadata` lists.
    #[must_use]
    pub fn check_licences(&self, metadata: &Value) -> Vec<String> {
        let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
        packages.iter().filter_map(|package| self.check_licence(package)).collect()
    }

    fn check_licence(&self, package: &Value) -> Option<String> {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(expression) = package["license"].as_str() else {
            return Some(format!("{name}: names no licence"));
        };
        (!self.allows(expression))
            .then(|| format!("{name}: licence {expression} is not allowed by deny.toml"))
    }

    /// Findings about what a Cargo.lock holds: banned crates, and crates from elsewhere than the
    /// public registry.
    ///
    /// # Errors
    /// Text that is not TOML, with the parser's words.
    pub fn check_lock(&self, cargo_lock: &str) -> Result<Vec<String>, toml::de::Error> {
        let table: Table = cargo_lock.parse()?;
        let packages = table.get("package").and_then(toml::Value::as_array);
        let mut findings = Vec::new();
        for package in packages.into_iter().flatten() {
            let field = |key| package.get(key).and_then(toml::Value::as_str);
            let name = field("name").unwrap_or_default();
            if self.banned.iter().any(|banned| banned == name) {
                findings.push(format!("{name}: banned by deny.toml, which says why"));
            }
            if let Some(source) = field("source")
                && source != "registry+https://github.com/rust-lang/crates.io-index"
            {
                findings.push(format!("{name}: comes from {source}, not from crates.io"));
            }
        }
        Ok(findings)
    }

    /// Whether an SPDX expression can be met with the allowed licences: AND binds tighter than OR,
    /// and the older `A/B` means OR.
    #[must_use]
    pub fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let met = self.any_of(&mut words);
        met && words.next().is_none()
    }

    fn any_of(&self, words: &mut Words<'_>) -> bool {
        let mut met = self.all_of(words);
        while words.next_if_eq(&"OR").is_some() {
            met |= self.all_of(words);
        }
        met
    }

    fn all_of(&self, words: &mut Words<'_>) -> bool {
        let mut met = self.one(words);
        while words.next_if_eq(&"AND").is_some() {
            met &= self.one(words);
        }
        met
    }

    fn one(&self, words: &mut Words<'_>) -> bool {
        match words.next() {
            Some("(") => {
                let met = self.any_of(words);
                met && words.next_if_eq(&")").is_some()
            }
            Some(licence) => {
                let mut licence = licence.to_owned();
                if words.next_if_eq(&"WITH").is_some() {
                    licence = format!("{licence} WITH {}", words.next().unwrap_or_default());
                }
                self.allowed.contains(&licence)
            }
            None => false,
        }
    }
}

/// The words of an SPDX expression, brackets apart.
type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        let text = r#"
            [licenses]
            allow = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
            [bans]
            deny = [{ crate = "openssl", reason = "no" }]
        "#;
        Policy::parse(text).unwrap()
    }

    #[test]
    fn one_of_a_choice_is_enough_and_all_of_a_sum_are_needed() {
        let policy = policy();
        for good in
            ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "MIT AND ISC", "(GPL-3.0 OR MIT) AND ISC"]
        {
            assert!(policy.allows(good), "{good}");
        }
        for bad in
            ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR BSL-1.0)", "", "(MIT", "MIT MIT"]
        {
            assert!(!policy.allows(bad), "{bad}");
        }
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(policy().allows("Apache-2.0 WITH LLVM-exception"));
        assert!(!policy().allows("Apache-2.0"));
    }

    #[test]
    fn a_package_with_another_licence_or_none_is_found() {
        let metadata = json!({ "packages": [
            { "name": "good", "license": "MIT" },
            { "name": "copyleft", "license": "AGPL-3.0" },
            { "name": "silent", "license": null },
        ] });
        let findings = policy().check_licences(&metadata);
        assert_eq!(findings.len(), 2);
        assert!(findings[0].starts_with("copyleft: licence AGPL-3.0"), "{findings:?}");
        assert!(findings[1].starts_with("silent: names no licence"), "{findings:?}");
    }

    #[test]
    fn a_banned_crate_or_a_foreign_source_is_found_in_the_lock_file() {
        let lock = r#"
            [[package]]
            name = "openssl"
            source = "registry+https://github.com/rust-lang/crates.io-index"
            [[package]]
            name = "fork"
            source = "git+https://example.org/fork"
            [[package]]
            name = "ours"
        "#;
        let findings = policy().check_lock(lock).unwrap();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("openssl: banned"), "{findings:?}");
        assert!(findings[1].starts_with("fork: comes from git"), "{findings:?}");
    }
}
