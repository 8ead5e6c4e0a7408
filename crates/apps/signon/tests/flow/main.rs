//! Signing on by a provider as it should be, by one that lies, and by enemies between: the real routers upon a real store, and a
//! provider of our own on a real socket.
#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

mod admin;
mod attacks;
mod citizens;
mod ended;
mod links;
mod ours;
mod prove;
mod simulator;
mod tokens;
mod wires;
mod world;
