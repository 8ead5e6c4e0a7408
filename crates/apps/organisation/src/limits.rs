//! What this crate is bounded by. Each is tested at it and one past it.

/// Rows of one step of a facility: departments, rooms, staff, services, hours.
pub const ROWS: usize = 500;
/// Beds of one room.
pub const BEDS: u32 = 60;
/// Characters of one cell.
pub const CELL_CHARS: usize = 200;
/// Facilities that are being set up at the same time.
pub const DRAFTS: usize = 50;
/// Accounts made with one facility.
pub const ACCOUNTS: usize = 100;
/// Bytes of a spreadsheet as it is sent.
pub const BOOK_BYTES: usize = 4 << 20;
/// Bytes of a spreadsheet unpacked, all its parts together: a larger one is made to fill memory.
pub const BOOK_UNPACKED_BYTES: u64 = 16 << 20;
/// Parts (files of the archive) of a spreadsheet.
pub const BOOK_PARTS: usize = 200;
/// Flaws that are told at a time.
pub const FLAWS: usize = 200;
/// Rows of one page of the list.
pub const LIST_ROWS: usize = 50;
/// Highest price of a service, đồng.
pub const PRICE: i64 = 10_000_000_000;
