//! What a page says while somebody's phone is waited for: it looks by itself whether they confirmed, and comes anew then.

use crate::desk::Desk;
use crate::desktop::{Known, own};
use crate::phone;
use askama::Template;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use mach_house::{Failure, House, Session};
use mach_sign::remote::{Flight as Under, Stage};
use mach_store::signing::{self, Flight, Provider};
use mach_ui::components::Icon;
use mach_ui::http::Problem;
use mach_ui::{Html, Lang, assets, msg};
use serde_json::{Value, json};

/// Digits of the hash that a page and a phone both show.
pub const SHOWN_DIGITS: usize = 8;

#[derive(Template)]
#[template(path = "waits.html")]
struct Waits {
    lang: Lang,
    path: String,
    said: String,
    /// Where the simulated phone is; empty: the phone is a real one.
    phone: &'static str,
    script: String,
}

/// The signature of these that waits for the phone of an account: what was asked of it.
fn waiting<'f>(flights: impl IntoIterator<Item = &'f Flight>, account: i64) -> Option<(&'f Flight, Under)> {
    let own = flights.into_iter().filter(|f| f.account == account && f.is_under_way());
    own.filter_map(|f| Some((f, Under::from_bytes(&f.state).ok()?))).find(|(_, u)| matches!(u.stage, Stage::Asked(_)))
}

/// That a phone is waited for; `None` where none is. `simulates`: whether a provider's phone is one of the demonstration.
pub fn notice<'f>(
    lang: Lang,
    flights: impl IntoIterator<Item = &'f Flight>,
    account: i64,
    simulates: bool,
) -> Option<Html> {
    let (flight, under) = waiting(flights, account)?;
    let digest = mach_sign::hex(&under.prepared().digest());
    let said = lang.fmt(msg::WAITS_SAID, &[("shown", &under.shown), ("digits", &digest[..SHOWN_DIGITS])]);
    let path = format!("/signing/state/{}/{}", flight.act.code(), flight.code);
    let phone = if simulates { phone::PAGE } else { "" };
    Some(Html::template(&Waits { lang, path, said, phone, script: assets::url("waits.js") }))
}

/// Whether this machine's demonstration stands in for the provider of phones.
pub fn simulates(desk: &Desk) -> bool {
    desk.simulates(Provider::SmartCa)
}

/// `GET /signing/state/{act}/{code}`: whether a signature of the asker's own is waited for still.
pub(crate) async fn state(
    State(house): State<House>,
    session: Session,
    Extension(known): Extension<Known>,
    Path((act, code)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (decision, due, _) = own(&house, &session, known, (&act, &code)).await?;
    let found =
        house.read(decision, move |r| signing::flight_of(r, due.facility, &due.code, due.act).map_err(Failure::from));
    let waits = found.await?.is_some_and(|f| waiting([&f], f.account).is_some());
    Ok(Json(json!({ "waits": waits })))
}
