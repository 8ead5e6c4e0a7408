//! Transaction bundles to load: those of a folder, again and again under new ids, or made here in the shape of Synthea's.

use std::fmt::Write;
use std::path::Path;

/// Bundles without end.
pub struct Bundles {
    of: Of,
}

enum Of {
    /// Files, cut where a UUID begins its first eight digits.
    Files(Vec<Template>),
    Made,
}

struct Template {
    /// Texts between UUIDs; each but the first begins with the rest of one.
    parts: Vec<String>,
    /// The first eight digits of each UUID.
    heads: Vec<u32>,
    resources: usize,
}

impl Bundles {
    /// The `.json` files of a folder, in the order of their names.
    pub fn from_folder(folder: &Path) -> Result<Self, String> {
        let shown = |e: std::io::Error| format!("{}: {e}", folder.display());
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).map_err(shown)?.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
        paths.sort();
        let files: Result<Vec<Template>, String> =
            paths.iter().map(|p| std::fs::read_to_string(p).map(|t| Template::of(&t)).map_err(shown)).collect();
        let files = files?;
        if files.is_empty() {
            return Err(format!("`{}` holds no .json files", folder.display()));
        }
        Ok(Self { of: Of::Files(files) })
    }

    /// Bundles made here.
    pub fn made() -> Self {
        Self { of: Of::Made }
    }

    /// What they are, for the report.
    pub fn shown(&self) -> String {
        match &self.of {
            Of::Files(files) => format!("{} bundles of files, again under new ids", files.len()),
            Of::Made => "bundles made here in the shape of Synthea's".to_owned(),
        }
    }

    /// The bundle of number `n` and how many resources it holds.
    pub fn bundle(&self, n: usize) -> (String, usize) {
        match &self.of {
            Of::Files(files) => {
                let (template, round) = (&files[n % files.len()], n / files.len());
                (template.fill(u32::try_from(round).unwrap_or(u32::MAX)), template.resources)
            }
            Of::Made => made(n as u64),
        }
    }
}

impl Template {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let is_uuid = |at: usize| {
            bytes.get(at..at + 36).is_some_and(|u| {
                u.iter().enumerate().all(|(i, b)| match i {
                    8 | 13 | 18 | 23 => *b == b'-',
                    _ => b.is_ascii_digit() || (b'a'..=b'f').contains(b),
                })
            })
        };
        let (mut parts, mut heads, mut from, mut at) = (Vec::new(), Vec::new(), 0, 0);
        while at < bytes.len() {
            if is_uuid(at) {
                parts.push(text[from..at].to_owned());
                heads.push(u32::from_str_radix(&text[at..at + 8], 16).unwrap_or(0));
                from = at + 8;
                at += 36;
            } else {
                at += 1;
            }
        }
        parts.push(text[from..].to_owned());
        Self { parts, heads, resources: text.matches("\"fullUrl\"").count() }
    }

    fn fill(&self, round: u32) -> String {
        // Multiplied by an odd number every round gives other digits, and round 0 those of the file.
        let salt = round.wrapping_mul(2_654_435_761);
        let mut out = self.parts.first().cloned().unwrap_or_default();
        for (head, part) in self.heads.iter().zip(&self.parts[1..]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{:08x}", head ^ salt);
            out.push_str(part);
        }
        out
    }
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.below(1 << 31), self.below(1 << 31));
        let (c, d) = (self.below(1 << 31), self.below(1 << 31));
        format!("{a:08x}-{:04x}-4{:03x}-8{:03x}-{c:08x}{:04x}", b >> 15, b & 0xfff, d & 0xfff, d >> 15)
    }
}

