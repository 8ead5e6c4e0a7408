//! Whose account it is that a provider signs on: a link that its owner made; by a claim that is a sign-in name, where the configuration
//! says so; of a citizen, the person whose number, name and birth all agree. Nobody is made here but the account of a known citizen.

use crate::claims::Said;
use crate::provider::Provider;
use mach_access::Role;
use mach_base::Day;
use mach_base::time::now_seconds;
use mach_people::{Agreement, Birth, by_national, compare_births, compare_names};
use mach_store::accounts::{self, Account};
use mach_store::notices::Kind;
use mach_store::sessions::State;
use mach_store::sign_on::{self, By, Linked, NewLink};
use mach_store::{Error, Result, Tx, factors, people};

/// What came of looking for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// They are in; `half`: their second factor is still to come.
    In { half: bool },
    /// There is nobody.
    Nobody,
    /// Their account rests.
    Rests,
}

/// A session that is about to begin.
pub(crate) struct Begins<'a> {
    pub(crate) hash: &'a [u8; 32],
    pub(crate) agent: &'a str,
}

/// Roles of people who work here, whom a claim may name: administrators link themselves.
fn is_named_by_claim(account: &Account) -> bool {
    let role = matches!(account.actor.role, Role::Leader | Role::Head | Role::Operator | Role::Clinician);
    role && !accounts::is_made_name(&account.name)
}

/// Whether an account is one of who works here.
pub fn works_here(role: Role) -> bool {
    matches!(role, Role::Leader | Role::Head | Role::Operator | Role::Clinician | Role::Administrator)
}

fn open_account(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>> {
    let scope = tx.scope();
    Ok(accounts::by_id(tx, scope, id)?.filter(|a| !a.closed))
}

/// The account of who works here, and the link it came by.
fn linked(tx: &mut Tx<'_>, provider: &Provider, said: &Said) -> Result<Option<(Account, i64)>> {
    let issuer = provider.known_as();
    if let Some(link) = sign_on::by_subject(tx, issuer, &said.subject)? {
        let account = open_account(tx, link.account)?.filter(|a| works_here(a.actor.role));
        return Ok(account.map(|a| (a, link.id)));
    }
    if said.username.is_empty() {
        return Ok(None);
    }
    let named = accounts::by_name(tx, &said.username)?.filter(|a| !a.closed && is_named_by_claim(a));
    let Some(account) = named else { return Ok(None) };
    let id = account.actor.account;
    // The first who came by this name stays it: a name that is given to somebody else there opens nothing here.
    if sign_on::of_account(tx, id)?.iter().any(|link| link.issuer == issuer) {
        return Ok(None);
    }
    let (subject, called) = (said.subject.clone(), said.called.clone());
    match tx.link_sign_on(&NewLink { issuer: issuer.to_owned(), subject, called, account: id })? {
        Linked::Made(link) => {
            tx.notify(id, Kind::SignOnLinked, now_seconds(), "/account/sign-on")?;
            tx.audit(None, &format!("account {id} linked to sign-on {} by name", provider.name), "granted")?;
            Ok(Some((account, link)))
        }
        _ => Ok(None),
    }
}

/// Who signs a session on.
pub(crate) fn by(provider: &Provider, said: &Said) -> Result<By> {
    let issuer = provider.known_as();
    let there = said.there.as_deref().map(|sid| sign_on::hash_of("session", issuer, sid)).transpose()?;
    let subject = sign_on::hash_of("subject", issuer, &said.subject)?;
    Ok(By { provider: provider.name.clone(), subject, there: there.unwrap_or_default(), level: said.level.clone() })
}

/// In the audit trail, where a level was said.
fn at_level(said: &Said) -> String {
    if said.level.is_empty() { String::new() } else { format!(" level {}", said.level) }
}

/// Signs on who works here.
pub(crate) fn staff(tx: &mut Tx<'_>, provider: &Provider, said: &Said, begins: &Begins<'_>) -> Result<Came> {
    let Some((account, link)) = linked(tx, provider, said)? else { return Ok(Came::Nobody) };
    let id = account.actor.account;
    if account.rests_until > now_seconds() {
        return Ok(Came::Rests);
    }
    let half = factors::is_guarded(tx, id)? && !said.second;
    tx.begin_session(begins.hash, id, if half { State::Half } else { State::Open }, begins.agent)?;
    tx.signed_on(begins.hash, &by(provider, said)?, said.proven)?;
    tx.used_sign_on(link)?;
    if !half {
        tx.signed_in(id)?;
    }
    let target = format!("account {id} sign-on {}{}", provider.name, at_level(said));
    tx.audit(None, &target, "granted")?;
    Ok(Came::In { half })
}

/// The known person who agrees with everything that is said.
fn person(tx: &mut Tx<'_>, said: &Said) -> Result<Option<i64>> {
    let number: String = said.number.chars().filter(char::is_ascii_alphanumeric).collect();
    if number.is_empty() {
        return Ok(None);
    }
    let refused = |e: mach_people::Error| Error::Refused(e.to_string());
    let Some(id) = by_national(tx, &number).map_err(refused)? else { return Ok(None) };
    let Some(row) = people::person(tx, id)? else { return Ok(None) };
    let day = row.birth_day.and_then(|d| i32::try_from(d).ok()).map(Day);
    let known = Birth { year: i32::try_from(row.birth_year).unwrap_or(0), day };
    // What is not known agrees with nothing.
    let agrees =
        compare_names(&row.name, &said.name) == Agreement::Same && compare_births(known, said.birth) == Agreement::Same;
    Ok(agrees.then_some(id))
}

/// Signs a citizen on.
pub(crate) fn citizen(tx: &mut Tx<'_>, provider: &Provider, said: &Said, begins: &Begins<'_>) -> Result<Came> {
    let Some(person) = person(tx, said)? else { return Ok(Came::Nobody) };
    let Some(account) = tx.citizen_account(person)? else { return Ok(Came::Nobody) };
    tx.begin_session(begins.hash, account, State::Open, begins.agent)?;
    tx.signed_on(begins.hash, &by(provider, said)?, said.proven)?;
    tx.audit(Some(person), &format!("citizen sign-on {}{}", provider.name, at_level(said)), "granted")?;
    Ok(Came::In { half: false })
}
