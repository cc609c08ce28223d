//! From what was seen to what is said: a pure function, one finding for each check.
//!
//! Owns the order of causes. Checks build on each other, and each fault fails exactly one of them:
//! what comes after a failed check is *unknown* and says on what it waits, so that the first failed
//! line is the one to act on.

mod media;
mod network;
mod peers;
mod system;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_peers;

use lanlens_model::{Check, CheckState, Finding};

use crate::observations::Observations;

/// Says what is right and what is wrong: one finding for each check, in the order of [`Check`].
#[must_use]
pub fn judge(seen: &Observations) -> Vec<Finding> {
    let mut findings = vec![network::interfaces(seen)];
    if findings[0].state == CheckState::Failed {
        let rest = [
            Check::MulticastOut,
            Check::MulticastIn,
            Check::Others,
            Check::Firewall,
            Check::Cameras,
            Check::Route,
            Check::Isolation,
            Check::Port,
            Check::Link,
            Check::Ice,
            Check::Media,
        ];
        findings.extend(rest.map(|check| unknown(check, "Not tried: there is no network.")));
    } else {
        findings.push(network::multicast_out(seen));
        findings.push(network::multicast_in(seen));
        findings.push(network::others(seen));
        findings.push(network::firewall(seen, &findings));
        findings.push(peers::cameras(seen, &findings));
        let examined = peers::Examined::of(seen);
        findings.push(peers::route(&examined));
        findings.push(peers::isolation(&examined));
        findings.push(peers::port(&seen.system, &examined));
        findings.push(peers::link(&examined));
        findings.push(media::ice(&seen.system, &examined));
        findings.push(media::media(&examined));
    }
    findings.push(system::clock(seen));
    findings.push(system::camera_permission(&seen.system));
    findings
}

/// The finding to act on: the first that failed, else the first that could not be told and has a
/// next step. `None` when all is well.
#[must_use]
pub fn most_telling(findings: &[Finding]) -> Option<&Finding> {
    let failed = findings.iter().find(|finding| finding.state == CheckState::Failed);
    let untold =
        |finding: &&Finding| finding.state == CheckState::Unknown && finding.next.is_some();
    failed.or_else(|| findings.iter().find(untold))
}

fn ok(check: Check, cause: impl Into<String>) -> Finding {
    Finding { check, state: CheckState::Ok, cause: cause.into(), next: None }
}

fn failed(check: Check, cause: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { check, state: CheckState::Failed, cause: cause.into(), next: Some(next.into()) }
}

fn unknown(check: Check, cause: impl Into<String>) -> Finding {
    Finding { check, state: CheckState::Unknown, cause: cause.into(), next: None }
}

fn has_failed(findings: &[Finding], check: Check) -> bool {
    findings.iter().any(|f| f.check == check && f.state == CheckState::Failed)
}
