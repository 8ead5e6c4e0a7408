//! Outside gateways: which there are, where each is, with which accounts, and the wire to them.
//!
//! An address and its accounts are configuration (`mach gateway …`), one file of the data folder for each gateway,
//! `gateways/NAME`, sealed with the keys of the house: no password lies in clear, and none is in the store. Who talks to a gateway
//! asks for it anew each time: what was set up counts from then on, without a restart.

use crate::call::endpoint::{Allowed, Endpoint};
use crate::call::{Call, ask};
use crate::files;
use axum::http::Method;
use mach_seal::Purpose;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In what time a gateway answers.
const WITHIN: Duration = Duration::from_secs(30);
/// How long one is left alone that gave no answer: what waits behind does not wait for it, again and again.
const REST: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 4 << 20;

/// A gateway that this program can talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub what: &'static str,
    /// Where the real one is, by its documentation.
    pub base: &'static str,
    /// What an account with it is made of; `true`: a secret.
    pub fields: &'static [(&'static str, bool)],
}

/// The insurer's gateway for driver health certificates.
pub const GKSK: Kind = Kind {
    name: "gksk",
    what: "driver health certificates to the insurer",
    base: "https://egw.baohiemxahoi.gov.vn",
    fields: &[("user", false), ("password", true)],
};
/// The national prescription system.
pub const PRESCRIPTIONS: Kind = Kind {
    name: "prescriptions",
    what: "the national prescription system",
    base: "https://api.donthuocquocgia.vn",
    fields: &[("facility", false), ("doctor", false), ("password", true), ("app-name", false), ("app-key", true)],
};
/// VNPT SmartCA.
pub const SMARTCA: Kind = Kind {
    name: "smartca",
    what: "signatures by VNPT SmartCA",
    base: "https://gwsca.vnpt.vn/sca/sp769",
    fields: &[("sp-id", false), ("sp-password", true)],
};
/// Viettel MySign.
pub const MYSIGN: Kind = Kind {
    name: "mysign",
    what: "signatures by Viettel MySign",
    base: "https://remotesigning.viettel.vn",
    fields: &[("client-id", false), ("client-secret", true)],
};

/// All of them.
pub const ALL: [Kind; 4] = [GKSK, PRESCRIPTIONS, SMARTCA, MYSIGN];

/// One that is set up.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Where it is.
    pub base: String,
    /// Whether its name may lead into a private network.
    pub private: bool,
    /// Accounts: whose (empty: everybody's; `46001`: a facility's; `46001/bs.kham`: those of an account of that facility), and
    /// what it is made of.
    pub accounts: BTreeMap<String, BTreeMap<String, String>>,
}

/// Without what is secret.
impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("base", &self.base).field("private", &self.private).finish_non_exhaustive()
    }
}

fn place(data: &Path, kind: Kind) -> PathBuf {
    data.join("gateways").join(kind.name)
}

/// What its file is sealed for.
fn row(kind: Kind) -> String {
    format!("gateway {}", kind.name)
}

impl Gateway {
    /// How a gateway is set up; `None` where it is not.
    ///
    /// # Errors
    /// What cannot be read or opened, also where it lies in clear.
    pub fn of(data: &Path, kind: Kind) -> Result<Option<Self>, String> {
        let path = place(data, kind);
        let at = |e: &dyn std::fmt::Display| format!("`{}`: {e}", path.display());
        let sealed = match std::fs::read_to_string(&path) {
            Ok(sealed) => sealed,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(at(&e)),
        };
        let text = mach_seal::open_text(&row(kind), sealed.trim()).map_err(|e| at(&e))?;
        serde_json::from_str(&text).map(Some).map_err(|e| at(&e))
    }

    /// Sets it up so.
    ///
    /// # Errors
    /// An address that cannot be called; of the keys and of the file.
    pub fn keep(&self, data: &Path, kind: Kind) -> Result<(), String> {
        Endpoint::parse(&self.base)?;
        let text = serde_json::to_string(self).map_err(|e| e.to_string())?;
        let ring = mach_seal::ring().map_err(|e| e.to_string())?;
        let sealed = ring.seal_text(Purpose::Secret, &row(kind), &text).map_err(|e| e.to_string())?;
        files::keep(&place(data, kind), &sealed, true)
    }

    /// Talks to it no longer; false where it was not set up.
    ///
    /// # Errors
    /// Of the file.
    pub fn forget(data: &Path, kind: Kind) -> Result<bool, String> {
        let path = place(data, kind);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(format!("`{}`: {e}", path.display())),
        }
    }

    /// A word of the account of `user` at `facility` (by its code): their own, else the facility's, else everybody's.
    pub fn word(&self, (facility, user): (&str, &str), field: &str) -> &str {
        let own = format!("{facility}/{user}");
        let found = [own.as_str(), facility, ""].into_iter().find_map(|whose| self.accounts.get(whose)?.get(field));
        found.map_or("", String::as_str)
    }

    /// The wire to it.
    ///
    /// # Errors
    /// That its address cannot be called.
    pub fn wire(&self) -> Result<Wire, String> {
        let allowed = if self.private { Allowed::Anywhere } else { Allowed::Public };
        Ok(Wire { base: Endpoint::parse(&self.base)?, allowed })
    }
}

/// A gateway that is set up, and the wire to it.
#[derive(Debug)]
pub struct Line {
    /// How it is set up.
    pub gateway: Gateway,
    /// The wire.
    pub wire: Wire,
}

impl Line {
    /// The line to a gateway of a data folder; `None` where it is not set up.
    ///
    /// # Errors
    /// What is set up and cannot be used.
    pub fn to(data: &Path, kind: Kind) -> Result<Option<Self>, String> {
        let Some(gateway) = Gateway::of(data, kind)? else { return Ok(None) };
        let wire = gateway.wire()?;
        Ok(Some(Self { gateway, wire }))
    }
}

