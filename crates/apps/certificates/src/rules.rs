//! Fitness to drive: what the standards in force say of the answers. Dated, by licence class; what is not known is not met.

use mach_base::Day;
use mach_forms::{Answers, Form, Rule};
use mach_ui::Lang;
use std::sync::LazyLock;

/// A licence class and the group of standards it is measured by.
#[derive(Clone, Debug)]
pub struct Class {
    /// `C`, `D2E`.
    pub code: String,
    /// 1, 2 or 3.
    pub group: String,
    from: Day,
    to: Option<Day>,
}

/// One point of the standard.
#[derive(Debug)]
pub struct Point {
    /// Its id.
    pub id: String,
    groups: Vec<String>,
    /// The part of the examination it is about.
    pub part: String,
    needs: Vec<String>,
    fails: Rule,
    vi: String,
    en: String,
    from: Day,
    to: Option<Day>,
}

impl Point {
    /// In the reader's language.
    pub fn text(&self, lang: Lang) -> &str {
        lang.pick(&self.vi, &self.en)
    }
}

/// What the standard says.
#[derive(Debug)]
pub enum Fitness {
    /// Every point is met.
    Fit,
    /// These are not.
    Unfit(Vec<&'static Point>),
    /// Too little is known: `linkId`s of what is missing, and the points that are not met in any case.
    Unknown(Vec<String>, Vec<&'static Point>),
}

impl Fitness {
    /// Whether it says yes. Everything else is no.
    pub fn is_fit(&self) -> bool {
        matches!(self, Self::Fit)
    }
}

struct Standards {
    classes: Vec<Class>,
    points: Vec<Point>,
}

fn holds(from: Day, to: Option<Day>, day: Day) -> bool {
    from <= day && to.is_none_or(|to| day <= to)
}

fn standards() -> &'static Standards {
    static ALL: LazyLock<Standards> = LazyLock::new(|| {
        let classes = include_str!("../../../../content/driver/classes.csv");
        let points = include_str!("../../../../content/driver/standards.csv");
        let read = || {
            read(
                &mach_base::content::text("driver/classes.csv", classes),
                &mach_base::content::text("driver/standards.csv", points),
            )
        };
        match read() {
            Ok(standards) => standards,
            Err(e) => panic!("content/driver: {e}"),
        }
    });
    &ALL
}

/// Reads the lists now, so that a broken one stops the start.
pub fn load() {
    standards();
}

fn read(classes: &str, points: &str) -> Result<Standards, String> {
    let day = |text: &str| Day::parse_iso(text).ok_or_else(|| format!("`{text}` is no day"));
    let end = |text: &str| if text.is_empty() { Ok(None) } else { day(text).map(Some) };
    let rows = |text: &str| -> Result<Vec<csv::StringRecord>, String> {
        csv::Reader::from_reader(text.as_bytes()).records().collect::<Result<_, _>>().map_err(|e| e.to_string())
    };
    let mut out = Standards { classes: Vec::new(), points: Vec::new() };
    for row in rows(classes)? {
        let at = |n: usize| row.get(n).unwrap_or_default();
        out.classes.push(Class { code: at(0).into(), group: at(1).into(), from: day(at(2))?, to: end(at(3))? });
    }
    let list = |text: &str| text.split(';').filter(|t| !t.is_empty()).map(str::to_owned).collect();
    for row in rows(points)? {
        let at = |n: usize| row.get(n).unwrap_or_default();
        out.points.push(Point {
            id: at(0).into(),
            groups: list(at(1)),
            part: at(2).into(),
            needs: list(at(3)),
            fails: Rule::compile(at(4))?,
            vi: at(5).into(),
            en: at(6).into(),
            from: day(at(7))?,
            to: end(at(8))?,
        });
    }
    Ok(out)
}

/// The class of this name on a day.
pub fn class(code: &str, day: Day) -> Option<&'static Class> {
    standards().classes.iter().find(|c| c.code == code && holds(c.from, c.to, day))
}

/// The classes of a day.
pub fn classes(day: Day) -> impl Iterator<Item = &'static Class> {
    standards().classes.iter().filter(move |c| holds(c.from, c.to, day))
}

