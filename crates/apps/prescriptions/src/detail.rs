//! One prescription: its lines, what the rules say, signature, sending, handing out, and what can be done now.

use crate::case::{self, Case};
use crate::check::check;
use crate::deliver::oversold;
use crate::rules::Rules;
use crate::signing::{Prescriptions, known, word};
use crate::view::{banner, by, findings, link, moment, refusal, seen, sending_chip, state_chip};
use crate::words::written;
use crate::work::{self, Done};
use axum::Extension;
use axum::extract::{Form, Path, Query, State as With};
use axum::response::Redirect;
use mach_access::{Act, decide};
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_house::{Failure, House, Session};
use mach_signing::desk::{Desk, Keys as _};
use mach_signing::{choice, desktop, flights, waits};
use mach_store::prescriptions::{self, Prescription, State};
use mach_store::schema;
use mach_store::signing::{Act as Signs, Signer};
use mach_ui::components::{
    Button, Card, Cell, Column, Definitions, Field, FieldKind, Icon, Layout, Notice, PageHead, PostForm, Row, Table,
    Tone, field_form, laid_out, line, stack,
};
use mach_ui::http::Problem;
use mach_ui::shell::{Crumb, PageMeta};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: String,
}

/// The lines of a prescription with what is left of each.
pub(crate) fn lines(lang: Lang, case: &Case) -> Html {
    let columns = [msg::RX_DRUG, msg::RX_QUANTITY, msg::RX_LEFT, msg::RX_DAYS, msg::RX_USAGE];
    let rows = case.content.items.iter().zip(&case.lines).map(|(item, line)| {
        Row::new([item.name.clone(), item.amount(), written(line.left()), item.days.to_string(), item.usage.clone()])
    });
    let table = Table::new(lang, lang.t(msg::RX_DRUGS), columns.map(|c| Column::text(lang.t(c))).into());
    Card::new(lang.t(msg::RX_DRUGS), table.rows(rows.collect()).stack()).into()
}

/// What a prescription says besides its lines; `open`: with what it is for.
pub(crate) fn facts(lang: Lang, case: &Case, open: bool) -> Html {
    let c = &case.content;
    let kind = Rules::shared().kind(&c.kind, Day::parse_iso(&c.day).unwrap_or(Day::today()));
    let mut list = Definitions::default()
        .row(lang.t(msg::RX_CODE), case.row.code.as_str())
        .row(lang.t(msg::RX_KIND), kind.map_or(c.kind.clone(), |k| k.name.clone()))
        .row(lang.t(msg::RX_STATE), state_chip(lang, &case.row, now_seconds()));
    if c.part > 0 {
        let (n, of) = (c.part.to_string(), c.parts.to_string());
        list = list.row(lang.t(msg::RX_PARTS), lang.fmt(msg::RX_PART, &[("n", &n), ("of", &of)]));
    }
    let diagnosis = if open { c.diagnosis() } else { lang.t(msg::RX_HIDDEN).to_owned() };
    list = list
        .row(lang.t(msg::RX_DIAGNOSIS), diagnosis)
        .row(lang.t(msg::RX_DOCTOR), c.doctor.as_str())
        .row(lang.t(msg::RX_FACILITY), mach_house::facility_name(&case.facility))
        .row(lang.t(msg::RX_WRITTEN), moment(case.row.written));
    let later = case.row.opens.filter(|_| case.row.part > 1);
    for (label, at) in [(msg::RX_OPENS, later), (msg::RX_UNTIL, case.row.expires)] {
        if let Some(at) = at {
            list = list.row(lang.t(label), moment(at));
        }
    }
    let reason = if open { c.reason.as_str() } else { "" };
    let more = [(msg::RX_WEIGHT, c.weight.as_str()), (msg::RX_COMPANION, &c.companion), (msg::RX_ADVICE, &c.advice)];
    for (label, value) in more.into_iter().chain([(msg::RX_REASON, reason)]) {
        if !value.is_empty() {
            list = list.row(lang.t(label), value);
        }
    }
    Card::new("", list).into()
}

