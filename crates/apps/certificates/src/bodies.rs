//! The resources of a certificate, as JSON.

use mach_base::Minute;
use mach_base::time::instant_text;
use mach_fhir::json::Writer;
use mach_store::certificates::{Certificate, State};

/// Identifier system of certificate numbers.
pub const NUMBERS: &str = "urn:mach:driver:number";
/// Identifier system of look-up codes.
pub const CODES: &str = "urn:mach:driver:code";

/// Who acts.
#[derive(Clone, Debug)]
pub struct By {
    /// Account number; 0 for another system.
    pub account: i64,
    /// Name shown.
    pub name: String,
}

impl By {
    /// `Practitioner/…`; empty for another system's doctors, who are known by name only.
    pub fn reference(&self) -> String {
        if self.account == 0 { String::new() } else { format!("Practitioner/account-{}", self.account) }
    }
}

/// The FHIR id of a case's Encounter, Composition and the beginning of all others.
pub fn id(code: &str) -> String {
    format!("gksk-{}", code.to_lowercase())
}

/// Seconds as an instant of local time.
pub fn instant(seconds: i64) -> String {
    instant_text(seconds * 1000)
}

/// The number on the paper: `00001/GKSKLX/34001/20`. Empty where there is none yet.
pub fn number(c: &Certificate, facility: &str) -> String {
    match c.serial {
        0 => String::new(),
        serial => format!("{serial:05}/GKSKLX/{facility}/{:02}", c.year % 100),
    }
}

fn reference(w: &mut Writer<'_>, key: &'static str, reference: &str, display: &str) {
    w.nested(key, |w| {
        w.text_if("reference", reference).text_if("display", display);
    });
}

fn coded(w: &mut Writer<'_>, key: &'static str, system: &str, code: &str, text: &str) {
    w.nested(key, |w| {
        w.list("coding", |list| {
            list.item(|w| {
                w.text("system", system).text("code", code);
            });
        });
        w.text_if("text", text);
    });
}

fn patient(c: &Certificate) -> String {
    format!("Patient/{}", mach_people::fhir_id(c.person))
}

/// The Practitioner of an account.
pub fn practitioner(by: &By) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Practitioner").text("id", &format!("account-{}", by.account));
        w.list("name", |list| {
            list.item(|w| {
                w.text("text", &by.name);
            });
        });
    });
    out
}

/// The Encounter of the examination.
pub fn encounter(c: &Certificate, organization: &str) -> String {
    let status = match c.state {
        State::Examining | State::Concluded => "in-progress",
        State::Cancelled => "cancelled",
        State::Issued | State::Revoked => "finished",
    };
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Encounter").text("id", &id(&c.code));
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", CODES).text("value", &c.code);
            });
        });
        w.text("status", status);
        w.nested("class", |w| {
            w.text("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode").text("code", "AMB");
        });
        w.list("type", |list| {
            list.item(|w| {
                w.text("text", "Khám sức khỏe người lái xe");
            });
        });
        reference(w, "subject", &patient(c), &c.name);
        w.nested("period", |w| {
            w.text("start", &instant(c.opened));
            if let Some(end) = c.concluded.filter(|_| status == "finished") {
                w.text("end", &instant(end));
            }
        });
        reference(w, "serviceProvider", organization, "");
    });
    out
}

/// A signature as it stands in the Composition: mode, when, who.
pub type Attester = (&'static str, i64, By);

/// The certificate itself.
pub fn composition(c: &Certificate, number: &str, parts: &[String], attesters: &[Attester], why: &str) -> String {
    let status = match c.state {
        State::Issued => "final",
        State::Revoked | State::Cancelled => "entered-in-error",
        State::Examining | State::Concluded => "preliminary",
    };
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Composition").text("id", &id(&c.code));
        w.nested("identifier", |w| {
            let (system, value) = if number.is_empty() { (CODES, c.code.as_str()) } else { (NUMBERS, number) };
            w.text("system", system).text("value", value);
        });
        w.text("status", status);
        coded(w, "type", "urn:mach:documents", "driver-health", "Giấy khám sức khỏe của người lái xe");
        reference(w, "subject", &patient(c), &c.name);
        reference(w, "encounter", &format!("Encounter/{}", id(&c.code)), "");
        w.text("date", &instant(c.concluded.unwrap_or(c.opened)));
        w.list("author", |list| {
            list.item(|w| {
                w.text("display", if c.doctor.is_empty() { "—" } else { &c.doctor });
            });
        });
        w.text("title", &format!("Giấy khám sức khỏe của người lái xe, hạng {}", c.class));
        if !attesters.is_empty() {
            w.list("attester", |list| {
                for (mode, when, by) in attesters {
                    list.item(|w| {
                        w.text("mode", mode).text("time", &instant(*when));
                        reference(w, "party", &by.reference(), &by.name);
                    });
                }
            });
        }
        w.list("section", |list| {
            list.item(|w| {
                w.text("title", "Kết luận");
                coded(w, "code", "urn:mach:driver:result", &c.result, "");
                w.list("entry", |list| {
                    for part in parts {
                        list.item(|w| {
                            w.text("reference", &format!("QuestionnaireResponse/{part}"));
                        });
                    }
                });
            });
            if !why.is_empty() {
                list.item(|w| {
                    w.text("title", "Lý do thu hồi");
                    w.nested("text", |w| {
                        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", mach_ui::escape(why));
                        w.text("status", "generated").text("div", &div);
                    });
                });
            }
        });
    });
    out
}