const FAMILIES: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ", "Đặng", "Bùi"];
const GIVEN: [&str; 10] = ["An", "Bình", "Đức", "Hà", "Hương", "Lan", "Minh", "Ngọc", "Phúc", "Thảo"];
/// Code, text, unit, least and greatest value × 10.
const MEASURED: [(&str, &str, &str, u64, u64); 12] = [
    ("8302-2", "Body Height", "cm", 1500, 1850),
    ("29463-7", "Body Weight", "kg", 450, 950),
    ("39156-5", "Body Mass Index", "kg/m2", 180, 320),
    ("8867-4", "Heart rate", "/min", 550, 1100),
    ("9279-1", "Respiratory rate", "/min", 120, 200),
    ("8310-5", "Body temperature", "Cel", 360, 395),
    ("2339-0", "Glucose", "mg/dL", 650, 1400),
    ("6299-2", "Urea Nitrogen", "mg/dL", 70, 200),
    ("38483-4", "Creatinine", "mg/dL", 6, 30),
    ("2947-0", "Sodium", "mmol/L", 1360, 1440),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 45, 90),
    ("2093-3", "Total Cholesterol", "mg/dL", 1500, 2500),
];
const PROBLEMS: [(&str, &str); 6] = [
    ("59621000", "Hypertension"),
    ("44054006", "Diabetes"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
    ("10509002", "Acute bronchitis (disorder)"),
    ("444814009", "Viral sinusitis (disorder)"),
    ("271737000", "Anemia (disorder)"),
];

/// Entries of a bundle being written.
struct Entries {
    out: String,
    count: usize,
}

impl Entries {
    fn add(&mut self, kind: &str, id: &str, rest: &str) {
        let comma = if self.count > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            self.out,
            r#"{comma}{{"fullUrl":"urn:uuid:{id}","resource":{{"resourceType":"{kind}","id":"{id}",{rest}}},"request":{{"method":"POST","url":"{kind}"}}}}"#
        );
        self.count += 1;
    }
}

/// One patient with some twelve visits: 150 resources of 1 KB.
fn made(seed: u64) -> (String, usize) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6d61_6368);
    let mut out = Entries { out: r#"{"resourceType":"Bundle","type":"transaction","entry":["#.to_owned(), count: 0 };
    let (patient, organization, doctor) = (dice.uuid(), dice.uuid(), dice.uuid());
    let (family, given, second) = (dice.of(&FAMILIES), dice.of(&GIVEN), dice.of(&GIVEN));
    let (born, month, day) = (1935 + dice.below(80), 1 + dice.below(12), 1 + dice.below(28));
    let gender = dice.of(&["male", "female"]);
    let story = "Hồ sơ tạo ra để đo tốc độ, không phải của ai. ".repeat(6);
    out.add("Patient", &patient, &format!(
        r#""text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">{story}</div>"}},"extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"{second} {family}"}},{{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{{"city":"Huế","country":"VN"}}}}],"identifier":[{{"system":"https://github.com/synthetichealth/synthea","value":"{patient}"}},{{"type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR","display":"Medical Record Number"}}],"text":"Medical Record Number"}},"system":"http://hospital.example.org","value":"{patient}"}},{{"system":"urn:mach:codes:CCCD","value":"{:012}"}}],"name":[{{"use":"official","text":"{family} {second} {given}","family":"{family}","given":["{second}","{given}"]}}],"telecom":[{{"system":"phone","value":"09{:08}","use":"home"}}],"gender":"{gender}","birthDate":"{born}-{month:02}-{day:02}","address":[{{"line":["{} Lê Lợi"],"city":"Huế","state":"Huế","country":"VN"}}],"maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"M"}}],"text":"M"}},"multipleBirthBoolean":false,"communication":[{{"language":{{"coding":[{{"system":"urn:ietf:bcp:47","code":"vi","display":"Tiếng Việt"}}]}}}}]"#,
        dice.below(1_000_000_000_000), dice.below(100_000_000), 1 + dice.below(300)
    ));
    out.add("Organization", &organization, &format!(
        r#""identifier":[{{"system":"https://github.com/synthetichealth/synthea","value":"{organization}"}}],"active":true,"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/organization-type","code":"prov","display":"Healthcare Provider"}}],"text":"Healthcare Provider"}}],"name":"Trạm y tế {family} {given}","telecom":[{{"system":"phone","value":"0234{:07}"}}],"address":[{{"city":"Huế","country":"VN"}}]"#,
        dice.below(10_000_000)
    ));
    out.add("Practitioner", &doctor, &format!(
        r#""identifier":[{{"system":"http://hl7.org/fhir/sid/us-npi","value":"{}"}}],"active":true,"name":[{{"family":"{}","given":["{}"],"prefix":["Bs."]}}],"gender":"{gender}""#,
        dice.below(100_000), dice.of(&FAMILIES), dice.of(&GIVEN)
    ));
    for visit in 0..9 + dice.below(7) {
        visit_of(&mut dice, &mut out, (&patient, &organization, &doctor), (2012 + visit, &format!("{family} {given}")));
    }
    out.out.push_str("]}");
    (out.out, out.count)
}

