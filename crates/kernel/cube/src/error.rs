//! Why a question has no answer.

use mach_base::limits;

/// Why a question has no answer, in words for who asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CubeError {
    /// No indicator has this id.
    #[error("no indicator has the id `{0}`; `GET /api/indicators` lists them")]
    UnknownIndicator(String),
    /// No measure has this id.
    #[error("no measure has the id `{0}`")]
    UnknownMeasure(String),
    /// A value that is not one of those a parameter takes.
    #[error("`{parameter}` does not take `{value}`; it takes {takes}")]
    Parameter {
        /// Name of the parameter.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The last day is before the first.
    #[error("`to` ({to}) is before `from` ({from})")]
    Backwards {
        /// First day asked for.
        from: String,
        /// Last day asked for.
        to: String,
    },
    /// This indicator cannot be split so.
    #[error("indicator `{indicator}` is not available by `{by}`")]
    NotBy {
        /// The indicator.
        indicator: String,
        /// The split.
        by: &'static str,
    },
    /// Districts as of a day when there were none.
    #[error("districts ended on 2025-06-30; ask with `as_of` 2025-06-30 or earlier")]
    DistrictsEnded,
    /// Departments without the facility they belong to.
    #[error("departments are shown for one facility; name the facility")]
    DepartmentsOfWhom,
    /// A row that the answer does not have.
    #[error("there is no `{0}` to open")]
    UnknownPlace(String),
    /// More rows than an answer may have.
    #[error(
        "the answer has more than {} rows; ask for a shorter time, a longer period or fewer units",
        limits::INDICATOR_ROWS
    )]
    TooManyRows,
    /// Another facility's figures.
    #[error("these figures belong to another facility")]
    OtherFacility,
    /// The definitions do not hold together.
    #[error("{0}")]
    Definition(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] mach_store::Error),
}

impl CubeError {
    /// The message in Vietnamese; `Display` is the English one.
    pub fn vi(&self) -> String {
        match self {
            Self::UnknownIndicator(id) => format!("Không có chỉ tiêu mã `{id}`; danh sách ở `GET /api/indicators`"),
            Self::UnknownMeasure(id) => format!("Không có số đo mã `{id}`"),
            Self::Parameter { parameter, value, takes } => {
                format!("`{parameter}` không nhận `{value}`; giá trị hợp lệ: {takes}")
            }
            Self::Backwards { from, to } => format!("`to` ({to}) trước `from` ({from})"),
            Self::NotBy { indicator, by } => format!("Chỉ tiêu `{indicator}` không xem được theo `{by}`"),
            Self::DistrictsEnded => {
                "Cấp huyện kết thúc ngày 30/06/2025; hãy hỏi với `as_of` từ 2025-06-30 trở về trước".to_owned()
            }
            Self::DepartmentsOfWhom => "Số liệu theo khoa chỉ xem trong một cơ sở; hãy chọn cơ sở".to_owned(),
            Self::UnknownPlace(place) => format!("Không có `{place}` để mở"),
            Self::TooManyRows => format!(
                "Kết quả có hơn {} dòng; hãy chọn khoảng ngắn hơn, kỳ dài hơn hoặc ít đơn vị hơn",
                limits::INDICATOR_ROWS
            ),
            Self::OtherFacility => "Số liệu này thuộc cơ sở khác".to_owned(),
            Self::Definition(what) => format!("Định nghĩa chỉ tiêu không hợp lệ: {what}"),
            Self::Store(_) => "Không đọc được số liệu".to_owned(),
        }
    }

    /// Whether the asker can mend it by asking otherwise.
    pub fn is_asker_s(&self) -> bool {
        !matches!(self, Self::Definition(_) | Self::Store(_))
    }
}
