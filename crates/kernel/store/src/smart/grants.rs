//! Grants: what somebody let an app do, its code, its tokens, and what a second use of them ends.

use super::scope::Scope as Scopes;
use super::{APP_ACCOUNTS, App, COLUMNS, app, scope};
use crate::log::{self, Fact};
use crate::sql::{self, Execute, Query, Row};
use crate::{Error, Result, Tx, accounts, resources};
use mach_access::app::{App as Asking, Need, Rights};
use mach_access::{Act, Actor, Reach, Role, Scope, decide};
use mach_base::{limits, time::now_seconds};
use mach_tlog::fact::Kind;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// To ask for resources.
    Access = 1,
    /// To get another one.
    Refresh = 2,
}

/// A grant to be made.
#[derive(Clone, Debug, Default)]
pub struct NewGrant {
    /// To which app.
    pub app: i64,
    /// Whose account; 0: the app's own, for itself.
    pub account: i64,
    /// Scopes.
    pub scopes: String,
    /// Id of the Patient of the launch; empty where there is none.
    pub patient: String,
    /// Id of the Encounter of the launch; empty where there is none.
    pub encounter: String,
    /// When its owner last proved who they are, seconds.
    pub proven: i64,
    /// For how long, seconds.
    pub seconds: i64,
}

/// The code of a grant.
#[derive(Clone, Debug)]
pub struct Code {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// The address it goes to.
    pub redirect: String,
    /// The challenge of PKCE (S256).
    pub challenge: String,
    /// What the app wants to find in the ID token.
    pub nonce: String,
}

/// A grant.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its number.
    pub id: i64,
    /// To which app.
    pub app: i64,
    /// Whose account; 0: the app's own.
    pub account: i64,
    /// Scopes.
    pub scopes: String,
    /// Id of the Patient of the launch.
    pub patient: String,
    /// Id of the Encounter of the launch.
    pub encounter: String,
    /// When its owner had last proved who they are, seconds.
    pub proven: i64,
    /// When it was given, seconds.
    pub made: i64,
    /// Until when it holds, seconds.
    pub until: i64,
    /// Whether it was ended before.
    pub ended: bool,
    /// Why: `owner`, `administrator`, `app`, `account`, `code`, `refresh`, `client`.
    pub why: String,
}

/// A grant with the app it was given to.
#[derive(Clone, Debug)]
pub struct Given {
    /// The grant.
    pub grant: Grant,
    /// Name of the app.
    pub app: String,
    /// Name of its owner; empty where it is the app's own.
    pub owner: String,
}

/// What somebody let one app, by all their sign-ins with it.
#[derive(Clone, Debug)]
pub struct Let {
    /// The app's number.
    pub app: i64,
    /// Its name.
    pub name: String,
    /// What it may do today.
    pub scopes: Vec<Scopes>,
    /// Since when, seconds.
    pub from: i64,
    /// Until when at most, seconds.
    pub until: i64,
}

/// What came of a code.
#[derive(Clone, Debug)]
pub enum Redeemed {
    /// There is none such, or it is too old.
    Unknown,
    /// It came before: its grant was ended.
    Again,
    /// It is good, and from now on not any more.
    Good(Box<Grant>, Code),
}

/// What came of a refresh token.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// There is none such, or it or its grant has ended.
    Unknown,
    /// It came before: its grant was ended.
    Again,
    /// It is good.
    Good(Box<Grant>, String),
}

/// A token that holds.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is for.
    pub of: Use,
    /// What of its scopes its app is allowed today.
    pub scopes: String,
    /// When it was made, seconds.
    pub made: i64,
    /// Until when it holds, seconds.
    pub until: i64,
    /// Its grant.
    pub grant: Grant,
    /// The app it was given to.
    pub app: App,
}

/// A launch from a page of this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The app that was opened.
    pub app: i64,
    /// Who opened it.
    pub account: i64,
    /// Id of the Patient.
    pub patient: String,
    /// Id of the Encounter; empty where there is none.
    pub encounter: String,
}

/// Tokens to be kept, by their hashes.
#[derive(Clone, Debug)]
pub struct Authorised {
    /// Their grant.
    pub grant: i64,
    /// Scopes of the refresh token.
    pub scopes: String,
    /// Scopes of the access token.
    pub narrower: String,
    /// The access token.
    pub access: [u8; 32],
    /// For how long it holds, seconds.
    pub seconds: i64,
    /// The refresh token.
    pub refresh: Option<[u8; 32]>,
}

