//! `GET /admin/access`: the policy, row by row, and who may do what, tried out.

use crate::form::{Closed, administrator, stack};
use axum::extract::{Query, State};
use mach_access::policy::{Class, Policy, Question, Relation, Rule};
use mach_access::sensitive::{Label, Labels};
use mach_access::{Act, Role};
use mach_house::{House, Session};
use mach_ui::components::{
    Card, Cell, Column, Empty, Field, FieldKind, Filters, Icon, Notice, PageHead, Row, Table, Tone,
};
use mach_ui::{Html, Lang, msg, shell};
use serde::Deserialize;

/// What is asked; empty words ask about all.
#[derive(Deserialize, Default)]
pub(crate) struct Asked {
    #[serde(default)]
    role: String,
    #[serde(default)]
    act: String,
    #[serde(default)]
    relation: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    sensitivity: String,
}

pub(crate) async fn page(
    State(house): State<House>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Html, Closed> {
    let decision = administrator(&house, &session).await?;
    house.write(decision, |tx| tx.audit(None, "policy", "granted")).await?;
    let (lang, policy) = (session.lang, Policy::shared());
    let title = lang.t(msg::NAV_POLICY);
    let parts = [
        Html::from(PageHead::new(title).lead(lang.t(msg::POLICY_LEAD))),
        Card::new(lang.t(msg::POLICY_TRY), stack(tried(lang, policy, &asked))).into(),
        Card::new(lang.t(msg::POLICY_RULES), rules(lang, policy, &asked)).into(),
        Notice::new(lang, Tone::Info, lang.t(msg::POLICY_SENSITIVE)).into(),
    ];
    Ok(shell::page(&session.meta(title, "/admin/access"), stack(parts)))
}

/// The form that asks, and its answer where the question is whole.
fn tried(lang: Lang, policy: &Policy, asked: &Asked) -> Vec<Html> {
    let field = |name: &str, label, words: Vec<&'static str>, now: &str| {
        let all = (String::new(), lang.t(msg::POLICY_ALL).to_owned());
        let choices = std::iter::once(all).chain(words.into_iter().map(|w| (w.to_owned(), w.to_owned()))).collect();
        Field::new(name, lang.t(label), FieldKind::Choice(choices)).value(now)
    };
    let nobody = std::iter::once("-");
    let fields = vec![
        field("role", msg::ROLE, Role::ALL.iter().map(|r| r.code()).collect(), &asked.role),
        field("act", msg::POLICY_ACT, Act::ALL.iter().map(|a| a.code()).collect(), &asked.act),
        field(
            "relation",
            msg::POLICY_RELATION,
            nobody.chain(Relation::ALL.iter().map(|r| r.code())).collect(),
            &asked.relation,
        ),
        field("class", msg::POLICY_CLASS, Class::ALL.iter().map(|c| c.code()).collect(), &asked.class),
        field(
            "sensitivity",
            msg::POLICY_SENSITIVITY,
            std::iter::once("ordinary").chain(Label::ALL.iter().map(|l| l.code())).collect(),
            &asked.sensitivity,
        ),
    ];
    let active =
        [&asked.role, &asked.act, &asked.relation, &asked.class, &asked.sensitivity].iter().any(|w| !w.is_empty());
    let form = Filters { lang, action: "/admin/access".to_owned(), fields, kept: Vec::new(), active };
    let mut parts = vec![Html::from(form)];
    if let Some(question) = question(asked) {
        let because = policy.why(&question);
        parts.push(match because.as_slice() {
            [] => Notice::new(lang, Tone::Bad, lang.t(msg::POLICY_NO)).into(),
            rules => {
                let why = rules.iter().map(|r| format!("{}: {}", r.id, r.why)).collect::<Vec<_>>().join("; ");
                Notice::new(lang, Tone::Good, format!("{}. {why}", lang.t(msg::POLICY_YES))).into()
            }
        });
    }
    parts
}

/// The question, where every word of it was chosen.
fn question(asked: &Asked) -> Option<Question> {
    let (role, act) = (Role::parse(&asked.role)?, Act::parse(&asked.act)?);
    if asked.relation == "-" {
        return Some(Question { role, act, record: None });
    }
    let labels = match asked.sensitivity.as_str() {
        "ordinary" => Labels::NONE,
        word => Labels::NONE.with(Label::parse(word)?),
    };
    Some(Question { role, act, record: Some((Relation::parse(&asked.relation)?, Class::parse(&asked.class)?, labels)) })
}

fn rules(lang: Lang, policy: &Policy, asked: &Asked) -> Table {
    let words = |rule: &Rule| rows_of(lang, rule);
    let fits = |rule: &&Rule| {
        let [role, act, relation, class, sensitivity, _] = words(rule);
        let one = |have: &[String], want: &str| want.is_empty() || have.iter().any(|h| h == want);
        one(&role, &asked.role)
            && one(&act, &asked.act)
            && (one(&relation, &asked.relation) || (asked.relation == "-" && relation.is_empty()))
            && one(&class, &asked.class)
            && (asked.sensitivity.is_empty()
                || if asked.sensitivity == "ordinary" { rule.ordinary } else { one(&sensitivity, &asked.sensitivity) })
    };
    let row = |rule: &Rule| {
        let cells = words(rule).map(|list| Cell::from(list.join(", ").as_str()));
        let [role, act, relation, class, sensitivity, purpose] = cells;
        let relation = if rule.concerns_records() { relation } else { lang.t(msg::POLICY_NOBODY).into() };
        Row::new([
            Cell::from(rule.id.as_str()),
            role,
            relation,
            act,
            class,
            sensitivity,
            purpose,
            rule.why.as_str().into(),
        ])
    };
    let columns = [
        msg::POLICY_RULE,
        msg::ROLE,
        msg::POLICY_RELATION,
        msg::POLICY_ACT,
        msg::POLICY_CLASS,
        msg::POLICY_SENSITIVITY,
        msg::POLICY_PURPOSE,
        msg::POLICY_WHY,
    ];
    let table = Table::new(lang, lang.t(msg::POLICY_RULES), columns.map(|c| Column::text(lang.t(c))).to_vec());
    let rows = policy.rules().iter().filter(fits).map(row).collect();
    let empty = Empty::new(Icon::Review, lang.t(msg::POLICY_NONE), "");
    Table { caption_hidden: true, ..table.rows(rows).empty(empty).stack() }
}

/// Roles, acts, relations, classes, sensitivities and purposes of a row, in words.
fn rows_of(lang: Lang, rule: &Rule) -> [Vec<String>; 6] {
    let all = |codes: Vec<&'static str>| codes.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut sensitivity = all(Label::ALL.iter().filter(|l| rule.labels.has(**l)).map(|l| l.code()).collect());
    if rule.ordinary {
        sensitivity.insert(0, lang.t(msg::POLICY_ORDINARY).to_owned());
    }
    [
        all(rule.roles.iter().map(|r| r.code()).collect()),
        all(rule.acts.iter().map(|a| a.code()).collect()),
        all(rule.relations.iter().map(|r| r.code()).collect()),
        all(rule.classes.iter().map(|c| c.code()).collect()),
        sensitivity,
        all(rule.purposes.iter().map(|p| p.code()).collect()),
    ]
}
