//! What may break a size limit, and why. Empty is the goal.

/// A file or function that may be longer than the limit.
#[derive(Debug)]
pub struct Exception {
    /// `path` for a file, `path::function` for a function.
    pub subject: &'static str,
    /// Why splitting it would make it harder to understand.
    pub reason: &'static str,
}

/// The exceptions of this repository.
pub const SIZES: &[Exception] = &[];