/// Who did what to the certificate, and why: `mark` tells several apart.
pub fn provenance(c: &Certificate, mark: &str, activity: &str, at: i64, by: &By, why: &str) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Provenance").text("id", &format!("{}-{mark}", id(&c.code)));
        w.list("target", |list| {
            list.item(|w| {
                w.text("reference", &format!("Composition/{}", id(&c.code)));
            });
        });
        w.text("recorded", &instant(at));
        if !why.is_empty() {
            w.list("reason", |list| {
                list.item(|w| {
                    w.text("text", why);
                });
            });
        }
        w.nested("activity", |w| {
            w.text("text", activity);
        });
        w.list("agent", |list| {
            list.item(|w| reference(w, "who", &by.reference(), &by.name));
        });
    });
    out
}

/// A digital signature upon the paper: which Binary with which hash, for what, when and whose.
pub fn signature(
    c: &Certificate,
    id: &str,
    (paper, hash): (&str, &str),
    act: mach_store::signing::Act,
    (at, by): (i64, &By),
) -> String {
    // ASTM E1762-95: author's signature; verification signature.
    let kind = match act {
        mach_store::signing::Act::Conclude => "1.2.840.10065.1.12.1.1",
        _ => "1.2.840.10065.1.12.1.5",
    };
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Provenance").text("id", id);
        w.list("target", |list| {
            for target in [format!("Binary/{paper}"), format!("Composition/{}", self::id(&c.code))] {
                list.item(|w| {
                    w.text("reference", &target);
                });
            }
        });
        w.text("recorded", &instant(at));
        w.nested("activity", |w| {
            w.text("text", &format!("digital signature, {}, urn:sha-256:{hash}", act.code()));
        });
        w.list("agent", |list| {
            list.item(|w| reference(w, "who", &by.reference(), &by.name));
        });
        w.list("signature", |list| {
            list.item(|w| {
                w.list("type", |list| {
                    list.item(|w| {
                        w.text("system", "urn:iso-astm:E1762-95:2013").text("code", kind);
                    });
                });
                w.text("when", &instant(at));
                reference(w, "who", &by.reference(), &by.name);
                w.text("targetFormat", "application/pdf").text("sigFormat", "application/pdf");
            });
        });
    });
    out
}

/// A picture or file of the examination.
pub fn binary(id: &str, content_type: &str, data: &str, person: i64) -> String {
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Binary").text("id", id).text("contentType", content_type);
        reference(w, "securityContext", &format!("Patient/{}", mach_people::fhir_id(person)), "");
        w.text("data", data);
    });
    out
}

/// What was sent to the gateway last, and what it said.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// The gateway's receipt; empty: none yet.
    pub receipt: String,
    /// What the last try gave, in words.
    pub said: String,
    /// `ADD` or `EDIT` of the last try; empty: none yet.
    pub action: String,
}

/// The Task of sending.
pub fn task(c: &Certificate, sent: &Sent, now: i64) -> String {
    use mach_store::certificates::Sending;
    let status = match c.sending {
        Sending::Sent => "completed",
        Sending::Refused => "rejected",
        Sending::Due if c.tried > 0 => "in-progress",
        Sending::Due | Sending::None => "requested",
    };
    let mut out = String::new();
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Task").text("id", &format!("{}-send", id(&c.code))).text("status", status);
        if !sent.said.is_empty() {
            w.nested("statusReason", |w| {
                w.text("text", &sent.said);
            });
        }
        w.text("intent", "order");
        coded(w, "code", "urn:mach:tasks", "send-driver-health", "");
        reference(w, "focus", &format!("Composition/{}", id(&c.code)), "");
        reference(w, "for", &patient(c), "");
        w.text("lastModified", &instant(now));
        if let Some(due) = c.due {
            w.nested("restriction", |w| {
                w.nested("period", |w| {
                    w.text("end", &instant(due));
                });
            });
        }
        if !sent.receipt.is_empty() || !sent.action.is_empty() {
            w.list("output", |list| {
                for (name, value) in [("receipt", &sent.receipt), ("action", &sent.action)] {
                    if !value.is_empty() {
                        list.item(|w| {
                            w.nested("type", |w| {
                                w.text("text", name);
                            });
                            w.text("valueString", value);
                        });
                    }
                }
            });
        }
    });
    out
}

/// A resource of ours with another status.
pub fn with_status(body: &str, status: &str) -> String {
    let old = mach_fhir::Tree::parse(body).ok().and_then(|t| Some(t.root().get("status")?.range()));
    match old {
        Some(range) => format!("{}\"{status}\"{}", &body[..range.start], &body[range.end..]),
        None => body.to_owned(),
    }
}

/// A time in seconds as pages show it.
pub fn shown(seconds: i64) -> String {
    mach_ui::format::date_time(Minute::of_seconds(seconds))
}