const GRANT: &str =
    "g.id, g.app, g.account, g.scopes, g.patient, g.encounter, g.proven, g.made, g.until, g.ended, g.why";
/// How many columns a grant has.
const WIDTH: usize = 11;

fn grant(r: &dyn Row, at: usize) -> Result<Grant> {
    Ok(Grant {
        id: r.int(at)?,
        app: r.int(at + 1)?,
        account: r.int(at + 2)?,
        scopes: r.text(at + 3)?.to_owned(),
        patient: r.text(at + 4)?.to_owned(),
        encounter: r.text(at + 5)?.to_owned(),
        proven: r.int(at + 6)?,
        made: r.int(at + 7)?,
        until: r.int(at + 8)?,
        ended: r.int(at + 9)? != 0,
        why: r.text(at + 10)?.to_owned(),
    })
}

/// The grant with this number.
fn grant_of(on: &mut dyn Query, id: i64) -> Result<Option<Grant>> {
    let sql = format!("SELECT {GRANT} FROM smart_grant g WHERE g.id = ?1");
    sql::first(on, &sql, &[id.into()], |r| grant(r, 0))
}

impl Tx<'_> {
    /// Makes a grant; `code`: what its app fetches tokens with. What is long over goes.
    pub fn grant_app(&mut self, new: &NewGrant, code: Option<&Code>) -> Result<i64> {
        let now = now_seconds();
        self.forget(now)?;
        let facility = self.decision().actor().facility;
        let id = self.insert(
            "INSERT INTO smart_grant(app, account, facility, scopes, patient, encounter, proven, made, until)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                new.app.into(),
                new.account.into(),
                facility.into(),
                (&new.scopes).into(),
                (&new.patient).into(),
                (&new.encounter).into(),
                new.proven.into(),
                now.into(),
                (now + new.seconds).into(),
            ],
        )?;
        self.log_grant(id)?;
        if let Some(code) = code {
            self.run(
                "INSERT INTO smart_code(hash, of, redirect, challenge, nonce, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[
                    code.hash.as_slice().into(),
                    id.into(),
                    (&code.redirect).into(),
                    (&code.challenge).into(),
                    (&code.nonce).into(),
                    (now + limits::SMART_CODE_SECONDS).into(),
                ],
            )?;
        }
        Ok(id)
    }

    /// Takes away what nobody can use or repeat any more.
    fn forget(&mut self, now: i64) -> Result<()> {
        // A code or a refresh token that came is kept while its grant may last: it must be known where it comes again.
        let kept = "(SELECT g.id FROM smart_grant g WHERE g.ended = 0 AND g.until > ?1)";
        self.run(&format!("DELETE FROM smart_token WHERE until < ?1 AND of NOT IN {kept}"), &[now.into()])?;
        self.run("DELETE FROM smart_token WHERE until < ?1 AND use = 1", &[now.into()])?;
        self.run(&format!("DELETE FROM smart_code WHERE until < ?1 AND of NOT IN {kept}"), &[now.into()])?;
        self.run("DELETE FROM smart_launch WHERE until < ?1", &[now.into()])?;
        self.run("DELETE FROM smart_once WHERE until < ?1", &[now.into()]).map(drop)
    }

    fn log_grant(&mut self, id: i64) -> Result<()> {
        log::again(self, &[Fact::numbered(Kind::AppGrant, id)])
    }

    /// Takes a code that app `app` shows. One of another app is unknown, and stays; one that came before ends its grant.
    pub fn redeem(&mut self, app: i64, hash: &[u8; 32]) -> Result<Redeemed> {
        let sql = format!(
            "SELECT {GRANT}, c.redirect, c.challenge, c.nonce, c.until, c.used FROM smart_code c
                JOIN smart_grant g ON g.id = c.of WHERE c.hash = ?1 AND g.app = ?2"
        );
        let found = sql::first(self, &sql, &[hash.as_slice().into(), app.into()], |r| {
            let text = |column: usize| Ok::<_, Error>(r.text(column)?.to_owned());
            let code =
                Code { hash: *hash, redirect: text(WIDTH)?, challenge: text(WIDTH + 1)?, nonce: text(WIDTH + 2)? };
            Ok((grant(r, 0)?, code, r.int(WIDTH + 3)?, r.int(WIDTH + 4)? != 0))
        })?;
        let Some((grant, code, until, used)) = found else { return Ok(Redeemed::Unknown) };
        if used {
            self.end_app_grant(grant.id, "code")?;
            return Ok(Redeemed::Again);
        }
        self.run("UPDATE smart_code SET used = 1 WHERE hash = ?1", &[hash.as_slice().into()])?;
        if grant.ended || until < now_seconds() {
            return Ok(Redeemed::Unknown);
        }
        Ok(Redeemed::Good(Box::new(grant), code))
    }

    /// Looks at a refresh token that app `app` shows, without using it up; one that was used before ends its grant.
    pub fn refresh(&mut self, app: i64, hash: &[u8; 32]) -> Result<Refreshed> {
        let sql = format!(
            "SELECT {GRANT}, t.scopes, t.until, t.used FROM smart_token t JOIN smart_grant g ON g.id = t.of
                WHERE t.hash = ?1 AND t.use = 2 AND g.app = ?2"
        );
        let found = sql::first(self, &sql, &[hash.as_slice().into(), app.into()], |r| {
            Ok((grant(r, 0)?, r.text(WIDTH)?.to_owned(), r.int(WIDTH + 1)?, r.int(WIDTH + 2)? != 0))
        })?;
        let Some((grant, scopes, until, used)) = found else { return Ok(Refreshed::Unknown) };
        if used {
            self.end_app_grant(grant.id, "refresh")?;
            return Ok(Refreshed::Again);
        }
        let now = now_seconds();
        if grant.ended || grant.until <= now || until <= now {
            return Ok(Refreshed::Unknown);
        }
        Ok(Refreshed::Good(Box::new(grant), scopes))
    }

    /// Notes that a refresh token was used.
    pub fn use_up(&mut self, hash: &[u8; 32]) -> Result<()> {
        self.run("UPDATE smart_token SET used = 1 WHERE hash = ?1", &[hash.as_slice().into()]).map(drop)
    }

    /// Keeps the tokens of a grant. They end with it.
    pub fn authorise(&mut self, new: &Authorised) -> Result<()> {
        let (now, end) = (now_seconds(), grant_of(self, new.grant)?.map_or(0, |g| g.until));
        let access = (new.access, Use::Access, (now + new.seconds).min(end));
        let scopes = |of| if of == Use::Access { &new.narrower } else { &new.scopes };
        let refresh = new.refresh.map(|hash| (hash, Use::Refresh, (now + limits::SMART_REFRESH_SECONDS).min(end)));
        for (hash, of, until) in std::iter::once(access).chain(refresh) {
            self.run(
                "INSERT INTO smart_token(hash, of, use, scopes, made, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[
                    hash.as_slice().into(),
                    new.grant.into(),
                    (of as i64).into(),
                    scopes(of).into(),
                    now.into(),
                    until.into(),
                ],
            )?;
        }
        Ok(())
    }

    /// Ends a grant, and every token of it; false where it had ended. `why`: see [`Grant::why`].
    pub fn end_app_grant(&mut self, id: i64, why: &str) -> Result<bool> {
        let sql = "UPDATE smart_grant SET ended = ?2, why = ?3 WHERE id = ?1 AND ended = 0";
        if self.run(sql, &[id.into(), now_seconds().into(), why.into()])? == 0 {
            return Ok(false);
        }
        self.run("DELETE FROM smart_token WHERE of = ?1 AND use = 1", &[id.into()])?;
        self.log_grant(id)?;
        self.audit(None, &format!("app grant {id} ended: {why}"), "granted")?;
        Ok(true)
    }

    /// Ends the grants for which `which` holds of `?1`; false where there are none.
    pub(super) fn end_grants(&mut self, which: &str, of: i64, why: &str) -> Result<bool> {
        // What is over by itself is left as it is.
        let sql = format!("SELECT id FROM smart_grant WHERE {which} AND ended = 0 AND until > ?2");
        let all = sql::list(self, &sql, &[of.into(), now_seconds().into()], |r| r.int(0))?;
        for id in &all {
            self.end_app_grant(*id, why)?;
        }
        Ok(!all.is_empty())
    }

    /// Ends every grant of an account: its password, its role or the account itself is another.
    pub(crate) fn end_grants_of_account(&mut self, account: i64) -> Result<()> {
        self.end_grants("account = ?1 AND account > 0", account, "account").map(drop)
    }

    /// Ends all that an account let one app, each sign-in of it; false where nothing holds.
    pub fn end_app_of_account(&mut self, account: i64, app: i64) -> Result<bool> {
        self.end_grants(&format!("account = ?1 AND account > 0 AND app = {app}"), account, "owner")
    }

    /// Ends one access token, and leaves its grant.
    pub fn end_access(&mut self, hash: &[u8; 32]) -> Result<()> {
        self.run("DELETE FROM smart_token WHERE hash = ?1 AND use = 1", &[hash.as_slice().into()]).map(drop)
    }

    /// Whether an app says this for the first time: the hash of what it may say once until `until`, seconds.
    pub fn said_once(&mut self, app: i64, hash: &[u8; 32], until: i64) -> Result<bool> {
        let sql = "INSERT INTO smart_once(app, hash, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.run(sql, &[app.into(), hash.as_slice().into(), until.into()])? > 0)
    }

    /// Keeps a launch under the hash of its name.
    pub fn launch(&mut self, hash: &[u8; 32], launch: &Launch) -> Result<()> {
        let until = now_seconds() + limits::SMART_LAUNCH_SECONDS;
        self.run(
            "INSERT INTO smart_launch(hash, app, account, patient, encounter, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                hash.as_slice().into(),
                launch.app.into(),
                launch.account.into(),
                (&launch.patient).into(),
                (&launch.encounter).into(),
                until.into(),
            ],
        )
        .map(drop)
    }

    /// Takes a launch; it is good once.
    pub fn take_launch(&mut self, hash: &[u8; 32]) -> Result<bool> {
        Ok(self.run("DELETE FROM smart_launch WHERE hash = ?1", &[hash.as_slice().into()])? > 0)
    }
}

