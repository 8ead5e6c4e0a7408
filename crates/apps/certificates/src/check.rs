//! Is this paper genuine and valid? Anybody may ask, by the code or the QR code on it. It shows no more of the person than the
//! paper in hand does: not the number of the identity card, not what was found.

use crate::case::{self, Case};
use crate::declared;
use crate::view::result_word;
use askama::Template;
use axum::extract::{Query, State};
use mach_access::{Act, Actor, decide};
use mach_base::Day;
use mach_house::{Failure, House};
use mach_store::certificates::State as Stands;
use mach_ui::components::{Card, Definitions, Icon, Notice, PageHead, Tone, line, stack};
use mach_ui::http::{Here, Problem};
use mach_ui::shell::PageMeta;
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "ask.html")]
struct Ask<'a> {
    lang: Lang,
    code: &'a str,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    code: String,
}

fn found(lang: Lang, case: &Case) -> Html {
    let expired = case.valid_until().is_some_and(|d| d < Day::today());
    let (tone, text) = match case.row.state {
        Stands::Issued if expired => (Tone::Warning, msg::GKSK_CHECK_EXPIRED),
        Stands::Issued => (Tone::Good, msg::GKSK_CHECK_GOOD),
        Stands::Revoked => (Tone::Bad, msg::GKSK_CHECK_REVOKED),
        _ => (Tone::Warning, msg::GKSK_CHECK_OPEN),
    };
    let notice = Html::from(Notice::new(lang, tone, lang.t(text)));
    if !matches!(case.row.state, Stands::Issued | Stands::Revoked) {
        return notice;
    }
    let day = case.row.concluded.map(|s| mach_base::Minute::of_seconds(s).day().vi()).unwrap_or_default();
    let mut facts = Definitions::default()
        .row(lang.t(msg::GKSK_NAME), case.row.name.as_str())
        .row(lang.t(msg::GKSK_NUMBER), case.number())
        .row(lang.t(msg::GKSK_CLASS), case.row.class.as_str())
        .row(lang.t(msg::GKSK_RESULT), result_word(lang, &case.row.result))
        .row(lang.t(msg::GKSK_DAY), day)
        .row(lang.t(msg::GKSK_FACILITY), mach_house::facility_name(&case.facility))
        .row(lang.t(msg::GKSK_DOCTOR), case.row.doctor.as_str())
        .row(lang.t(msg::GKSK_HEAD), case.row.head.as_str());
    if let Some(said) = declared::said(lang, case) {
        facts = facts.row(lang.t(msg::GKSK_DECLARATION), said);
    }
    if let Some(until) = case.valid_until() {
        facts = facts.row("", lang.fmt(msg::GKSK_VALID, &[("day", &until.vi())]));
    }
    let body = Html::concat([facts.into(), line(lang.t(msg::GKSK_CHECK_COMPARE))]);
    Html::concat([notice, Card::new(lang.t(msg::GKSK), body).into()])
}

/// `GET /certificates/check?code=…`.
pub(crate) async fn page(
    State(house): State<House>,
    lang: Lang,
    here: Here,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let code: String =
        asked.code.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>().to_uppercase();
    let answer = if code.is_empty() {
        Html::EMPTY
    } else {
        // Nobody is signed in: the program asks by itself, for this one code, and tells what the paper says.
        let decision = decide(&Actor::console(), Act::ReadCertificates).map_err(Problem::internal)?;
        let wanted = code.clone();
        let case = house.read(decision.clone(), move |r| Ok::<_, Failure>(case::load(r, &wanted)?)).await?;
        let (person, target) =
            (case.as_ref().map(|c| c.row.person), format!("driver certificate checked by code {code}"));
        let outcome = if case.is_some() { "granted" } else { "failed" };
        house.write(decision, move |tx| tx.audit(person, &target, outcome)).await?;
        match case {
            Some(case) => found(lang, &case),
            None => Notice::new(lang, Tone::Bad, lang.t(msg::GKSK_CHECK_NONE)).into(),
        }
    };
    let title = lang.t(msg::GKSK_CHECK);
    let ask = Card::new("", Html::template(&Ask { lang, code: &code }));
    let head = PageHead::new(title).lead(lang.t(msg::GKSK_CHECK_LEAD));
    let meta = PageMeta {
        lang,
        title: title.to_owned(),
        here: here.0,
        no_search: true,
        demo: house.demo(),
        ..PageMeta::default()
    };
    Ok(shell::page(&meta, stack([head.into(), answer, ask.into()])))
}
