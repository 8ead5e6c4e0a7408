//! The list of papers that were taken back, beside the trusted certificates: for verifiers without the house.

use crate::desk::{Desk, Keys as _};
use mach_access::{Act as May, Actor, decide};
use mach_store::{Error, Result, Store, signing};
use std::sync::{Mutex, PoisonError};

/// Writes the list. What cannot be written now is written by the queues of signatures, which begin with it.
///
/// # Errors
/// Of the store, and of the folder.
pub fn publish(store: &Store, desk: &Desk) -> Result<()> {
    // Whoever reads last writes last.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    desk.papers_changed();
    let decision = decide(&Actor::console(), May::Certify).map_err(|e| Error::Refused(e.to_string()))?;
    let papers = signing::ended_papers(&mut store.read(&decision)?)?;
    let (folder, text) = (desk.trust_folder(), mach_house::trust::papers_text(&papers));
    let write = || {
        std::fs::create_dir_all(&folder)?;
        let new = folder.join("papers.new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, folder.join(mach_house::trust::PAPERS))
    };
    write().map_err(|e| Error::Files(format!("`{}`: {e}", folder.display())))?;
    desk.papers_written();
    Ok(())
}

/// Writes the list where it may say less than the store: when the program starts, and where that failed before.
pub fn catch_up(store: &Store, desk: &Desk) {
    if desk.are_papers_stale()
        && let Err(e) = publish(store, desk)
    {
        tracing::error!("the list of papers taken back could not be written: {e}");
    }
}