/// The launch of this name, while it is good.
pub fn launch_of(on: &mut dyn Query, hash: &[u8; 32]) -> Result<Option<Launch>> {
    let sql = "SELECT app, account, patient, encounter FROM smart_launch WHERE hash = ?1 AND until > ?2";
    sql::first(on, sql, &[hash.as_slice().into(), now_seconds().into()], |r| {
        let (patient, encounter) = (r.text(2)?.to_owned(), r.text(3)?.to_owned());
        Ok(Launch { app: r.int(0)?, account: r.int(1)?, patient, encounter })
    })
}

/// The token of this hash, while it, its grant and its app hold.
pub fn token(on: &mut dyn Query, hash: &[u8; 32]) -> Result<Option<Token>> {
    let sql = format!(
        "SELECT {COLUMNS}, {GRANT}, t.use, t.scopes, t.made, t.until FROM smart_token t
            JOIN smart_grant g ON g.id = t.of JOIN smart_app p ON p.id = g.app
            WHERE t.hash = ?1 AND t.until > ?2 AND t.used = 0 AND g.ended = 0 AND g.until > ?2 AND p.ended = 0"
    );
    let at = COLUMNS.split(',').count();
    sql::first(on, &sql, &[hash.as_slice().into(), now_seconds().into()], |r| {
        let rest = at + WIDTH;
        let of = match r.int(rest)? {
            1 => Use::Access,
            2 => Use::Refresh,
            _ => return Err(Error::Column(rest)),
        };
        let (app, made, until) = (app(r)?, r.int(rest + 2)?, r.int(rest + 3)?);
        // What the app is allowed no more, a token in hand gives no more.
        let still = scope::granted(&Scopes::list(r.text(rest + 1)?), &Scopes::list(&app.what.scopes), Rights::ALL);
        Ok(Token { of, scopes: scope::text(&still), made, until, grant: grant(r, at)?, app })
    })
}

