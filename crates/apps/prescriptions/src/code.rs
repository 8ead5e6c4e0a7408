//! The code of a prescription: `xxxxxyyyyyyy-z`, 14 characters: the facility, seven random letters and digits, the kind.

use mach_store::{Error, Result};

/// A new code, lower case: 36⁷ random ones in each facility.
///
/// # Errors
/// Where the system gives no random bytes.
pub fn new(facility: &str, kind: &str) -> Result<String> {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut out = facility.to_lowercase();
    while out.len() < 12 {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|e| Error::Files(format!("no random numbers: {e}")))?;
        // 252 is the largest multiple of 36 in a byte: what is past it would make some letters likelier.
        let taken = bytes.into_iter().filter(|b| *b < 252).take(12 - out.len());
        out.extend(taken.filter_map(|b| LETTERS.get(usize::from(b) % 36)).map(|b| char::from(*b)));
    }
    Ok(format!("{out}-{kind}"))
}

/// A code as it is kept (lower case), from what was typed or scanned: alone, or at the end of an address. `None` where there is
/// none.
pub fn parse(text: &str) -> Option<String> {
    let code = text.trim().rsplit(['=', '/']).next()?.to_lowercase();
    let (body, kind) = code.split_once('-')?;
    let fits = body.len() == 12 && body.bytes().all(|b| b.is_ascii_alphanumeric());
    (fits && matches!(kind, "n" | "h" | "c" | "t" | "y")).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_form() {
        let code = new("46001", "n").expect("a code");
        assert_eq!((code.len(), code.get(..5), parse(&code.to_uppercase())), (14, Some("46001"), Some(code.clone())));
        assert_ne!(new("46001", "n").expect("a code"), code);
        for scanned in
            ["https://mach.test/prescriptions/dispense?code=46001ABCDEFG-C", " 46001abcdefg-c\n", "x/46001abcdefg-c"]
        {
            assert_eq!(parse(scanned).as_deref(), Some("46001abcdefg-c"), "{scanned}");
        }
        for bad in [
            "",
            "46001abcdefg",
            "46001abcdefg-x",
            "46001abcdef-c",
            "46001abcdefgh-c",
            "46001abcd fg-c",
            "46001abcdefg-c-c",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
