//! Indexes by itself what imports wrote, so that the first search need not wait for it.

use crate::state::State;
use mach_house::follow::{Again, follow};
use mach_store::Store;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// After nothing was found so long nothing is looked for, however many commits come.
const QUIET: Duration = Duration::from_secs(1);
/// How long it waits for a commit.
const REST: Duration = Duration::from_secs(60);

/// Starts to index, on the runtime this is called on, until what it gives is aborted.
pub fn start(state: State, store: Store) -> JoinHandle<()> {
    follow(&store.clone(), "the index of what imports wrote", QUIET, move || {
        let began = Instant::now();
        match state.index_some(&store) {
            // As long as it took: half of the writer's time is left to those who have something to write.
            Ok(count) if count > 0 => Ok(Again::After(began.elapsed())),
            Ok(_) => Ok(Again::Commit(REST)),
            Err(refusal) => Err(refusal.text),
        }
    })
}
