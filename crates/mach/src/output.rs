//! What commands say: progress on a terminal, findings in words, summaries.

use indicatif::{ProgressBar, ProgressStyle};
use mach_claims::check::{Finding, Lang, Severity};
use mach_intake::import::Summary;
use std::io::IsTerminal;

/// A bar over `total` units on a terminal; silent elsewhere. `unit` is `bytes` or a word.
pub fn bar(total: u64, unit: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = match unit {
        "bytes" => "{bar:40} {bytes}/{total_bytes} {msg} còn {eta}".to_owned(),
        _ => format!("{{bar:40}} {{pos}}/{{len}} {unit} {{msg}} còn {{eta}}"),
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

/// A finding as a line for people: where, which rule, what, what to do.
pub fn finding_line(file: &str, finding: &Finding) -> String {
    let mut place = file.to_owned();
    let mut add = |text: String| {
        place.push(' ');
        place.push_str(&text);
    };
    if !finding.link.is_empty() {
        add(format!("MA_LK {}", finding.link));
    }
    match (finding.table, finding.line) {
        (Some(table), Some(line)) => add(format!("XML{table} dòng {line}")),
        (Some(table), None) => add(format!("XML{table}")),
        (None, Some(line)) => add(format!("dòng {line}")),
        (None, None) => {}
    }
    if !finding.tag.is_empty() {
        add(finding.tag.clone());
    }
    let severity = match finding.severity {
        Severity::Refuse => "TỪ CHỐI",
        Severity::Warn => "cảnh báo",
    };
    format!(
        "{place}\n  {severity} {}: {}\n  → {}",
        finding.rule.id(),
        finding.message(Lang::Vi),
        finding.hint(Lang::Vi)
    )
}

/// The summary as lines for people.
pub fn summary_lines(s: &Summary) -> String {
    let c = &s.claims;
    let mut out = format!(
        "Tệp: {} (hỏng: {})\nHồ sơ nhận: {}   từ chối: {}   trùng: {}   thay thế: {}",
        s.files, s.broken_files, c.accepted, c.refused, c.duplicate, c.replaced
    );
    if c.check_ins > 0 {
        out.push_str(&format!("   lượt đến khám: {}", c.check_ins));
    }
    out.push_str(&format!("\nPhát hiện: {} từ chối, {} cảnh báo", s.refusals, s.warnings));
    out
}

/// The summary as JSON.
pub fn summary_json(s: &Summary) -> serde_json::Value {
    let c = &s.claims;
    serde_json::json!({
        "files": s.files,
        "broken_files": s.broken_files,
        "accepted": c.accepted,
        "refused": c.refused,
        "duplicate": c.duplicate,
        "replaced": c.replaced,
        "check_ins": c.check_ins,
        "findings": { "refuse": s.refusals, "warn": s.warnings },
    })
}

/// Exit code of a check or an import: 0 all accepted, 2 some refused.
pub fn exit_code(s: &Summary) -> std::process::ExitCode {
    std::process::ExitCode::from(if s.refused() { 2 } else { 0 })
}
