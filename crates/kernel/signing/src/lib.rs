//! Signing papers in a house that is restarted: where keys and trust are ([`desk`]), and signatures under way ([`flights`]).

pub mod desk;
pub mod flights;
pub mod turn;
