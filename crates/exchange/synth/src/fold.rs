//! Vietnamese letters without their marks, as the generator's own antibiotic search and slips of the pen need them.

/// The letter without its marks, lower case; `None` for what is no letter or digit.
pub fn plain_letter(letter: char) -> Option<char> {
    const MARKED: [(&str, char); 7] = [
        ("àáảãạăằắẳẵặâầấẩẫậ", 'a'),
        ("èéẻẽẹêềếểễệ", 'e'),
        ("ìíỉĩị", 'i'),
        ("òóỏõọôồốổỗộơờớởỡợ", 'o'),
        ("ùúủũụưừứửữự", 'u'),
        ("ỳýỷỹỵ", 'y'),
        ("đ", 'd'),
    ];
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    if lower.is_ascii_alphanumeric() {
        return Some(lower);
    }
    MARKED.iter().find(|(letters, _)| letters.contains(lower)).map(|&(_, plain)| plain)
}

/// The words of a text without marks, each between single spaces, one also at both ends.
pub fn plain_words(text: &str) -> String {
    let mut out = String::from(" ");
    for letter in text.chars().map(plain_letter).chain([None]) {
        match letter {
            Some(letter) => out.push(letter),
            None if !out.ends_with(' ') => out.push(' '),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lose_marks_and_gaps() {
        assert_eq!(plain_words("Amoxicilin + Acid  clavulanic"), " amoxicilin acid clavulanic ");
        assert_eq!(plain_words("Đặng Thị Hườngủ"), " dang thi huongu ");
    }
}
