//! The operations centre over HTTP: a small province of random claims, recounted by hand.

mod answers;
mod pages;
mod scope;
mod world;
