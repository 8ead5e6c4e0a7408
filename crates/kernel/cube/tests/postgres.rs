//! The tests of the cube again, on PostgreSQL.

#[path = "cube/main.rs"]
mod cube;
