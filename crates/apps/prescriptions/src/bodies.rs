//! The resources of a prescription, as JSON.

use crate::check::{Content, Item};
use mach_base::time::instant_text;
use mach_fhir::json::Writer;
use mach_signing::patient::Way;
use mach_store::prescriptions::{Prescription, State};

/// Identifier system of prescription codes.
pub const CODES: &str = "urn:mach:prescription:code";

/// The FHIR id of a prescription's List, and the beginning of all others.
pub fn id(code: &str) -> String {
    format!("rx-{code}")
}

/// Seconds as an instant of local time.
pub fn instant(seconds: i64) -> String {
    instant_text(seconds * 1000)
}

fn reference(w: &mut Writer<'_>, key: &'static str, reference: &str) {
    w.nested(key, |w| {
        w.text("reference", reference);
    });
}

fn text(w: &mut Writer<'_>, key: &'static str, text: &str) {
    w.nested(key, |w| {
        w.text("text", text);
    });
}

fn patient(p: &Prescription) -> String {
    format!("Patient/{}", mach_people::fhir_id(p.person))
}

fn number(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The system of diagnoses.
pub const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";

/// The diagnoses as tags, where a resource has no place for them: what is sensitive is known by its codings, so that whoever
/// may not see the diagnosis does not see what tells of it.
fn tags(w: &mut Writer<'_>, c: &Content) {
    let codes = c.diagnoses.iter().map(|d| d.code.as_str()).filter(|code| !code.is_empty()).collect::<Vec<_>>();
    if codes.is_empty() {
        return;
    }
    w.nested("meta", |w| {
        w.list("tag", |list| {
            for code in &codes {
                list.item(|w| {
                    w.text("system", ICD10).text("code", code);
                });
            }
        });
    });
}

/// What FHIR calls a state.
fn status(state: State) -> &'static str {
    match state {
        State::Draft | State::Signing => "draft",
        State::Signed | State::Partly => "active",
        State::Done => "completed",
        State::Replaced => "stopped",
        State::Cancelled => "cancelled",
    }
}

/// The MedicationRequest of a line.
pub fn request(p: &Prescription, c: &Content, n: usize, item: &Item) -> String {
    let mut out = String::with_capacity(1_000);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "MedicationRequest").text("id", &format!("{}-{n}", id(&p.code)));
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", CODES).text("value", &format!("{}.{n}", p.code));
            });
        });
        w.text("status", status(p.state)).text("intent", "order");
        w.nested("medicationCodeableConcept", |w| {
            w.list("coding", |list| {
                list.item(|w| {
                    w.text("system", "urn:mach:prescription:drug").text("code", &item.drug);
                });
            });
            w.text("text", &item.name);
        });
        reference(w, "subject", &patient(p));
        w.text("authoredOn", &instant(p.written));
        w.nested("requester", |w| {
            w.text("reference", &format!("Practitioner/account-{}", p.account)).text_if("display", &c.doctor);
        });
        if !c.diagnoses.is_empty() {
            w.list("reasonCode", |list| {
                for diagnosis in &c.diagnoses {
                    list.item(|w| {
                        if !diagnosis.code.is_empty() {
                            w.list("coding", |list| {
                                list.item(|w| {
                                    w.text("system", ICD10).text("code", &diagnosis.code);
                                });
                            });
                        }
                        w.text_if("text", &diagnosis.name);
                    });
                }
            });
        }
        w.nested("groupIdentifier", |w| {
            w.text("system", CODES).text("value", &p.code);
        });
        if !item.usage.is_empty() {
            w.list("dosageInstruction", |list| {
                list.item(|w| {
                    w.text("text", &item.usage);
                });
            });
        }
        w.nested("dispenseRequest", |w| {
            if let (Some(opens), Some(expires)) = (p.opens, p.expires) {
                w.nested("validityPeriod", |w| {
                    w.text("start", &instant(opens)).text("end", &instant(expires));
                });
            }
            w.nested("quantity", |w| {
                w.raw("value", number(item.quantity)).text("unit", &item.unit);
            });
            w.nested("expectedSupplyDuration", |w| {
                w.raw("value", item.days).text("system", "http://unitsofmeasure.org").text("code", "d");
            });
        });
        if !p.replaces.is_empty() {
            reference(w, "priorPrescription", &format!("MedicationRequest/{}-1", id(&p.replaces)));
        }
    });
    out
}