fn sales(lang: Lang, case: &Case, facilities: &HashMap<i64, String>) -> Option<Html> {
    if case.sales.is_empty() {
        return None;
    }
    let columns = [msg::RX_WHEN, msg::RX_DRUG, msg::RX_QUANTITY, msg::RX_INVOICE, msg::RX_SOLD_BY, msg::RX_SENDING];
    let rows = case.sales.iter().flat_map(|sale| {
        let place = match facilities.get(&sale.pharmacy) {
            Some(code) if sale.place.is_empty() => mach_house::facility_name(code),
            _ => sale.place.clone(),
        };
        sale.lines.iter().map(move |l| {
            let item = usize::try_from(l.line - 1).ok().and_then(|n| case.content.items.get(n));
            Row::new([
                Cell::from(moment(sale.at)),
                Cell::from(item.map(|i| i.name.clone()).unwrap_or_default()),
                Cell::from(written(l.quantity)),
                Cell::from(sale.invoice.clone()),
                Cell::from(place.clone()),
                Cell(sending_chip(lang, sale.sending)),
            ])
        })
    });
    let table = Table::new(lang, lang.t(msg::RX_DISPENSED), columns.map(|m| Column::text(lang.t(m))).into());
    Some(Card::new(lang.t(msg::RX_DISPENSED), table.rows(rows.collect()).stack()).into())
}

fn signature(lang: Lang, case: &Case, account: i64, desk: &Desk) -> Option<Html> {
    let flight = case.flight.as_ref()?;
    let said = match (case.row.state, flight.ended) {
        (State::Signing, None) if flight.said.is_empty() => lang.t(msg::RX_SIGNING).to_owned(),
        (State::Signing, None) => word(lang, &flight.said).to_owned(),
        _ => {
            let when = moment(case.row.signed?);
            lang.fmt(msg::RX_SIGNATURE_BY, &[("name", &flight.name), ("when", &when)])
        }
    };
    let desktop = desktop::waits([flight], account).then(|| desktop::link(lang));
    let phone = waits::notice(lang, [flight], account, waits::simulates(desk));
    let parts = [Some(line(&said)), desktop, phone];
    Some(Card::new(lang.t(msg::RX_SIGNATURE), Html::concat(parts.into_iter().flatten())).into())
}

/// The other parts of its series.
fn parts(lang: Lang, case: &Case, series: &[Prescription]) -> Option<Html> {
    if series.len() < 2 {
        return None;
    }
    let columns = [msg::RX_PARTS, msg::RX_CODE, msg::RX_STATE].map(|m| Column::text(lang.t(m)));
    let (now, of) = (now_seconds(), series.len().to_string());
    let rows = series.iter().map(|p| {
        let code = match p.code == case.row.code {
            true => Cell::from(p.code.clone()),
            false => Cell::link(&p.code, &format!("/prescriptions/case/{}", p.code)),
        };
        let part = lang.fmt(msg::RX_PART, &[("n", &p.part.to_string()), ("of", &of)]);
        Row::new([Cell::from(part), code, Cell(state_chip(lang, p, now))])
    });
    let table = Table::new(lang, lang.t(msg::RX_PARTS), columns.into()).rows(rows.collect()).stack();
    Some(Card::new(lang.t(msg::RX_PARTS), table).into())
}

