//! What is being done, told while it is done: an examination takes seconds, and silence looks like a
//! program that hangs.

use std::sync::Arc;

/// Takes one short sentence at a time. Cheap to clone.
#[derive(Clone)]
pub struct Progress {
    tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// Told to `tell`, from any thread.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell) }
    }

    /// Told to nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn say(&self, sentence: &str) {
        (self.tell)(sentence);
    }
}
