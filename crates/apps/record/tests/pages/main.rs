//! The pages of people over a real store, asked as a browser asks.

mod record;
mod review;
mod search;
mod support;