/// Who asks with the access token of this hash, narrowed to what it leaves; `None` where it is none that holds.
pub fn holder(on: &mut dyn Query, hash: &[u8; 32]) -> Result<Option<Actor>> {
    let Some(token) = token(on, hash)?.filter(|t| t.of == Use::Access) else { return Ok(None) };
    seen_app(on, &token)
}

/// The same of a token that was looked up.
pub fn seen_app(on: &mut dyn Query, token: &Token) -> Result<Option<Actor>> {
    let own = token.grant.account == 0;
    let found = match own {
        true => Some(system(on, &token.app, &token.scopes)?),
        false => accounts::by_id(on, Scope::All, token.grant.account)?.filter(|a| !a.closed).map(|a| a.actor),
    };
    let Some(actor) = found else { return Ok(None) };
    // The person of the launch, as far as whoever let the app in may see them now.
    let person = match decide(&actor, Act::ReadFhir).ok().filter(|_| !token.grant.patient.is_empty()) {
        Some(decision) => resources::person_of(on, decision.scope(), &token.grant.patient)?,
        None => None,
    };
    let narrow = scope::narrow(&token.scopes, person, token.app.id, !own);
    Ok(Some(Actor { app: Some(Asking { narrow, need: Need::default() }), ..actor }))
}

