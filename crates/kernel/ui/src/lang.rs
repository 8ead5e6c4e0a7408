//! The two languages of the pages, and the typed keys of what they say.

/// A language of the pages. Vietnamese is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

/// One message of `content/messages`, in both languages. The constants are in [`crate::msg`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msg {
    pub(crate) key: &'static str,
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

impl Msg {
    /// The key as the catalogues write it: `sign-in`.
    pub fn key(self) -> &'static str {
        self.key
    }
}

impl From<&Msg> for Msg {
    /// Templates pass what they iterate over by reference.
    fn from(message: &Msg) -> Self {
        *message
    }
}

impl From<&&Msg> for Msg {
    /// And once more where what they iterate over is a reference already.
    fn from(message: &&Msg) -> Self {
        **message
    }
}

impl Lang {
    /// Both, in the order the language switch shows them.
    pub const ALL: [Self; 2] = [Self::Vi, Self::En];

    /// `vi` or `en`: the `lang` attribute, the query value, the cookie value.
    pub fn code(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The language of that code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }

    /// The text of a message without placeables.
    pub fn t(self, message: impl Into<Msg>) -> &'static str {
        let message = message.into();
        match self {
            Self::Vi => message.vi,
            Self::En => message.en,
        }
    }

    /// The text of a message with each `{ $name }` replaced by its value. The result is plain text, not HTML.
    ///
    /// A value that is missing leaves an em dash, so that no reader ever sees our notation; debug builds panic.
    pub fn fmt(self, message: Msg, values: &[(&str, &str)]) -> String {
        let mut rest = self.t(message);
        let mut out = String::with_capacity(rest.len() + 16);
        while let Some((before, after)) = rest.split_once("{ $") {
            out.push_str(before);
            let (name, tail) = after.split_once(" }").unwrap_or((after, ""));
            let value = values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            debug_assert!(value.is_some(), "message `{}` needs `{name}`", message.key);
            out.push_str(value.unwrap_or("—"));
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// The one of two values that belongs to this language; for names that data carries in both.
    pub fn pick<T>(self, vi: T, en: T) -> T {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}

/// Every message of `content/messages/vi.ftl` and `en.ftl` as a constant: `sign-in` is [`msg::SIGN_IN`](SIGN_IN).
///
/// A key that one catalogue lacks, or whose placeables differ, fails the build; so does a constant no catalogue has.
pub mod msg {
    use super::Msg;
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_placeables() {
        const M: Msg = Msg { key: "m", vi: "{ $a } của { $b }: { $a }", en: "{ $b } has { $a }" };
        assert_eq!(Lang::Vi.fmt(M, &[("a", "1"), ("b", "<B>")]), "1 của <B>: 1");
        assert_eq!(Lang::En.fmt(M, &[("a", "1"), ("b", "B")]), "B has 1");
    }

    #[test]
    #[should_panic(expected = "needs `b`")]
    fn a_forgotten_value_shows_in_tests() {
        const M: Msg = Msg { key: "m", vi: "{ $b }", en: "{ $b }" };
        Lang::Vi.fmt(M, &[]);
    }

    #[test]
    fn both_languages_say_something() {
        assert!(msg::EVERY.len() > 100);
        for m in msg::EVERY {
            assert!(!m.vi.trim().is_empty() && !m.en.trim().is_empty(), "{}", m.key);
            assert!(!m.en.contains("  ") && !m.vi.contains("  "), "{}", m.key);
        }
    }
}