/// What the writer can do now.
fn acts(lang: Lang, case: &Case, subject: &crate::check::Subject, (desk, signers): (&Desk, &[Signer])) -> Vec<Html> {
    let address = |act: &str| format!("/prescriptions/case/{}/{act}", case.row.code);
    let mut acts: Vec<Html> = Vec::new();
    if case.row.state == State::Draft && !case.altered {
        let content = crate::check::Content { day: Day::today().to_string(), ..case.content.clone() };
        let found = check(Rules::shared(), &content, subject);
        let forbidden = found.iter().any(|f| f.forbids);
        if !found.is_empty() {
            let tone = if forbidden { Tone::Bad } else { Tone::Warning };
            let title = if forbidden { msg::RX_RULES } else { msg::RX_WARNINGS };
            acts.push(Notice { more: findings(lang, &found), ..Notice::new(lang, tone, lang.t(title)) }.into());
        }
        if !forbidden {
            let reason = Field::new("reason", lang.t(msg::RX_REASON), FieldKind::Text).required();
            let reason = (!found.is_empty()).then_some(reason);
            let fields: Vec<Field> = reason.into_iter().chain(choice::field(lang, desk, signers, 0)).collect();
            let button = Button::primary(lang.t(msg::RX_SIGN)).icon(Icon::Check).into();
            let lead = (lang.t(msg::RX_SIGN_LEAD), Vec::new());
            acts.push(
                Card::new(lang.t(msg::RX_SIGN), field_form(lang, address("sign"), lead, &fields, [button])).into(),
            );
        }
    }
    if case.row.state == State::Signing {
        if let Some(stopped) = case.flight.as_ref().filter(|f| f.ended.is_none() && f.next.is_none()) {
            let button = Button::primary(lang.t(msg::RX_SIGN_AGAIN)).icon(Icon::Check).into();
            let fields: Vec<Field> = choice::field(lang, desk, signers, stopped.signer).into_iter().collect();
            acts.push(field_form(lang, address("resume"), ("", Vec::new()), &fields, [button]));
        }
        acts.push(PostForm::new(lang, address("back"), Button::submit(lang.t(msg::RX_BACK)).icon(Icon::Undo)).into());
    }
    if case.row.may_be_sent() {
        acts.push(PostForm::new(lang, address("send"), Button::submit(lang.t(msg::RX_SEND_AGAIN))).into());
    }
    if matches!(case.row.state, State::Draft | State::Signed) {
        let why = Field::new("why", lang.t(msg::RX_WHY), FieldKind::Text).required();
        let button = Button::submit(lang.t(msg::RX_CANCEL)).into();
        let body = field_form(lang, address("cancel"), ("", Vec::new()), &[why], [button]);
        acts.push(Card::new(lang.t(msg::RX_CANCEL), body).into());
    }
    acts
}

fn sending(lang: Lang, case: &Case) -> Html {
    let mut list = Definitions::default().row(lang.t(msg::RX_SENDING), sending_chip(lang, case.row.sending));
    // What the other side said is shown as it is.
    let said = known(lang, &case.row.said).map_or_else(|| case.row.said.clone(), str::to_owned);
    for (label, value) in [(msg::RX_RECEIPT, &case.row.receipt), (msg::RX_SAID, &said)] {
        if !value.is_empty() {
            list = list.row(lang.t(label), value.as_str());
        }
    }
    Card::new(lang.t(msg::RX_SENDING), list).into()
}

/// `GET /prescriptions/case/{code}`.
pub(crate) async fn page(
    With(house): With<House>,
    Extension(desk): Extension<Arc<Desk>>,
    session: Session,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html, Problem> {
    let (decision, case, person) = seen(&house, &session, &code, Act::ReadPrescriptions).await?;
    let lang = session.lang;
    let (id, facility, of) = (person.id, case.row.facility, case.row.series.clone());
    let account = session.actor.account;
    let (subject, series, facilities, signers) = house
        .read(decision, move |r| {
            let subject = case::subject(r, id, Day::today(), &of)?.unwrap_or_default();
            let facilities: HashMap<i64, String> = schema::facilities(r)?.into_iter().collect();
            let signers = choice::of(r, (facility, account), Signs::Prescribe)?;
            Ok::<_, Failure>((subject, prescriptions::series(r, facility, &of)?, facilities, signers))
        })
        .await?;
    let own = case.is_by(session.actor.account) && decide(&session.actor, Act::Prescribe).is_ok();
    let file = format!("/prescriptions/case/{}/prescription.pdf", case.row.code);
    let mut actions = vec![link("PDF", file, Icon::Print)];
    if own && matches!(case.row.state, State::Signed | State::Partly) {
        let href = format!("/prescriptions/new?person={}&replaces={}", person.id, case.row.code);
        actions.push(link(lang.t(msg::RX_REPLACE), href, Icon::Undo));
    }
    let done = match asked.done.as_str() {
        "sign" | "resume" if case.row.signed.is_some() => Some(msg::RX_SIGNED),
        "sign" | "resume" => Some(msg::RX_SIGNING),
        "back" => Some(msg::RX_BACKED),
        "cancel" => Some(msg::RX_CANCELLED),
        "send" => Some(msg::RX_SENT_AGAIN),
        _ => None,
    };
    let good = |text| Notice::new(lang, Tone::Good, lang.t(text)).into();
    let bad = |text| Notice::new(lang, Tone::Bad, lang.t(text)).into();
    let head = PageHead::new(lang.fmt(msg::RX_ONE, &[("code", &case.row.code)])).actions(actions);
    let replaces =
        (!case.row.replaces.is_empty()).then(|| line(&lang.fmt(msg::RX_REPLACES, &[("code", &case.row.replaces)])));
    let above = [
        Some(head.into()),
        done.map(good),
        case.altered.then(|| bad(msg::RX_ALTERED)),
        oversold(&case).then(|| bad(msg::RX_OVERSOLD)),
        replaces,
    ];
    let left = [
        Some(lines(lang, &case)),
        parts(lang, &case, &series),
        sales(lang, &case, &facilities),
        crate::pharmacy::receipts(lang, &case),
    ];
    let right = [Some(facts(lang, &case, true)), signature(lang, &case, account, &desk), Some(sending(lang, &case))];
    let acts = if own { acts(lang, &case, &subject, (&desk, &signers)) } else { Vec::new() };
    let left = stack(left.into_iter().flatten().chain(acts));
    let columns = laid_out(Layout::Main, [left, stack(right.into_iter().flatten())]);
    let crumbs = vec![Crumb::link(lang.t(msg::RX), "/prescriptions"), Crumb::here(case.row.code.as_str())];
    let banner = banner(lang, &person, &subject.allergies).into();
    let meta = PageMeta { crumbs, banner, ..session.meta(case.row.code.as_str(), "/prescriptions") };
    Ok(shell::page(&meta, stack(above.into_iter().flatten().chain([columns]))))
}

/// Why something is done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reasons {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    why: String,
    /// With which certificate.
    #[serde(default)]
    with: String,
}

