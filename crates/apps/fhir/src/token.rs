//! Where a page ended, as it travels in a `next` link.

use crate::refusal::Refusal;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mach_base::{limits, time::now_seconds};
use mach_store::search::{Hit, Key};

/// The state a search began in, and where its last page ended. Nothing in it opens anything: the asker's scope is applied
/// to every page anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// The change after which the search is asked.
    pub seq: i64,
    /// When the search began, seconds.
    pub began: i64,
    /// The total told on its first page.
    pub total: Option<i64>,
    /// The last hit of the page before.
    pub after: Hit,
}

const FIELD: char = '\u{1f}';

impl PageToken {
    /// As it stands in a link.
    pub fn write(&self) -> String {
        let mut text = format!("{}{FIELD}{}{FIELD}", self.seq, self.began);
        text.push_str(&self.total.map_or(String::new(), |t| t.to_string()));
        text.push_str(&format!("{FIELD}{}", self.after.rid));
        for key in &self.after.keys {
            text.push(FIELD);
            match key {
                Key::None => text.push('-'),
                Key::Int(n) => text.push_str(&format!("i{n}")),
                Key::Text(t) => text.push_str(&format!("t{t}")),
            }
        }
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// 400 where it is none of ours, 410 where the state it speaks of is no longer kept.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let wrong =
            || Refusal::invalid("`_page` is no page of a search here: follow the `next` link as it is").at("_page");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        // No engine takes a NUL, and no key of ours holds one.
        let text = String::from_utf8(bytes).ok().filter(|t| !t.contains('\0')).ok_or_else(wrong)?;
        let mut fields = text.split(FIELD);
        let mut next = || fields.next().ok_or_else(wrong);
        let number = |t: &str| t.parse::<i64>().map_err(|_| wrong());
        let (seq, began) = (number(next()?)?, number(next()?)?);
        let total = match next()? {
            "" => None,
            text => Some(number(text)?),
        };
        let rid = number(next()?)?;
        let keys = fields
            .map(|f| match f.split_at_checked(1) {
                Some(("-", "")) => Ok(Key::None),
                Some(("i", n)) => Ok(Key::Int(number(n)?)),
                Some(("t", t)) => Ok(Key::Text(t.to_owned())),
                _ => Err(wrong()),
            })
            .collect::<Result<Vec<Key>, Refusal>>()?;
        if now_seconds().saturating_sub(began) > limits::SEARCH_SNAPSHOT_SECONDS {
            let text = "the state this search began in is no longer kept: begin it again";
            return Err(Refusal::new(StatusCode::GONE, "expired", text).at("_page"));
        }
        Ok(Self { seq, began, total, after: Hit { rid, keys } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        let keys = vec![Key::None, Key::Int(-4), Key::Text("nguyễn -".into())];
        let token = PageToken { seq: 9, began: now_seconds(), total: Some(3), after: Hit { rid: 77, keys } };
        assert_eq!(PageToken::read(&token.write()).unwrap(), token);
        for bad in ["", "x", "!!", "MQ"] {
            assert!(PageToken::read(bad).is_err(), "{bad}");
        }
        let made = |text: &str| PageToken::read(&URL_SAFE_NO_PAD.encode(text)).map_err(|e| e.status);
        assert_eq!(made(&format!("9\u{1f}{}\u{1f}\u{1f}7\u{1f}ta\0b", now_seconds())), Err(StatusCode::BAD_REQUEST));
        assert_eq!(made(&format!("9\u{1f}{}\u{1f}\u{1f}7", i64::MIN)), Err(StatusCode::GONE));
        let old = PageToken { began: now_seconds() - limits::SEARCH_SNAPSHOT_SECONDS - 1, ..token };
        assert_eq!(PageToken::read(&old.write()).unwrap_err().status, StatusCode::GONE);
    }
}
