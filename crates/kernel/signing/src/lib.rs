//! Signing papers in a house that is restarted: where keys and trust are ([`desk`]), how a signature is asked for ([`ask`]),
//! signatures under way ([`flights`]), why one is not given ([`words`]), the seal upon messages ([`seal`]), and the list of
//! papers that were taken back ([`papers`]). Keys in tokens: [`token`]. Keys of the state's desktop signer: [`desktop`]. Which of several:
//! [`choice`]. While a phone is waited for: [`waits`]; the demonstration's own: [`phone`]. What patients
//! sign: [`patient`], by code or fingerprint: [`confirm`]. The key of QR codes: [`codes`].

pub mod ask;
pub mod choice;
pub mod codes;
pub mod confirm;
pub mod desk;
pub mod desktop;
pub mod flights;
mod handings;
pub mod papers;
pub mod patient;
pub mod phone;
pub mod reader;
pub mod seal;
pub mod services;
pub mod token;
pub mod turn;
pub mod waits;
pub mod words;
