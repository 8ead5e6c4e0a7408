//! HL7's own examples of R4 (npm `hl7.fhir.r4.examples`): each is written, read back equal, and found by every parameter
//! that has a value for it. What a parameter finds of a resource is our extractor's word; that the interface finds it by the
//! text one would write into a query is tested here. A tenth of them in a usual run, all with MACH_TEST_FULL.

use crate::support::{PROVINCE, Place};
use mach_fhir::definitions::{self, ParamKind, SearchParam};
use mach_fhir::search::{SearchValue, extract};
use mach_fhir::tree::{Kind, Value};
use mach_fhir::{Decimal, ResourceType, Tree};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Values asked of one parameter of one resource.
const VALUES: usize = 2;

/// The one example whose id is none.
const TOO_LONG: &str = "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json";

fn files() -> Vec<PathBuf> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/foreign/node_modules/hl7.fhir.r4.examples");
    let folder = if folder.join("package").exists() { folder.join("package") } else { folder };
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: {} is not there; run `npm ci` in tests/foreign", folder.display());
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "json") && !f.ends_with("package.json"));
    files.retain(|f| !f.file_name().unwrap().to_str().unwrap().starts_with('.'));
    files.sort();
    assert!(files.len() > 5_000, "only {} examples in {}", files.len(), folder.display());
    files
}