/// Carries requests to a gateway, from work that may block ([`crate::follow`]).
#[derive(Clone, Debug)]
pub struct Wire {
    base: Endpoint,
    allowed: Allowed,
}

/// What is asked of a gateway.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Below the gateway's address; begins with `/`, or is empty.
    pub path: &'a str,
    /// Headers beside those of the body.
    pub headers: Vec<(&'a str, &'a str)>,
    /// JSON to post; `None`: GET.
    pub body: Option<String>,
}

impl Wire {
    /// Asks it; the status and the body of its answer, whatever they are.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn ask(&self, request: Request<'_>) -> Result<(u16, Vec<u8>), String> {
        let path = request.path.trim_start_matches('/');
        let endpoint = if path.is_empty() { self.base.clone() } else { self.base.below(path) };
        // What stands in a path or a header was typed or came from elsewhere: it adds no line and no other address.
        let clean = |text: &str| text.bytes().all(|b| (0x21..0x7f).contains(&b));
        let whole = |(name, value): &(&str, &str)| {
            crate::call::endpoint::header(&format!("{name}: {value}")).is_ok() && !name.is_empty()
        };
        if !clean(path) || path.split('/').any(|part| matches!(part, "." | "..")) || !request.headers.iter().all(whole)
        {
            return Err("the request cannot be written".to_owned());
        }
        let headers = request.headers.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let method = if request.body.is_some() { Method::POST } else { Method::GET };
        let body = request.body.map(|text| ("application/json", text));
        let call = Call { endpoint, allowed: self.allowed, method, headers, body, within: WITHIN };
        let runtime = tokio::runtime::Handle::try_current().map_err(|e| e.to_string())?;
        // As it is set up: what is put right is asked at once.
        let gateway = (self.base.authority(), self.allowed == Allowed::Anywhere);
        let silent = || SILENT.lock().unwrap_or_else(PoisonError::into_inner);
        if silent().get(&gateway).is_some_and(|since| since.elapsed() < REST) {
            return Err(format!("{} did not answer a moment ago", gateway.0));
        }
        let answer = runtime.block_on(ask(call, ANSWER_BYTES));
        match &answer {
            Ok(_) => silent().remove(&gateway),
            Err(_) => silent().insert(gateway, Instant::now()),
        };
        answer.map(|(status, body)| (status, body.to_vec()))
    }
}

/// Gateways that gave no answer (and whether they may be in a private network), and since when.
static SILENT: Mutex<BTreeMap<(String, bool), Instant>> = Mutex::new(BTreeMap::new());

#[cfg(test)]
mod tests {
    use super::*;

    fn account(words: &[(&str, &str)]) -> BTreeMap<String, String> {
        words.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_account_is_ones_own_then_the_facilitys_then_everybodys() {
        let mut gateway = Gateway::default();
        gateway.accounts.insert(String::new(), account(&[("app-name", "mach"), ("password", "all")]));
        gateway.accounts.insert("46001".to_owned(), account(&[("password", "of 46001")]));
        gateway.accounts.insert("46001/bs".to_owned(), account(&[("doctor", "7")]));
        assert_eq!(gateway.word(("46001", "bs"), "doctor"), "7");
        assert_eq!(gateway.word(("46001", "bs"), "password"), "of 46001");
        assert_eq!(gateway.word(("46001", ""), "doctor"), "");
        assert_eq!(gateway.word(("46002", "bs"), "password"), "all");
        assert_eq!(gateway.word(("46001", "bs"), "app-name"), "mach");
    }

    #[test]
    fn what_is_no_request_is_not_sent() {
        let wire = Gateway { base: "http://127.0.0.1:1".to_owned(), private: true, ..Gateway::default() }.wire();
        let wire = wire.expect("an address");
        for (path, header) in [
            ("/a b", ("x", "y")),
            ("/a\r\nHost: evil", ("x", "y")),
            ("/v1/../admin", ("x", "y")),
            ("/a", ("x", "y\r\nz: 1")),
            ("/a", ("Host", "evil")),
            ("/a", ("", "y")),
        ] {
            let request = Request { path, headers: vec![header], body: None };
            assert_eq!(wire.ask(request), Err("the request cannot be written".to_owned()), "{path} {header:?}");
        }
        for base in ["", "gwsca.vnpt.vn", "ftp://x", "https://user:pw@gwsca.vnpt.vn"] {
            assert!(Gateway { base: base.to_owned(), ..Gateway::default() }.wire().is_err(), "{base}");
        }
    }

    #[test]
    fn one_that_gives_no_answer_is_left_alone_for_a_while() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        // A port that nobody listens on: it was one's own a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
        let gateway = Gateway { base: format!("http://{free}/x"), private: true, ..Gateway::default() };
        let wire = gateway.wire().expect("an address");
        // Work that may block is on a thread of its own.
        let asked = || {
            let (wire, handle) = (wire.clone(), runtime.handle().clone());
            let ask = std::thread::spawn(move || {
                let _inside = handle.enter();
                wire.ask(Request::default())
            });
            ask.join().expect("an end")
        };
        assert!(asked().is_err_and(|e| e.contains("cannot be reached")));
        assert_eq!(asked(), Err(format!("{free} did not answer a moment ago")));
        // Nobody else is concerned; and a private address is not asked where that was not allowed.
        let other = Gateway { base: format!("http://127.0.0.1:1/{}", free.port()), ..Gateway::default() };
        let other = other.wire().expect("an address");
        let _inside = runtime.enter();
        assert!(other.ask(Request::default()).is_err_and(|e| e.contains("private network")));
    }
}
