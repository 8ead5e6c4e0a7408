//! Work that follows the commits: what waits in the store is done as it comes, off the async threads.

use mach_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// After so long, whatever is committed meanwhile: there is more.
    After(Duration),
    /// With the next commit, or after so long: nothing is left for now.
    Commit(Duration),
}

/// How long until it is looked again where `work` could not.
const RETRY: Duration = Duration::from_secs(60);

/// Does `work` now and when it says, until what this gives is aborted. However many commits come, between two looks that left
/// nothing to do there is `quiet`. `name` stands in the log where it fails.
pub fn follow<W>(store: &Store, name: &'static str, quiet: Duration, work: W) -> JoinHandle<()>
where
    W: Fn() -> Result<Again, String> + Send + Sync + 'static,
{
    let (work, wake) = (Arc::new(work), Arc::new(Notify::new()));
    let weak = Arc::downgrade(&wake);
    store.on_commit(move || {
        weak.upgrade().is_some_and(|wake| {
            wake.notify_one();
            true
        })
    });
    tokio::spawn(async move {
        loop {
            let its = Arc::clone(&work);
            let again = match tokio::task::spawn_blocking(move || its()).await {
                Ok(Ok(again)) => again,
                Ok(Err(e)) => {
                    tracing::error!("{name}: {e}");
                    Again::Commit(RETRY)
                }
                Err(e) => {
                    tracing::error!("{name}: {e}");
                    Again::Commit(RETRY)
                }
            };
            match again {
                Again::After(rest) => tokio::time::sleep(rest).await,
                Again::Commit(most) => {
                    tokio::time::sleep(quiet.min(most)).await;
                    tokio::select! {
                        () = wake.notified() => {}
                        () = tokio::time::sleep(most.saturating_sub(quiet)) => {}
                    }
                }
            }
        }
    })
}

/// With the next commit, or at a time in seconds: in a second at the earliest, in `most` at the latest.
pub fn until(at: Option<i64>, most: Duration) -> Again {
    let left = at.map(|at| Duration::from_secs(u64::try_from(at - mach_base::time::now_seconds()).unwrap_or(0).max(1)));
    Again::Commit(left.unwrap_or(most).min(most))
}
