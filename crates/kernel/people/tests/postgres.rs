//! The tests of people again, on PostgreSQL.

#[path = "people/main.rs"]
mod people;
