//! Why the window is empty: the doctor is asked while there is no camera.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lanlens_doctor::{DoctorConfig, Finding, Progress, examine, most_telling};
use lanlens_model::Snapshot;
use tokio::sync::watch;
use tokio::time::sleep;

/// Without a camera for this long, somebody looks for the cause. That takes two seconds or more, so
/// what is found is shown after five.
const EMPTY_FOR: Duration = Duration::from_secs(3);
/// A network may be mended meanwhile: looked at again this often.
const AGAIN: Duration = Duration::from_secs(30);

/// What was found last; `None` while there are cameras, and before anybody has looked. Clones share
/// it.
#[derive(Clone, Default)]
pub(crate) struct LastFinding {
    shared: Arc<Mutex<Option<Finding>>>,
}

impl LastFinding {
    pub(crate) fn get(&self) -> Option<Finding> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether that is news.
    fn set(&self, finding: Option<Finding>) -> bool {
        let mut last = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *last != finding;
        *last = finding;
        news
    }
}

/// Runs as long as the node does.
pub(crate) async fn look_while_empty(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    config: DoctorConfig,
    last: LastFinding,
    repaint: impl Fn() + Send,
) {
    while snapshots.wait_for(|snapshot| snapshot.cameras.is_empty()).await.is_ok() {
        let work = async {
            sleep(EMPTY_FOR).await;
            loop {
                match examine(&config, Progress::silent()).await {
                    Ok(findings) if last.set(most_telling(&findings).cloned()) => repaint(),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "cannot look why there is no camera"),
                }
                sleep(AGAIN).await;
            }
        };
        let over = tokio::select! {
            () = work => false,
            camera = snapshots.wait_for(|snapshot| !snapshot.cameras.is_empty()) => camera.is_err(),
        };
        last.set(None);
        if over {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn looking_ends_with_the_node() {
        let (node, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        drop(node);
        let config = DoctorConfig::new("no-home".into());
        look_while_empty(snapshots, config, LastFinding::default(), || {}).await;
    }
}
