//! What tables say of each other (claims format §8): results and drugs name services of the claim.

use std::collections::HashMap;

use super::context::{Context, args};
use crate::raw::RawRow;

/// Services of XML3 without suffix, and whether they are imaging.
fn services<'a>(cx: &Context<'a>) -> HashMap<&'a str, bool> {
    let mut services = HashMap::new();
    for row in cx.raw.rows(3) {
        let service = row.get("MA_DICH_VU");
        if !service.is_empty() {
            *services.entry(base(service)).or_insert(false) |= row.get("MA_NHOM") == "2";
        }
    }
    services
}

/// `_GT`, `_TB`, `_TT` say how a service went, not which it was.
fn base(service: &str) -> &str {
    service.split_once('_').map_or(service, |(base, _)| base)
}

pub(super) fn check(cx: &mut Context<'_>) {
    let raw = cx.raw;
    let services = services(cx);
    for row in raw.rows(2) {
        for service in row.get("MA_DICH_VU").split(';').map(str::trim).filter(|s| !s.is_empty()) {
            if !services.contains_key(base(service)) {
                cx.at(row, "MA_DICH_VU", "LINK-DRUG", args![service]);
            }
        }
    }
    for row in raw.rows(4) {
        result(cx, row, &services);
    }
    for row in raw.rows(7) {
        let (here, head) = (row.get("MA_YTE"), cx.head("MA_BN"));
        if !here.is_empty() && here != head {
            cx.at(row, "MA_YTE", "SAME-LOCAL-ID", args![here, head]);
        }
    }
}

fn result(cx: &mut Context<'_>, row: RawRow<'_>, services: &HashMap<&str, bool>) {
    let service = row.get("MA_DICH_VU");
    let imaging = match services.get(base(service)) {
        Some(imaging) => *imaging,
        None if service.is_empty() => false,
        None => return cx.at(row, "MA_DICH_VU", "LINK-RESULT", args![service]),
    };
    let (value, conclusion) = (row.get("GIA_TRI"), row.get("KET_LUAN"));
    if imaging && conclusion.is_empty() {
        cx.at(row, "KET_LUAN", "RESULT-CONCLUSION", args![service]);
    }
    if !imaging && !value.is_empty() && !conclusion.is_empty() {
        cx.at(row, "KET_LUAN", "RESULT-BOTH", []);
    }
}

/// A check-in names its first cost: a service, a drug or a supply.
pub(super) fn first_cost(cx: &mut Context<'_>, row: RawRow<'_>) {
    let count = ["MA_DICH_VU", "MA_THUOC", "MA_VAT_TU"].into_iter().filter(|tag| !row.get(tag).is_empty()).count();
    if count != 1 {
        cx.at(row, "MA_DICH_VU", "CHECKIN-ONE", args![count]);
    }
}
