//! What a provider says of somebody, in our words: by the mapping of its configuration.

use crate::provider::Provider;
use crate::refused::Refused;
use crate::tokens::is_subject;
use mach_base::{Day, limits};
use mach_people::Birth;
use mach_sign::jwt::numeric_date;
use serde_json::Value;

/// What a provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) subject: String,
    /// What they are called there.
    pub(crate) called: String,
    /// The level of assurance; empty where none is said.
    pub(crate) level: String,
    /// The sign-in name here; empty where the configuration takes none.
    pub(crate) username: String,
    /// Whether a second factor was shown there.
    pub(crate) second: bool,
    /// When they proved there who they are, seconds; 0 where that is not said.
    pub(crate) proven: i64,
    /// The session there.
    pub(crate) there: Option<String>,
    /// A citizen's number, name and birth.
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) birth: Birth,
}

/// A value as text: of a text or a number, without what nobody sees.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(limits::NAME_CHARS).collect();
    Some(text).filter(|t| !t.is_empty())
}

/// The claim of a name; where there is none, its dots lead into objects.
fn claim<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).or_else(|| name.split('.').try_fold(of, |at, part| at.get(part)))
}

/// A day of birth as providers write it, or a year alone.
fn birth(text: &str) -> Birth {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let number = |t: &str| t.parse::<i32>().unwrap_or_default();
    let parts: Vec<&str> = text.split(['/', '-', '.']).collect();
    let (year, month, day) = match parts.as_slice() {
        all if !all.iter().all(|p| digits(p)) => return Birth::default(),
        [year] if year.len() == 4 => (number(year), 0, 0),
        // ddMMyyyy, as on the card; yyyyMMdd where that is no date.
        [all] if all.len() == 8 => {
            let (d, m, y) = (number(&all[..2]), number(&all[2..4]), number(&all[4..]));
            let backwards = (number(&all[..4]), number(&all[4..6]), number(&all[6..]));
            if (1..=12).contains(&m) && (1800..=2200).contains(&y) { (y, m, d) } else { backwards }
        }
        [year, month, day] if year.len() == 4 => (number(year), number(month), number(day)),
        [day, month, year] if year.len() == 4 => (number(year), number(month), number(day)),
        _ => return Birth::default(),
    };
    if (month, day) == (0, 0) {
        // OpenID Connect Core §5.1: 0000 leaves the year out.
        return Birth { year, day: None };
    }
    let found = u32::try_from(month).ok().zip(u32::try_from(day).ok()).and_then(|(m, d)| Day::from_ymd(year, m, d));
    found.map_or(Birth::default(), |day| Birth { year, day: Some(day) })
}

