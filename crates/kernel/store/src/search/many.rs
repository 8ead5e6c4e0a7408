//! Many parts as one: an engine takes no more than 500 selects in a row, and no expression deeper than 1,000.

/// Parts that stand in a row.
const TOGETHER: usize = 100;
/// Selects in a row.
const SELECTS: usize = 400;

/// The rows of all of these statements.
pub(super) fn union(parts: &[String]) -> String {
    let selects: usize = parts.iter().map(|part| part.matches("UNION ALL").count() + 1).sum();
    if selects <= SELECTS { parts.join(" UNION ALL ") } else { singles(parts.iter().map(|p| single(p)).collect()) }
}

/// A statement as one select.
fn single(part: &str) -> String {
    format!("SELECT u.rid, u.facility FROM ({part}) u")
}

fn singles(parts: Vec<String>) -> String {
    if parts.len() <= TOGETHER {
        return parts.join(" UNION ALL ");
    }
    singles(parts.chunks(TOGETHER).map(|some| single(&some.join(" UNION ALL "))).collect())
}

/// These conditions with a word (` AND `, ` OR `) between them, in brackets.
pub(super) fn joined(parts: Vec<String>, word: &str) -> String {
    if parts.len() <= TOGETHER {
        return format!("({})", parts.join(word));
    }
    joined(parts.chunks(TOGETHER).map(|some| joined(some.to_vec(), word)).collect(), word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How deep a text goes in brackets.
    fn depth(text: &str) -> i32 {
        let depths = text.chars().scan(0, |depth, c| {
            *depth += i32::from(c == '(') - i32::from(c == ')');
            Some(*depth)
        });
        depths.max().unwrap_or(0)
    }

    #[test]
    fn rows_and_depths_are_bounded() {
        let parts = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(union(&parts(2)), "0 UNION ALL 1");
        assert_eq!(joined(parts(2), " OR "), "(0 OR 1)");
        for n in [TOGETHER, SELECTS, SELECTS + 1, TOGETHER * TOGETHER + 1] {
            let (all, deep) = (union(&parts(n)), joined(parts(n), " AND "));
            assert_eq!(all.matches("UNION ALL").count(), n - 1, "{n}");
            assert_eq!(depth(&all) > 0, n > SELECTS, "{n}");
            assert_eq!(deep.matches(" AND ").count(), n - 1, "{n}");
            assert!(depth(&deep) <= 3 && depth(&all) <= 3, "{n}");
        }
        // Parts that are several selects count as what they are.
        assert_eq!(depth(&union(&[union(&parts(SELECTS)), "x".to_owned()])), 1);
    }
}
