//! Tables of cells.

/// Its tables.
pub const DDL: &[&str] = &[];