/// The List that holds the lines of a prescription together.
pub fn list(p: &Prescription, c: &Content) -> String {
    let mut out = String::with_capacity(700);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "List").text("id", &id(&p.code));
        tags(w, c);
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", CODES).text("value", &p.code);
            });
        });
        let (status, mode) = match p.state {
            State::Cancelled => ("entered-in-error", "snapshot"),
            State::Replaced | State::Done => ("retired", "snapshot"),
            _ => ("current", "working"),
        };
        w.text("status", status).text("mode", mode).text("title", "Đơn thuốc");
        text(w, "code", &c.kind);
        reference(w, "subject", &patient(p));
        w.text("date", &instant(p.signed.unwrap_or(p.written)));
        reference(w, "source", &format!("Practitioner/account-{}", p.account));
        w.list("entry", |list| {
            for n in 1..=c.items.len() {
                list.item(|w| {
                    reference(w, "item", &format!("MedicationRequest/{}-{n}", id(&p.code)));
                });
            }
        });
    });
    out
}

/// A file of a prescription: the bytes that were written, or the signed paper.
pub fn binary(p: &Prescription, c: &Content, (name, content_type): (&str, &str), base64: &str) -> String {
    let mut out = String::with_capacity(base64.len() + 300);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Binary").text("id", &format!("{}-{name}", id(&p.code)));
        tags(w, c);
        w.text("contentType", content_type);
        reference(w, "securityContext", &patient(p));
        w.text("data", base64);
    });
    out
}

/// What was done with a prescription.
pub struct Deed<'a> {
    /// Ends the id: `sign-1790000000`.
    pub mark: &'a str,
    /// What.
    pub act: &'a str,
    /// Whose account, and their name.
    pub who: (i64, &'a str),
    /// Why.
    pub why: &'a str,
    /// SHA-256 of the signed paper; empty where nothing was signed.
    pub paper: &'a str,
    /// When, seconds.
    pub at: i64,
}

/// Who did what with a prescription; a signature names the paper that bears it by its hash.
pub fn provenance(p: &Prescription, c: &Content, deed: &Deed<'_>) -> String {
    let mut out = String::with_capacity(900);
    let who = format!("Practitioner/account-{}", deed.who.0);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Provenance").text("id", &format!("{}-{}", id(&p.code), deed.mark));
        tags(w, c);
        w.list("target", |list| {
            for target in [Some(format!("List/{}", id(&p.code))), paper_of(p, deed)].into_iter().flatten() {
                list.item(|w| {
                    w.text("reference", &target);
                });
            }
        });
        w.text("recorded", &instant(deed.at));
        if !deed.why.is_empty() {
            w.list("reason", |list| {
                list.item(|w| {
                    w.text("text", deed.why);
                });
            });
        }
        text(w, "activity", deed.act);
        w.list("agent", |list| {
            list.item(|w| {
                w.nested("who", |w| {
                    w.text("reference", &who).text_if("display", deed.who.1);
                });
            });
        });
        if !deed.paper.is_empty() {
            w.list("entity", |list| {
                list.item(|w| {
                    w.text("role", "source");
                    w.nested("what", |w| {
                        w.text("reference", &format!("Binary/{}-paper", id(&p.code)));
                        w.nested("identifier", |w| {
                            w.text("system", "urn:ietf:rfc:3986").text("value", &format!("urn:sha-256:{}", deed.paper));
                        });
                    });
                });
            });
        }
    });
    out
}

fn paper_of(p: &Prescription, deed: &Deed<'_>) -> Option<String> {
    (!deed.paper.is_empty()).then(|| format!("Binary/{}-paper", id(&p.code)))
}

/// Who took medicines that are controlled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// Name.
    pub name: String,
    /// Number of the identity paper.
    pub number: String,
}

/// A handing out of one line.
pub struct Handed<'a> {
    /// The FHIR id.
    pub mark: &'a str,
    /// Which line.
    pub line: i64,
    /// How much, hundredths.
    pub quantity: i64,
    /// Who handed it out: a facility of the house by its code, or a pharmacy elsewhere by its national code.
    pub pharmacy: &'a str,
    /// Whether it is one elsewhere.
    pub elsewhere: bool,
    /// Who took it; empty where nobody is asked.
    pub receiver: &'a Receiver,
    /// What is said of their signature; empty where there is none.
    pub note: &'a str,
    /// When, seconds.
    pub at: i64,
}