/// An app that asks for itself: another system of its facility, or of the province.
fn system(on: &mut dyn Query, app: &App, scopes: &str) -> Result<Actor> {
    let writes = scope::Scope::list(scopes).iter().any(|s| {
        matches!(s, scope::Scope::Resources(r) if mach_access::app::Right::ALL.iter().any(|right| right.writes() && r.rights.has(*right)))
    });
    let opened = match app.what.facility {
        Some(facility) => accounts::is_opened_to(on, facility)?,
        None => false,
    };
    Ok(Actor {
        account: APP_ACCOUNTS - app.id,
        name: app.what.name.clone(),
        role: if writes { Role::SystemWriter } else { Role::SystemReader },
        facility: app.what.facility,
        reach: Reach { opened, ..Reach::default() },
        app: None,
    })
}

const GIVEN: &str = "SELECT g.id, g.app, g.account, g.scopes, g.patient, g.encounter, g.proven, g.made, g.until, g.ended, g.why,
    p.name, coalesce(a.display, '') FROM smart_grant g JOIN smart_app p ON p.id = g.app LEFT JOIN account a ON a.id = g.account";

fn given(r: &dyn Row) -> Result<Given> {
    Ok(Given { grant: grant(r, 0)?, app: r.text(WIDTH)?.to_owned(), owner: r.text(WIDTH + 1)?.to_owned() })
}

/// The grants of an account that hold, the latest first; at most 200.
pub fn grants_of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Given>> {
    let sql = format!("{GIVEN} WHERE g.account = ?1 AND g.ended = 0 AND g.until > ?2 ORDER BY g.id DESC LIMIT 200");
    sql::list(on, &sql, &[account.into(), now_seconds().into()], given)
}

/// What an account let each app, by all its sign-ins together, the app that was let in last first; at most 500.
pub fn apps_of_account(on: &mut dyn Query, account: i64) -> Result<Vec<Let>> {
    let sql = "SELECT g.app, p.name, p.scopes, g.scopes, min(g.made), max(g.until) FROM smart_grant g
        JOIN smart_app p ON p.id = g.app WHERE g.account = ?1 AND g.ended = 0 AND g.until > ?2
        GROUP BY g.app, p.name, p.scopes, g.scopes ORDER BY max(g.id) DESC LIMIT 500";
    let rows = sql::list(on, sql, &[account.into(), now_seconds().into()], |r| {
        let (name, allowed) = (r.text(1)?.to_owned(), Scopes::list(r.text(2)?));
        let scopes = scope::granted(&Scopes::list(r.text(3)?), &allowed, Rights::ALL);
        Ok(Let { app: r.int(0)?, name, scopes, from: r.int(4)?, until: r.int(5)? })
    })?;
    let mut all: Vec<Let> = Vec::new();
    for row in rows {
        let Some(known) = all.iter_mut().find(|l| l.app == row.app) else {
            all.push(row);
            continue;
        };
        let both = [known.scopes.clone(), row.scopes].concat();
        known.scopes = scope::granted(&both, &both, Rights::ALL);
        (known.from, known.until) = (known.from.min(row.from), known.until.max(row.until));
    }
    Ok(all)
}

/// The grants to an app, the latest first, ended ones too; at most 200.
pub fn grants_of_app(on: &mut dyn Query, app: i64) -> Result<Vec<Given>> {
    let sql = format!("{GIVEN} WHERE g.app = ?1 ORDER BY g.ended, g.id DESC LIMIT 200");
    sql::list(on, &sql, &[app.into()], given)
}