/// What the standard of `day` says of the answers for a class. An unknown class is not met by anybody.
pub fn fitness(form: &Form, answers: &Answers, code: &str, day: Day) -> Fitness {
    let Some(class) = class(code, day) else { return Fitness::Unknown(vec!["class".to_owned()], Vec::new()) };
    let (mut missing, mut unmet) = (Vec::new(), Vec::new());
    let mut any = false;
    for point in standards().points.iter().filter(|p| holds(p.from, p.to, day) && p.groups.contains(&class.group)) {
        any = true;
        let open: Vec<&String> = point.needs.iter().filter(|link| answers.value(form, link).is_none()).collect();
        if !open.is_empty() {
            open.into_iter()
                .filter(|l| !missing.contains(*l))
                .cloned()
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|l| missing.push(l));
            continue;
        }
        match point.fails.holds(form, answers) {
            Ok(Some(false)) => {}
            Ok(Some(true)) => unmet.push(point),
            // A point that cannot be computed is not met: somebody must look.
            Ok(None) | Err(_) => missing.push(point.id.clone()),
        }
    }
    if !any {
        missing.push(class.group.clone());
    }
    match (missing.is_empty(), unmet.is_empty()) {
        (true, true) => Fitness::Fit,
        (true, false) => Fitness::Unfit(unmet),
        (false, _) => Fitness::Unknown(missing, unmet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mach_forms::fields::Posted;
    use mach_forms::{Context, library};

    const GOOD: &str = "mental-acute=none mental-chronic=none nervous-epilepsy=none nervous-paralysis=none nervous-vertigo=false
        eye-right-without=10 eye-left-without=10 eye-both-without=10 eye-field-horizontal=1 eye-field-vertical=1 eye-colour=1
        ent-voice-right=5 ent-voice-left=5 ent-whisper-right=5 ent-whisper-left=5 pulse=70 systolic=120 diastolic=80
        cardio-rhythm=none respiratory-dyspnoea=none limb-loss=none endocrine-coma=false drug-morphine=0 drug-amphetamine=0
        drug-methamphetamine=0 drug-marijuana=0 alcohol=0 alcohol~unit=mg/L mental-meets=meets nervous-meets=meets eye-meets=meets
        ent-meets=meets cardio-meets=meets respiratory-meets=meets musculoskeletal-meets=meets endocrine-meets=meets";

    fn judged(day: &str, class: &str, changes: &str) -> String {
        let day = Day::parse_iso(day).expect("a day");
        let form = library::shipped().iter().find(|f| f.holds_on(day)).expect("a form of the day");
        let mut posted = Posted::default();
        let fields = format!("{changes} {GOOD}");
        for field in fields.split_whitespace() {
            let (name, value) = field.split_once('=').expect("name=value");
            if !posted.has(name) && value != "?" {
                posted.text(name, value);
            }
        }
        if changes.contains("=?") {
            let name = changes.split('=').next().unwrap_or_default();
            let without: Vec<&str> = GOOD.split_whitespace().filter(|f| !f.starts_with(&format!("{name}="))).collect();
            posted = Posted::default();
            without.iter().filter_map(|f| f.split_once('=')).for_each(|(n, v)| posted.text(n, v));
        }
        let (start, _) = form.start(&Context::default(), &|_, _| None);
        let mut answers = form.read_posted(&posted, &start, None);
        form.settle(&mut answers, &Context::default());
        match fitness(form, &answers, class, day) {
            Fitness::Fit => "fit".to_owned(),
            Fitness::Unfit(points) => points.iter().map(|p| p.id.as_str()).collect::<Vec<_>>().join(" "),
            Fitness::Unknown(missing, _) => format!("? {}", missing.join(" ")),
        }
    }

    #[test]
    fn points_by_class_and_day() {
        for (day, class, changes, want) in [
            ("2026-05-01", "C", "", "fit"),
            ("2020-05-01", "C", "", "fit"),
            ("2026-05-01", "A1", "eye-right-without=3 eye-left-without=4 eye-both-without=4", "fit"),
            ("2026-05-01", "A1", "eye-both-without=3", "ACUITY-1"),
            ("2020-05-01", "B1", "eye-both-without=4", "ACUITY-2"),
            ("2026-05-01", "C", "eye-right-without=8 eye-left-without=5", "fit"),
            ("2026-05-01", "C", "eye-right-without=7 eye-left-without=7", "ACUITY-3"),
            ("2026-05-01", "C", "eye-right-without=8 eye-left-without=4", "ACUITY-3"),
            ("2026-05-01", "C", "eye-right-without=2 eye-right-with=9 eye-left-without=2 eye-left-with=6", "fit"),
            ("2026-05-01", "C", "eye-refraction-left=-8,5", "REFRACTION-3"),
            ("2026-05-01", "C", "eye-refraction-left=-8", "fit"),
            ("2026-05-01", "C", "eye-colour=4", "COLOUR-2"),
            ("2026-05-01", "A1", "eye-colour=4", "fit"),
            ("2026-05-01", "C", "ent-whisper-right=0,4 ent-whisper-left=0,5", "fit"),
            ("2026-05-01", "C", "ent-whisper-right=0,4 ent-whisper-left=0,4", "HEARING-2"),
            ("2026-05-01", "C", "systolic=180", "PRESSURE-3"),
            ("2026-05-01", "C", "systolic=179 diastolic=99", "fit"),
            ("2026-05-01", "C", "nervous-epilepsy=past", "EPILEPSY-3"),
            ("2020-05-01", "B1", "nervous-epilepsy=past", "fit"),
            ("2026-05-01", "A1", "drug-morphine=1", "DRUG-MORPHINE"),
            ("2026-05-01", "A1", "alcohol=0,1", "ALCOHOL"),
            ("2026-05-01", "C", "mental-meets=not", "DOCTOR-MENTAL"),
            // Default deny: what nobody looked at is not met, nor is a class that is not there on that day.
            ("2026-05-01", "C", "eye-colour=?", "? eye-colour"),
            ("2026-05-01", "B2", "", "? class"),
            ("2020-05-01", "D2E", "", "? class"),
            ("2015-01-01", "C", "", ""),
        ] {
            if want.is_empty() {
                assert!(self::class(class, Day::parse_iso(day).expect("a day")).is_none());
                continue;
            }
            assert_eq!(judged(day, class, changes), want, "{day} {class} {changes}");
        }
    }

    #[test]
    fn every_point_asks_questions_that_both_forms_have() {
        for form in library::shipped() {
            for point in &standards().points {
                assert!(form.item(&point.part).is_some(), "{}: {}", point.id, point.part);
                for link in &point.needs {
                    assert!(form.item(link).is_some(), "{}: {link}", point.id);
                }
            }
        }
    }
}