/// A handing out of one line.
pub fn dispense(p: &Prescription, c: &Content, item: &Item, h: &Handed<'_>) -> String {
    let mut out = String::with_capacity(700);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "MedicationDispense").text("id", h.mark);
        tags(w, c);
        w.text("status", "completed");
        w.nested("medicationCodeableConcept", |w| {
            w.text("text", &item.name);
        });
        reference(w, "subject", &patient(p));
        w.list("performer", |list| {
            list.item(|w| {
                w.nested("actor", |w| match h.elsewhere {
                    false => drop(w.text("reference", &format!("Organization/f{}", h.pharmacy))),
                    true => drop(w.text("display", h.pharmacy)),
                });
            });
        });
        w.list("authorizingPrescription", |list| {
            list.item(|w| {
                w.text("reference", &format!("MedicationRequest/{}-{}", id(&p.code), h.line));
            });
        });
        w.nested("quantity", |w| {
            w.raw("value", number(h.quantity)).text("unit", &item.unit);
        });
        w.text("whenHandedOver", &instant(h.at));
        if !h.receiver.name.is_empty() {
            w.list("receiver", |list| {
                list.item(|w| {
                    w.text("display", &h.receiver.name);
                    if !h.receiver.number.is_empty() {
                        w.nested("identifier", |w| {
                            w.text("value", &h.receiver.number);
                        });
                    }
                });
            });
        }
        if !h.note.is_empty() {
            w.list("note", |list| {
                list.item(|w| {
                    w.text("text", h.note);
                });
            });
        }
        w.list("dosageInstruction", |list| {
            list.item(|w| {
                w.text("text", &item.usage);
            });
        });
    });
    out
}

/// A signature for what was taken.
pub struct Received<'a> {
    /// The FHIR id.
    pub id: &'a str,
    /// Which sale.
    pub mark: &'a str,
    /// The MedicationDispenses.
    pub dispensed: &'a [String],
    /// Who took it.
    pub receiver: &'a Receiver,
    /// The account and name of who handed it out; 0: a program.
    pub witness: (i64, &'a str),
    /// By which way they signed.
    pub way: Way,
    /// What they gave.
    pub given: &'a [u8],
    /// SHA-256 of what was shown, hexadecimal.
    pub shown: &'a str,
    /// When, seconds.
    pub at: i64,
}

/// Who signed for which medicines, of which text, before whom. A drawing and a reader's statement stand in it; a code does not.
pub fn received(p: &Prescription, c: &Content, r: &Received<'_>) -> String {
    let mut out = String::with_capacity(1_500 + r.given.len() * 4 / 3);
    let who = |w: &mut Writer<'_>| {
        w.text("display", &r.receiver.name);
        w.nested("identifier", |w| {
            w.text("value", &r.receiver.number);
        });
    };
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Provenance").text("id", r.id);
        tags(w, c);
        w.list("target", |list| {
            for target in r.dispensed {
                list.item(|w| {
                    w.text("reference", target);
                });
            }
        });
        w.text("recorded", &instant(r.at));
        text(w, "activity", &format!("receive by {}", r.way.code()));
        w.list("agent", |list| {
            list.item(|w| {
                text(w, "type", "receiver");
                w.nested("who", who);
            });
            if !r.witness.1.is_empty() {
                list.item(|w| {
                    text(w, "type", "witness");
                    w.nested("who", |w| {
                        if r.witness.0 != 0 {
                            w.text("reference", &format!("Practitioner/account-{}", r.witness.0));
                        }
                        w.text("display", r.witness.1);
                    });
                });
            }
        });
        w.list("entity", |list| {
            list.item(|w| {
                w.text("role", "source");
                w.nested("what", |w| {
                    w.text("reference", &format!("Binary/{}-receipt-{}", id(&p.code), r.mark));
                    w.nested("identifier", |w| {
                        w.text("system", "urn:ietf:rfc:3986").text("value", &format!("urn:sha-256:{}", r.shown));
                    });
                });
            });
        });
        // What was signed in ink lies with the pharmacy.
        if r.way == Way::Paper {
            return;
        }
        w.list("signature", |list| {
            list.item(|w| {
                w.list("type", |list| {
                    list.item(|w| {
                        w.text("system", "urn:iso-astm:E1762-95:2013").text("code", "1.2.840.10065.1.12.1.5");
                    });
                });
                w.text("when", &instant(r.at));
                w.nested("who", who);
                let format = match r.way {
                    Way::Pad => "image/png",
                    Way::Finger => "application/jose",
                    Way::Code | Way::Paper => return,
                };
                w.text("sigFormat", format).text("data", &mach_sign::base64(r.given));
            });
        });
    });
    out
}
