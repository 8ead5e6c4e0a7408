//! What a form and its answers are bounded by. Each is tested at it and one past it.

/// Bytes of one Questionnaire.
pub const FORM_BYTES: usize = 1 << 20;
/// Questions, groups and texts of one form.
pub const ITEMS: usize = 2_000;
/// Groups within groups.
pub const DEPTH: usize = 12;
/// Answers of one question, or turns of one group, where the form sets no number of its own.
pub const REPEATS: usize = 50;
/// Choices of one question that are shown; a larger value set is asked by its code.
pub const CHOICES: usize = 300;
/// Characters of one text answer, where the form sets no number of its own.
pub const ANSWER_CHARS: usize = 4_000;
/// Bytes of one picture or file that is attached, where the form sets no number of its own.
pub const ATTACHMENT_BYTES: usize = 1 << 20;
/// Rounds in which computed answers and conditions must come to rest.
pub const ROUNDS: usize = 16;
/// Expressions of one form.
pub const EXPRESSIONS: usize = 500;
/// Steps of one expression.
pub const STEPS: u64 = 50_000;
/// Versions of one form that a facility, or the province, may keep.
pub const VERSIONS: usize = 200;
/// Fields of one posted form.
pub const FIELDS: usize = 10_000;
