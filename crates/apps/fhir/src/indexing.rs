//! Indexes by itself what imports wrote, so that the first search need not wait for it.

use crate::serve::blocking;
use crate::state::State;
use mach_store::Store;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// After nothing was found so long nothing is looked for, however many commits come.
const REST: Duration = Duration::from_secs(1);

/// Starts to index, on the runtime this is called on, until what it gives is aborted.
pub fn start(state: State, store: Store) -> JoinHandle<()> {
    let wake = Arc::new(Notify::new());
    let weak = Arc::downgrade(&wake);
    store.on_commit(move || {
        weak.upgrade().is_some_and(|wake| {
            wake.notify_one();
            true
        })
    });
    tokio::spawn(async move {
        loop {
            let began = Instant::now();
            let (its, kept) = (state.clone(), store.clone());
            let rest = match blocking(move || its.index_some(&kept)).await {
                // As long as it took: half of the writer's time is left to those who have something to write.
                Ok(count) if count > 0 => began.elapsed(),
                Ok(_) => {
                    wake.notified().await;
                    REST
                }
                Err(refusal) => {
                    tracing::error!("what imports wrote is not indexed: {}", refusal.text);
                    wake.notified().await;
                    REST
                }
            };
            tokio::time::sleep(rest).await;
        }
    })
}
