//! How far something is on its way to a national system.

/// Stored as its number: never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Nothing is to be sent.
    None = 0,
    /// It is to be sent.
    Due = 1,
    /// It is there.
    Sent = 2,
    /// It was refused: somebody must look.
    Refused = 3,
}

impl Sending {
    /// As interfaces name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn of(number: i64) -> Option<Self> {
        [Self::None, Self::Due, Self::Sent, Self::Refused].into_iter().find(|s| *s as i64 == number)
    }
}
