//! Conditions that wait for themselves.

use super::Flaw;
use crate::form::{Form, Item};
use std::collections::HashMap;

/// Conditions that wait for each other would never come to rest.
pub(super) fn circles(form: &Form, flaws: &mut Vec<Flaw>) {
    fn all<'f>(items: &'f [Item], above: &[usize], out: &mut Vec<(Vec<usize>, &'f Item)>) {
        for (n, item) in items.iter().enumerate() {
            let path = [above, &[n]].concat();
            out.push((path.clone(), item));
            all(&item.items, &path, out);
        }
    }
    let mut items = Vec::new();
    all(&form.items, &[], &mut items);
    // An item waits for the questions of its conditions and for the item it stands in.
    let index: HashMap<&[usize], usize> = items.iter().enumerate().map(|(n, (path, _))| (path.as_slice(), n)).collect();
    let waits = |n: usize| -> Vec<usize> {
        let (path, item) = &items[n];
        let above = path.split_last().map(|(_, above)| above).filter(|above| !above.is_empty());
        let asked = item.when.iter().map(|w| w.question.as_slice());
        asked.chain(above).filter_map(|p| index.get(p).copied()).collect()
    };
    let mut done = vec![0_u8; items.len()];
    for start in 0..items.len() {
        let mut stack = vec![(start, false)];
        while let Some((n, leaving)) = stack.pop() {
            if leaving {
                done[n] = 2;
                continue;
            }
            match done[n] {
                0 => {
                    done[n] = 1;
                    stack.push((n, true));
                    for next in waits(n) {
                        if done[next] == 1 {
                            let at = format!("item `{}`", items[n].1.link);
                            flaws.push(Flaw { at, text: "its conditions wait for themselves".to_owned() });
                            return;
                        }
                        stack.push((next, false));
                    }
                }
                _ => continue,
            }
        }
    }
}