fn visit_of(dice: &mut Dice, out: &mut Entries, who: (&str, &str, &str), (year, name): (u64, &str)) {
    let (patient, organization, doctor) = who;
    let (encounter, condition) = (dice.uuid(), dice.uuid());
    let on = format!("{year}-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28));
    let (from, to) =
        (format!("{on}T0{}:{:02}:00+07:00", 7 + dice.below(3), dice.below(60)), format!("{on}T10:30:00+07:00"));
    let (code, text) = dice.of(&PROBLEMS);
    let subject =
        format!(r#""subject":{{"reference":"urn:uuid:{patient}"}},"encounter":{{"reference":"urn:uuid:{encounter}"}}"#);
    out.add("Encounter", &encounter, &format!(
        r#""status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}}],"text":"Encounter for symptom"}}],"subject":{{"reference":"urn:uuid:{patient}","display":"{name}"}},"participant":[{{"individual":{{"reference":"urn:uuid:{doctor}","display":"Bs."}}}}],"period":{{"start":"{from}","end":"{to}"}},"reasonCode":[{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{text}"}}]}}],"serviceProvider":{{"reference":"urn:uuid:{organization}","display":"Trạm y tế"}}"#
    ));
    out.add("Condition", &condition, &format!(
        r#""clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis","display":"Encounter Diagnosis"}}]}}],"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{text}"}}],"text":"{text}"}},{subject},"onsetDateTime":"{from}","recordedDate":"{from}""#
    ));
    let category = |code: &str| {
        format!(
            r#""category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"{code}","display":"{code}"}}]}}]"#
        )
    };
    let coded = |code: &str, text: &str| {
        format!(
            r#""code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{text}"}}],"text":"{text}"}}"#
        )
    };
    let quantity = |value: u64, unit: &str| {
        format!(
            r#""valueQuantity":{{"value":{}.{},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}"#,
            value / 10,
            value % 10
        )
    };
    let moment = format!(r#""effectiveDateTime":"{from}","issued":"{on}T10:05:12.123+07:00""#);
    let mut results = String::new();
    for (n, (code, text, unit, low, high)) in
        MEASURED.iter().enumerate().filter(|_| dice.below(8) > 0).collect::<Vec<_>>()
    {
        let id = dice.uuid();
        let kind = category(if n < 6 { "vital-signs" } else { "laboratory" });
        let value = quantity(low + dice.below(high - low), unit);
        out.add(
            "Observation",
            &id,
            &format!(r#""status":"final",{kind},{},{subject},{moment},{value}"#, coded(code, text)),
        );
        if n >= 6 {
            let comma = if results.is_empty() { "" } else { "," };
            results.push_str(&format!(r#"{comma}{{"reference":"urn:uuid:{id}","display":"{text}"}}"#));
        }
    }
    let component =
        |code: &str, text: &str, value: u64| format!("{{{},{}}}", coded(code, text), quantity(value, "mm[Hg]"));
    let pressure = [
        component("8462-4", "Diastolic Blood Pressure", 600 + dice.below(350)),
        component("8480-6", "Systolic Blood Pressure", 1000 + dice.below(700)),
    ];
    out.add(
        "Observation",
        &dice.uuid(),
        &format!(
            r#""status":"final",{},{},{subject},{moment},"component":[{}]"#,
            category("vital-signs"),
            coded("85354-9", "Blood Pressure"),
            pressure.join(",")
        ),
    );
    out.add("DiagnosticReport", &dice.uuid(), &format!(
        r#""status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB","display":"Laboratory"}}]}}],{},{subject},{moment},"result":[{results}]"#,
        coded("51990-0", "Basic Metabolic Panel")
    ).replace(r#","result":[]"#, ""));
    let request = dice.uuid();
    out.add("MedicationRequest", &request, &format!(
        r#""status":"active","intent":"order","medicationCodeableConcept":{{"coding":[{{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"{}","display":"Amoxicillin 250 MG"}}],"text":"Amoxicillin 250 MG"}},{subject},"authoredOn":"{from}","requester":{{"reference":"urn:uuid:{doctor}"}},"reasonReference":[{{"reference":"urn:uuid:{condition}"}}],"dosageInstruction":[{{"sequence":1,"timing":{{"repeat":{{"frequency":2,"period":1,"periodUnit":"d"}}}},"asNeededBoolean":false}}]"#,
        dice.of(&["308182", "314076", "860975", "313782"])
    ));
    if dice.below(3) > 0 {
        out.add("Procedure", &dice.uuid(), &format!(
            r#""status":"completed","code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{}","display":"Documentation of current medications"}}],"text":"Documentation of current medications"}},{subject},"performedPeriod":{{"start":"{from}","end":"{to}"}},"reasonReference":[{{"reference":"urn:uuid:{condition}"}}]"#,
            dice.of(&["428191000124101", "23426006", "269911007"])
        ));
    }
    if dice.below(2) > 0 {
        out.add("Immunization", &dice.uuid(), &format!(
            r#""status":"completed","vaccineCode":{{"coding":[{{"system":"http://hl7.org/fhir/sid/cvx","code":"{}","display":"Influenza, seasonal"}}],"text":"Influenza, seasonal"}},"patient":{{"reference":"urn:uuid:{patient}"}},"encounter":{{"reference":"urn:uuid:{encounter}"}},"occurrenceDateTime":"{from}","primarySource":true"#,
            dice.of(&["140", "113", "121"])
        ));
    }
    let item = |n: u64, what: &str| {
        format!(
            r#"{{"sequence":{n},"productOrService":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{what}"}}],"text":"{what}"}},"encounter":[{{"reference":"urn:uuid:{encounter}"}}],"net":{{"value":{}.25,"currency":"VND"}}}}"#,
            100 * n
        )
    };
    out.add("Claim", &dice.uuid(), &format!(
        r#""status":"active","type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/claim-type","code":"institutional"}}]}},"use":"claim","patient":{{"reference":"urn:uuid:{patient}","display":"{name}"}},"billablePeriod":{{"start":"{from}","end":"{to}"}},"created":"{to}","provider":{{"reference":"urn:uuid:{organization}","display":"Trạm y tế"}},"priority":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/processpriority","code":"normal"}}]}},"prescription":{{"reference":"urn:uuid:{request}"}},"diagnosis":[{{"sequence":1,"diagnosisReference":{{"reference":"urn:uuid:{condition}"}}}}],"insurance":[{{"sequence":1,"focal":true,"coverage":{{"display":"BHYT"}}}}],"item":[{},{}],"total":{{"value":300.5,"currency":"VND"}}"#,
        item(1, "Encounter for symptom"), item(2, text)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_bundles_are_json_of_resources_that_differ() {
        let (one, count) = made(1);
        let value: serde_json::Value = serde_json::from_str(&one).unwrap();
        assert_eq!(value["entry"].as_array().unwrap().len(), count);
        assert!((60..260).contains(&count) && one.len() / count > 800, "{count} resources of {} bytes", one.len());
        assert_ne!(one, made(2).0);
        assert_eq!(one, made(1).0);
    }

    #[test]
    fn files_come_again_under_new_ids() {
        let template =
            Template::of(r#"{"fullUrl":"urn:uuid:53ead9ff-9ae0-432f-a314-017550d0420c","x":"53ead9ff-9ae0"}"#);
        assert_eq!((template.heads.len(), template.resources), (1, 1));
        assert!(template.fill(0).contains("urn:uuid:53ead9ff-9ae0-432f-a314-017550d0420c"));
        assert!(
            !template.fill(1).contains("53ead9ff-9ae0-432f")
                && template.fill(1).contains("-9ae0-432f-a314-017550d0420c")
        );
    }
}
