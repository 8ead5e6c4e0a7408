//! Chips: a state in one word, told by colour, by shape and by the word itself.

use crate::{Html, Lang, escape, msg};

/// What a mark means; each has its own colour and its own shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Says nothing about good or bad.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Look at it.
    Warning,
    /// Wrong or dangerous.
    Bad,
    /// For information.
    Info,
}

impl Tone {
    /// Its class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Info => "info",
        }
    }

    /// Its shape, so that colour is never alone.
    fn mark(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "✓",
            Self::Warning => "!",
            Self::Bad => "✕",
            Self::Info => "i",
        }
    }
}

/// `text` with the shape and colour of `tone`.
pub fn chip(tone: Tone, text: &str) -> Html {
    marked(tone, tone.mark(), text)
}

fn marked(tone: Tone, mark: &str, text: &str) -> Html {
    let mark = if mark.is_empty() { String::new() } else { format!("<i aria-hidden=\"true\">{mark}</i>") };
    Html::trusted(format!("<span class=\"chip {}\">{mark}{}</span>", tone.class(), escape(text)))
}

/// How grave a finding of the claim check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The claim is refused.
    Refuse,
    /// The claim is accepted and somebody should look.
    Warn,
}

/// The chip of a finding.
pub fn severity_chip(lang: Lang, severity: Severity) -> Html {
    match severity {
        Severity::Refuse => chip(Tone::Bad, lang.t(msg::FINDING_REFUSE)),
        Severity::Warn => chip(Tone::Warning, lang.t(msg::FINDING_WARN)),
    }
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// Counted everywhere.
    Accepted,
    /// Kept with its findings, counted nowhere.
    Refused,
    /// The same bytes came before.
    Duplicate,
    /// A newer version is in force.
    Replaced,
    /// Taken back by its facility.
    Withdrawn,
    /// Not finished.
    Pending,
}

/// The chip of a claim.
pub fn claim_chip(lang: Lang, state: ClaimState) -> Html {
    let (tone, message) = match state {
        ClaimState::Accepted => (Tone::Good, msg::CLAIM_ACCEPTED),
        ClaimState::Refused => (Tone::Bad, msg::CLAIM_REFUSED),
        ClaimState::Duplicate => (Tone::Plain, msg::CLAIM_DUPLICATE),
        ClaimState::Replaced => (Tone::Info, msg::CLAIM_REPLACED),
        ClaimState::Withdrawn => (Tone::Plain, msg::CLAIM_WITHDRAWN),
        ClaimState::Pending => (Tone::Info, msg::CLAIM_PENDING),
    };
    chip(tone, lang.t(message))
}

/// Where a result lies against its reference range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Inside.
    Normal,
    /// Above.
    High,
    /// Below.
    Low,
    /// Dangerously above.
    CriticalHigh,
    /// Dangerously below.
    CriticalLow,
}

/// The chip of a result: ▲ and ▼ for above and below, doubled where it is dangerous.
pub fn flag_chip(lang: Lang, flag: Flag) -> Html {
    let (tone, mark, message) = match flag {
        Flag::Normal => (Tone::Good, "", msg::NORMAL),
        Flag::High => (Tone::Warning, "▲", msg::HIGH),
        Flag::Low => (Tone::Warning, "▼", msg::LOW),
        Flag::CriticalHigh => (Tone::Bad, "▲▲", msg::CRITICAL_HIGH),
        Flag::CriticalLow => (Tone::Bad, "▼▼", msg::CRITICAL_LOW),
    };
    marked(tone, mark, lang.t(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_have_word_shape_and_colour() {
        assert_eq!(chip(Tone::Plain, "<a>").as_str(), "<span class=\"chip plain\">&lt;a&gt;</span>");
        for (html, parts) in [
            (severity_chip(Lang::Vi, Severity::Refuse), ["bad", "✕", "Từ chối"]),
            (severity_chip(Lang::En, Severity::Warn), ["warning", "!", "Warning"]),
            (claim_chip(Lang::Vi, ClaimState::Accepted), ["good", "✓", "Đã nhận"]),
            (claim_chip(Lang::En, ClaimState::Pending), ["info", "i", "Being checked"]),
            (flag_chip(Lang::Vi, Flag::High), ["warning", "▲", "Cao"]),
            (flag_chip(Lang::Vi, Flag::CriticalLow), ["bad", "▼▼", "Rất thấp"]),
        ] {
            parts.iter().for_each(|p| assert!(html.as_str().contains(p), "{p} in {html}"));
        }
    }
}
