//! Signing services as they are set up here (`mach gateway`): the clients of [`mach_sign::remote`] with a network.

use mach_base::{Day, content};
use mach_house::gateway::{Kind, Line, MYSIGN, Request, SMARTCA, Wire};
use mach_sign::Error;
use mach_sign::remote::{MySign, Service, Settings, SmartCa, Transport};
use mach_store::signing::Provider;
use serde_json::Value;
use std::path::Path;

struct Net(Wire);

impl Transport for Net {
    fn post(&self, address: &str, bearer: Option<&str>, body: &Value) -> mach_sign::Result<(u16, Vec<u8>)> {
        let ticket = bearer.map(|b| format!("Bearer {b}"));
        let headers = ticket.iter().map(|t| ("Authorization", t.as_str())).collect();
        let request = Request { path: address, headers, body: Some(body.to_string()) };
        self.0.ask(request).map_err(Error::Refused)
    }
}

/// The gateway of a provider; `None` where its keys are not behind one.
fn kind(provider: Provider) -> Option<Kind> {
    match provider {
        Provider::SmartCa => Some(SMARTCA),
        Provider::MySign => Some(MYSIGN),
        Provider::Soft | Provider::Token | Provider::Vgca => None,
    }
}

/// The service of a provider; `None` where it is not set up in this data folder. Its account is the house's own with the provider:
/// a subscriber's password is nowhere.
///
/// # Errors
/// What is set up and cannot be used.
pub fn of(data: &Path, provider: Provider) -> Result<Option<Box<dyn Service>>, String> {
    let Some(kind) = kind(provider) else { return Ok(None) };
    let Some(Line { gateway, wire }) = Line::to(data, kind)? else { return Ok(None) };
    let word = |field| gateway.word(("", ""), field).to_owned();
    let (transport, base) = (Net(wire), String::new());
    if kind == SMARTCA {
        let client = SmartCa { base, sp_id: word("sp-id"), sp_password: word("sp-password"), transport };
        return Ok(Some(Box::new(client)));
    }
    let shipped = include_str!("../../../../content/signing/mysign.csv");
    let list = content::text("signing/mysign.csv", shipped);
    let settings = Settings::of(&list, &Day::today().to_string()).map_err(|e| e.to_string())?;
    let (client_id, client_secret) = (word("client-id"), word("client-secret"));
    Ok(Some(Box::new(MySign { base, client_id, client_secret, settings, transport })))
}