/// What an ID token, where the provider gives one, and userinfo say; what the token says stands before what userinfo does.
pub(crate) fn said(provider: &Provider, token: Option<&Value>, userinfo: &Value) -> Result<Said, Refused> {
    let find = |name: &str| {
        let found = token.and_then(|t| claim(t, name)).or_else(|| claim(userinfo, name));
        (!name.is_empty()).then_some(found).flatten()
    };
    let word = |name: &str| find(name).and_then(text).unwrap_or_default();
    let subject = match token {
        // `sub` of a token that was checked; userinfo of anybody else is not theirs (§5.3.2).
        Some(token) => {
            let sub = token.get("sub").and_then(Value::as_str).unwrap_or_default();
            let same = userinfo.as_object().is_some_and(serde_json::Map::is_empty)
                || userinfo.get("sub").and_then(Value::as_str) == Some(sub);
            if !same {
                return Err(Refused::Untrusted("userinfo is of another subject".to_owned()));
            }
            sub.to_owned()
        }
        None => claim(userinfo, &provider.mapping.subject).and_then(text).unwrap_or_default(),
    };
    if !is_subject(&subject) {
        return Err(Refused::Untrusted("there is no subject".to_owned()));
    }
    let own = |name: &str| token.and_then(|t| t.get(name));
    let shown = |(name, value): &(String, String)| match own(name) {
        Some(Value::Array(all)) => all.iter().any(|one| one == value.as_str()),
        Some(one) => one == value.as_str(),
        None => false,
    };
    let mapping = &provider.mapping;
    let called = match mapping.called.as_str() {
        "" => ["preferred_username", "email", "name"].map(word).into_iter().find(|t| !t.is_empty()).unwrap_or_default(),
        name => word(name),
    };
    let level = word(&mapping.level);
    if !provider.levels.is_empty() && !provider.levels.contains(&level) {
        return Err(Refused::Level);
    }
    Ok(Said {
        called: if called.is_empty() { subject.clone() } else { called },
        subject,
        level,
        username: word(&provider.username).to_lowercase(),
        second: provider.second.iter().any(shown),
        proven: own("auth_time").and_then(numeric_date).unwrap_or(0),
        there: own("sid").and_then(Value::as_str).filter(|s| is_subject(s)).map(str::to_owned),
        number: word(&mapping.number),
        name: word(&mapping.name),
        birth: birth(&word(&mapping.birth)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider(more: &[(&str, &str)]) -> Provider {
        let base =
            [("issuer", "https://sso.vn"), ("client-id", "mach"), ("for", "both"), ("claim.number", "id.number")];
        let all = base.iter().chain(more);
        Provider::read("bv", &all.map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()).unwrap()
    }

    #[test]
    fn births_are_read_as_providers_write_them() {
        let day = |y, m, d| Birth { year: y, day: Day::from_ymd(y, m, d) };
        for (text, expect) in [
            ("1984-03-09", day(1984, 3, 9)),
            ("09/03/1984", day(1984, 3, 9)),
            ("9-3-1984", day(1984, 3, 9)),
            ("09031984", day(1984, 3, 9)),
            ("19840309", day(1984, 3, 9)),
            ("1984", Birth { year: 1984, day: None }),
            ("1984-13-09", Birth::default()),
            ("31/02/1984", Birth::default()),
            ("", Birth::default()),
            ("tháng ba", Birth::default()),
            ("1984-03", Birth::default()),
            ("09/03/84", Birth::default()),
        ] {
            assert_eq!(birth(text), expect, "{text}");
        }
    }

    #[test]
    fn words_of_a_provider_are_mapped_and_the_token_stands_first() {
        let provider = provider(&[("second", "amr:otp, acr:gold"), ("username", "login"), ("levels", "2,3")]);
        let token = json!({ "sub": "s", "acr": 3, "amr": ["pwd", "otp"], "auth_time": 7, "sid": "t", "name": "Lan" });
        let userinfo = json!({
            "sub": "s", "acr": "1", "name": "Another", "login": " BS.Lan ", "id": { "number": "046\u{0}184000001" },
            "birthdate": "1984-03-09", "amr": ["hwk"],
        });
        let said = said(&provider, Some(&token), &userinfo).unwrap();
        assert_eq!((said.level.as_str(), said.name.as_str(), said.username.as_str()), ("3", "Lan", "bs.lan"));
        assert_eq!((said.number.as_str(), said.second, said.proven), ("046184000001", true, 7));
        assert_eq!((said.called.as_str(), said.there.as_deref()), ("Lan", Some("t")));
    }

    #[test]
    fn what_a_second_factor_is_only_a_token_says() {
        let provider = provider(&[("second", "amr:otp")]);
        let at = |token: Value| said(&provider, Some(&token), &json!({ "sub": "s", "amr": ["otp"] })).unwrap().second;
        assert!(
            !at(json!({ "sub": "s" }))
                && !at(json!({ "sub": "s", "amr": ["pwd"] }))
                && at(json!({ "sub": "s", "amr": "otp" }))
        );
    }

    #[test]
    fn userinfo_of_another_and_too_low_a_level_are_refused() {
        let provider = provider(&[("levels", "2")]);
        let at = |token: Value, userinfo: Value| said(&provider, Some(&token), &userinfo);
        assert!(at(json!({ "sub": "s", "acr": "2" }), json!({})).is_ok());
        for userinfo in [json!({ "sub": "t" }), json!({ "name": "x" }), json!({ "sub": 7 })] {
            assert!(matches!(at(json!({ "sub": "s", "acr": "2" }), userinfo), Err(Refused::Untrusted(_))));
        }
        for token in [json!({ "sub": "s" }), json!({ "sub": "s", "acr": "1" }), json!({ "sub": "s", "acr": ["2"] })] {
            assert!(matches!(at(token, json!({})), Err(Refused::Level)));
        }
        let bare = [("identity", "userinfo"), ("claim.subject", "uid")];
        let bare = self::provider(&bare);
        assert_eq!(said(&bare, None, &json!({ "uid": 17, "sub": "x" })).unwrap().subject, "17");
        assert!(matches!(said(&bare, None, &json!({ "sub": "x" })), Err(Refused::Untrusted(_))));
    }
}
