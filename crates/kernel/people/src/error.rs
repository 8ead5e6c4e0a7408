//! What can go wrong with people.

/// Why a call on people failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mach_store::Error),
    /// No such person, merge or review item.
    #[error("{0} is not known")]
    Unknown(&'static str),
    /// A person cannot be merged with themselves.
    #[error("both are the same person")]
    SamePerson,
    /// One of the two was merged into someone else already.
    #[error("person {0} was merged into another already")]
    Merged(i64),
    /// The merge was undone already.
    #[error("this merge was undone already")]
    Undone,
    /// The person who was kept has since been merged into another: that merge must be undone first.
    #[error("the merge into person {0} must be undone first")]
    UndoOtherFirst(i64),
    /// The pair was settled already.
    #[error("this pair was settled already")]
    Settled,
}

/// The result of calls on people.
pub type Result<T> = std::result::Result<T, Error>;

/// So that work inside a store transaction can use `?`.
impl From<Error> for mach_store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error,
            other => Self::Refused(other.to_string()),
        }
    }
}
