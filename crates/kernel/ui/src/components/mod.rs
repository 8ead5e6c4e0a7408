//! The parts that pages are made of. Each is a plain struct; `{{ part }}` in a template or `Html::from(part)` renders it.
//!
//! Parts hold finished texts in the reader's language; those that speak for themselves carry the language.

mod actions;
mod basics;
mod chip;
mod form;
mod icon;
mod layout;
mod links;
mod navigate;
mod patient;
mod table;
mod tile;
mod timeline;
mod upload;

pub use actions::{Button, Confirm, PostForm};
pub use basics::{Card, Definitions, Empty, Notice, PageHead, Progress, line, loading, muted, print_button};
pub use chip::{ClaimState, Flag, Severity, Tone, chip, claim_chip, flag_chip, severity_chip};
pub use form::{ErrorSummary, Field, FieldKind, Filters, field_form};
pub use icon::Icon;
pub use layout::{Layout, laid_out, stack};
pub use links::{LinkItem, Links};
pub use navigate::{Crumbs, Pager, Segment, SegmentItem};
pub use patient::{Allergies, Insurance, PatientBanner, Sex};
pub use table::{Cell, Column, Row, Sort, Table};
pub use tile::{Change, Direction, Tile};
pub use timeline::{Timeline, TimelineItem};
pub use upload::Upload;
