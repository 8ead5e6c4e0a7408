//! Vietnamese text: canonical form, accent-free folding, name order.

use unicode_normalization::UnicodeNormalization;

/// The canonical composed form (NFC) of `text`; what is stored and compared.
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// Whether `text` is written as the code of a facility (MA_CSKCB): five letters or digits.
pub fn is_facility_code(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Folds `text` for search: lower case, no tone or vowel marks, `đ` to `d`, runs of anything that is neither letter nor
/// digit to one space, no space at either end. `"Nguyễn  Đức-Anh"` gives `"nguyen duc anh"`.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    let mut push = |c: char| {
        if c.is_alphanumeric() {
            if gap && !out.is_empty() {
                out.push(' ');
            }
            gap = false;
            out.push(c);
        } else {
            gap = true;
        }
    };
    if text.is_ascii() {
        text.chars().for_each(|c| push(c.to_ascii_lowercase()));
    } else {
        for c in text.nfd() {
            match c {
                '\u{0300}'..='\u{036f}' => {}
                'đ' | 'Đ' => push('d'),
                c => c.to_lowercase().for_each(&mut push),
            }
        }
    }
    out
}

/// The key by which Vietnamese names are sorted: given name first, then the rest in its order, folded, with the exact
/// text behind it so that equal folds keep one order.
pub fn name_key(name: &str) -> String {
    let folded = fold(name);
    let given = folded.rsplit(' ').next().unwrap_or_default().to_owned();
    format!("{given} {folded} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_vietnamese() {
        for (text, folded) in [
            ("Nguyễn Đức", "nguyen duc"),
            ("  TRẦN   Thị--Ngọc ÁNH ", "tran thi ngoc anh"),
            ("Phường 5", "phuong 5"),
            ("ưỡ ệ ặ ỷ", "uo e a y"),
            ("", ""),
            ("...", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
            assert_eq!(fold(&text.nfd().collect::<String>()), folded, "decomposed {text}");
        }
    }

    #[test]
    fn given_name_leads() {
        let mut names = ["Trần Văn An", "Lê Thị Bình", "Đỗ An"];
        names.sort_by_key(|n| name_key(n));
        assert_eq!(names, ["Đỗ An", "Trần Văn An", "Lê Thị Bình"]);
    }
}