/// `POST /prescriptions/case/{code}/{act}`.
pub(crate) async fn act(
    With(house): With<House>,
    session: Session,
    Extension(desk): Extension<Arc<Desk>>,
    Path((code, act)): Path<(String, String)>,
    Form(reasons): Form<Reasons>,
) -> Result<Redirect, Problem> {
    let decision = house.decide(&session, Act::Prescribe).await?;
    if matches!(act.as_str(), "sign" | "resume") {
        session.is_proven()?;
    }
    let code = crate::code::parse(&code).ok_or(Problem::NotFound)?;
    let (lang, by, at, doing) = (session.lang, by(&session), code.clone(), act.clone());
    let chosen = choice::read(&reasons.with);
    let text = |t: &str| t.trim().chars().take(work::TEXT_CHARS).collect::<String>();
    let why = match act.as_str() {
        "sign" => text(&reasons.reason),
        "cancel" => text(&reasons.why),
        "resume" | "back" | "send" => String::new(),
        _ => return Err(Problem::NotFound),
    };
    if act == "cancel" && why.is_empty() {
        return Err(Problem::BadRequest(lang.t(msg::RX_WHY_WANTED).to_owned()));
    }
    let one = |code: String, done: Done<()>| done.map(|()| vec![code]);
    let facility = decision.scope().facility().ok_or(Problem::Forbidden)?;
    let done = house.write(decision, move |tx| {
        Ok(match doing.as_str() {
            "sign" => work::sign(tx, &at, &by, &why, chosen)?,
            "resume" => one(at.clone(), work::resume(tx, &at, &by, chosen)?),
            "back" => one(at.clone(), work::back(tx, &at, &by)?),
            "cancel" => one(at.clone(), work::cancel(tx, &at, &by, &why)?),
            _ => one(at.clone(), work::send_again(tx, &at)?),
        })
    });
    let codes = done.await?.map_err(|no| refusal(lang, &no))?;
    if act == "cancel" {
        desk.papers_changed();
    }
    if matches!(act.as_str(), "sign" | "resume") {
        // A key at hand signs now; what waits for a phone goes on by itself.
        let wanted = codes.into_iter().map(|code| (facility, code, Signs::Prescribe)).collect();
        flights::at_once(&house, &desk, &Prescriptions, wanted).await?;
    }
    Ok(Redirect::to(&format!("/prescriptions/case/{code}?done={act}")))
}