/// JSON in one form: members sorted, numbers as written, without what the server sets of `meta`.
fn form(value: Value<'_>, root: bool) -> String {
    match value.kind() {
        Kind::Object => {
            let mut members: BTreeMap<&str, String> = BTreeMap::new();
            for (name, member) in value.members() {
                let set = |n: &str| matches!(n, "versionId" | "lastUpdated");
                if root && name == "meta" {
                    let kept: Vec<String> = member
                        .members()
                        .filter(|(n, _)| !set(n))
                        .map(|(n, v)| format!("{n}:{}", form(v, false)))
                        .collect();
                    if !kept.is_empty() {
                        members.insert(name, kept.join(","));
                    }
                    continue;
                }
                members.insert(name, form(member, false));
            }
            let all: Vec<String> = members.into_iter().map(|(n, v)| format!("{n}:{v}")).collect();
            format!("{{{}}}", all.join(","))
        }
        Kind::Array => format!("[{}]", value.items().map(|v| form(v, false)).collect::<Vec<_>>().join(",")),
        Kind::String => format!("{:?}", value.text().unwrap()),
        _ => value.raw().to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace(',', r"\,").replace('|', r"\|").replace('$', r"\$")
}

fn instant(seconds: i64) -> String {
    let at = civil(seconds);
    format!("{at}Z")
}

/// `2026-01-02T03:04:05` of seconds since 1970, by the civil calendar.
fn civil(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// A number that lies in the middle of what a value may mean, written with its digits; `None` for a range.
fn middle(low: &Option<Decimal>, high: &Option<Decimal>) -> Option<String> {
    let (low, high) = ((*low)?, (*high)?);
    if low != high && high.units() - low.units() != 10 {
        return None;
    }
    let two = Decimal::whole(2);
    let middle = low.checked_add(high)?.checked_div(two)?.trimmed();
    let (units, scale) = (middle.units(), middle.scale() as usize);
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if units < 0 { "-" } else { "" };
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// What one would write to find a value: modifier and value; several where there are several ways.
fn written(value: &SearchValue<'_>, param: &SearchParam, base: &str) -> Vec<(&'static str, String)> {
    let system_of = |s: &Option<std::borrow::Cow<'_, str>>| s.as_deref().map(escaped).unwrap_or_default();
    match value {
        SearchValue::Token { system, code: Some(code), .. } => {
            let code = escaped(code);
            if code.trim().is_empty() {
                return Vec::new();
            }
            vec![("", format!("{}|{code}", system_of(system))), ("", code)]
        }
        SearchValue::Token { code: None, text: Some(text), .. } => starting(text, "text"),
        SearchValue::Token { .. } => Vec::new(),
        SearchValue::TypedIdentifier { system, code, value } => {
            vec![("of-type", format!("{}|{}|{}", system_of(system), escaped(code), escaped(value)))]
        }
        SearchValue::Identifier { system, value } => {
            vec![("identifier", format!("{}|{}", system_of(system), escaped(value)))]
        }
        SearchValue::Text { text, is_joined } => {
            let mut all = starting(text, "");
            if !is_joined && !text.trim().is_empty() {
                all.push(("exact", escaped(text)));
            }
            all
        }
        SearchValue::Reference { base: of, target, id, .. } => {
            let relative = format!("{}/{id}", target.name());
            if of.is_empty() || of == base { vec![("", relative)] } else { vec![("", format!("{of}/{relative}"))] }
        }
        // A canonical that is only a fragment or a word is nothing to be asked for.
        SearchValue::Uri(uri) if param.kind == ParamKind::Reference && !uri.contains([':', '/']) => Vec::new(),
        SearchValue::Uri(uri) if param.kind == ParamKind::Reference => {
            vec![("", uri.replace('\\', r"\\").replace(',', r"\,").replace('$', r"\$"))]
        }
        SearchValue::Uri(uri) => vec![("", escaped(uri))],
        SearchValue::Date { low, high } => {
            let mut all = Vec::new();
            if *low > i64::MIN {
                all.push(("", format!("ge{}", instant(low.div_euclid(1_000_000)))));
            }
            if *high < i64::MAX {
                all.push(("", format!("le{}", instant((high - 1).div_euclid(1_000_000)))));
            }
            all
        }
        SearchValue::Number { low, high } => middle(low, high).map(|m| vec![("", m)]).unwrap_or_default(),
        SearchValue::Quantity { low, high, system, code, unit } => {
            let Some(number) = middle(low, high) else { return Vec::new() };
            let mut all = vec![("", number.clone())];
            if let Some(code) = code {
                all.push(("", format!("{number}|{}|{}", system_of(system), escaped(code))));
                all.push(("", format!("{number}||{}", escaped(code))));
            }
            if let Some(unit) = unit {
                all.push(("", format!("{number}||{}", escaped(unit))));
            }
            all
        }
        SearchValue::Composite(parts) => composite(parts, param, base),
        SearchValue::Position { .. } => Vec::new(),
    }
}

/// The beginning of a text, where it has a letter or digit to be found by.
fn starting(text: &str, modifier: &'static str) -> Vec<(&'static str, String)> {
    let begin: String = text.trim_start().chars().take(40).collect();
    if begin.chars().any(char::is_alphanumeric) { vec![(modifier, escaped(begin.trim_end()))] } else { Vec::new() }
}

fn composite(parts: &[Vec<SearchValue<'_>>], param: &SearchParam, base: &str) -> Vec<(&'static str, String)> {
    let of = |n: usize| definitions::r4().params.iter().find(|p| Some(p.url) == param.components.get(n).map(|c| c.0));
    let one = |n: usize| {
        let component = of(n)?;
        let value = parts.get(n)?.first()?;
        let plain = written(value, component, base).into_iter().find(|(modifier, _)| modifier.is_empty());
        plain.map(|(_, text)| text)
    };
    match (parts.len(), one(0), one(1)) {
        // A range is two bounds; one of them is enough to be found by.
        (2, Some(first), Some(second)) => vec![("", format!("{first}${second}"))],
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_read_back_and_found_by_every_parameter() {
    let place = Place::new();
    let every = if std::env::var_os("MACH_TEST_FULL").is_some() { 1 } else { 10 };
    let base = "http://mach.test/fhir";
    let (mut wrong, mut written_count, mut asked) = (Vec::new(), 0_usize, 0_usize);
    for file in files().iter().step_by(every) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let tree = Tree::parse(text.as_str()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (kind, id) = (tree.root().get_text("resourceType").unwrap(), tree.root().get_text("id").unwrap());
        let path = format!("/fhir/{kind}/{id}");
        let answer = place.put(PROVINCE, &path, &text).await;
        // One was published under an id of 70 characters: R4 allows 64.
        if id.len() > 64 {
            assert_eq!((name, answer.status.as_u16()), (TOO_LONG, 400), "{}", answer.text);
            continue;
        }
        if !answer.status.is_success() {
            wrong.push(format!("{name}: PUT {} {}", answer.status, answer.text.chars().take(300).collect::<String>()));
            continue;
        }
        written_count += 1;
        // A Binary is given as what it holds where FHIR is not asked for.
        let read = place.send(PROVINCE, "GET", &path, &[("accept", "application/fhir+json")], "").await;
        let back = Tree::parse(read.text.as_str()).unwrap();
        if form(back.root(), true) != form(tree.root(), true) {
            wrong.push(format!("{name}: read back different"));
        }
        let kind = ResourceType::parse(&kind).unwrap();
        let mut of_param: BTreeMap<&str, usize> = BTreeMap::new();
        for found in extract(kind, &tree).unwrap_or_else(|e| panic!("{name}: {e}")) {
            let Some(param) = definitions::r4().param(kind.name(), found.code) else { continue };
            // What the CapabilityStatement does not name is not promised.
            let promised =
                param.kind != ParamKind::Special && (param.kind != ParamKind::Composite || param.components.len() == 2);
            if !promised || matches!(found.code, "_id" | "_lastUpdated") {
                continue;
            }
            let seen = of_param.entry(found.code).or_default();
            if *seen >= VALUES {
                continue;
            }
            *seen += 1;
            for (modifier, value) in written(&found.value, param, base) {
                let name_of =
                    if modifier.is_empty() { found.code.to_owned() } else { format!("{}:{modifier}", found.code) };
                let query = format!("_id={id}&{name_of}={}", encoded(&value));
                let answer = place.get(PROVINCE, &format!("/fhir/{}?{query}", kind.name())).await;
                asked += 1;
                if answer.status.as_u16() != 200 || answer.matches() != [id.as_ref()] {
                    let said = answer.text.chars().take(240).collect::<String>();
                    wrong.push(format!(
                        "{name}: {}?{name_of}={value} ({:?}): {} {said}",
                        kind.name(),
                        found.value,
                        answer.status
                    ));
                }
            }
        }
    }
    eprintln!("{written_count} examples written, {asked} searches");
    let count = wrong.len();
    wrong.truncate(60);
    assert!(wrong.is_empty(), "{count} of {asked} searches and {written_count} examples:\n{}", wrong.join("\n"));
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/|$".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
