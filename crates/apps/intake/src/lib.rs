//! Claims in: files are read, checked, kept, and become one record per person and facts of the operations centre.

mod api;
pub mod commit;
pub mod export;
pub mod files;
pub mod import;
mod pages;
pub mod pipeline;
pub mod prepare;
pub mod source;
pub mod subject;

pub use pages::router;

use mach_access::Act;
use mach_base::limits::BROKEN_FILE_DAYS;
use mach_base::time::now_seconds;
use mach_house::waiting::Queue;
use mach_store::waiting;
use mach_ui::components::Icon;
use mach_ui::msg;

/// What waits of claims.
pub const WORK: &[Queue] = &[
    Queue {
        act: Act::SendClaims,
        label: msg::WORK_CLAIMS_REFUSED,
        icon: Icon::Claims,
        href: "/claims?state=refused",
        page: "/claims",
        ask: |r, _| waiting::claims_refused(r),
    },
    Queue {
        act: Act::SendClaims,
        label: msg::WORK_CLAIM_FILES,
        icon: Icon::Upload,
        href: "/claims/files",
        page: "/claims/send",
        ask: |r, who| waiting::broken_files(r, who.account, now_seconds() - BROKEN_FILE_DAYS * 86_400),
    },
];
