//! The resources of vaccination, as JSON.

use crate::products::Product;
use crate::row::Given;
use mach_base::Day;
use mach_base::time::instant_text;
use mach_fhir::json::Writer;
use mach_store::vaccines::Pass;

/// Identifier system of passes.
pub const PASSES: &str = "urn:mach:vaccine:pass";
/// Code system of products.
pub const PRODUCTS: &str = "urn:mach:vaccine:product";

/// The FHIR id of a pass.
pub fn pass_id(code: &str) -> String {
    format!("pass-{}", code.to_lowercase())
}

fn coded(w: &mut Writer<'_>, key: &'static str, (system, code, text): (&str, &str, &str)) {
    w.nested(key, |w| {
        w.list("coding", |list| {
            list.item(|w| {
                w.text("system", system).text("code", code);
            });
        });
        w.text_if("text", text);
    });
}

/// The Immunization of a dose.
pub fn immunization(given: &Given, id: &str, person: i64, facility: &str) -> String {
    let product: &Product = given.product;
    let mut out = String::with_capacity(640);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Immunization").text("id", id).text("status", "completed");
        coded(w, "vaccineCode", (PRODUCTS, &product.code, &product.name));
        w.nested("patient", |w| {
            w.text("reference", &format!("Patient/{}", mach_people::fhir_id(person)));
        });
        w.text("occurrenceDateTime", &given.day.to_string()).raw("primarySource", true);
        w.text_if("lotNumber", &given.lot);
        w.list("performer", |list| {
            list.item(|w| {
                w.nested("actor", |w| {
                    w.text("reference", &format!("Organization/f{facility}"));
                });
            });
        });
        w.list("protocolApplied", |list| {
            list.item(|w| {
                w.list("targetDisease", |list| {
                    list.item(|w| {
                        w.list("coding", |list| {
                            list.item(|w| {
                                w.text("system", "http://snomed.info/sct").text("code", &product.target);
                            });
                        });
                        w.text("text", &product.disease);
                    });
                });
                w.raw("doseNumberPositiveInt", given.number);
            });
        });
    });
    out
}

/// The Task of somebody whose identity is in doubt: what was written, for whoever mends it.
pub fn task(
    (doubt, person): (i64, i64),
    (written, why): (&str, &str),
    (status, facility): (&str, &str),
    at: i64,
) -> String {
    let mut out = String::with_capacity(400);
    Writer::object(&mut out, |w| {
        w.text("resourceType", "Task").text("id", &task_id(doubt)).text("status", status).text("intent", "order");
        coded(w, "code", ("urn:mach:vaccine:task", "mend-identity", "Xác minh nhân thân người tiêm"));
        w.nested("for", |w| {
            w.text("reference", &format!("Patient/{}", mach_people::fhir_id(person)));
        });
        w.text("lastModified", &instant_text(at * 1000));
        w.nested("owner", |w| {
            w.text("reference", &format!("Organization/f{facility}"));
        });
        w.text_if("description", why);
        if !written.is_empty() {
            w.list("input", |list| {
                list.item(|w| {
                    w.nested("type", |w| {
                        w.text("text", "SO_CCCD");
                    });
                    w.text("valueString", written);
                });
            });
        }
    });
    out
}

/// The id of that Task, by the number of the doubt.
pub fn task_id(doubt: i64) -> String {
    format!("mend-{doubt}")
}

/// The DocumentReference of a pass: the text of its QR code as it was signed.
pub fn pass(pass: &Pass, identifier: &str, base64_of_qr: &str) -> String {
    let mut out = String::with_capacity(1_400);
    let status = if pass.revoked.is_some() { "entered-in-error" } else { "current" };
    Writer::object(&mut out, |w| {
        w.text("resourceType", "DocumentReference").text("id", &pass_id(&pass.code));
        w.list("identifier", |list| {
            list.item(|w| {
                w.text("system", PASSES).text("value", identifier);
            });
        });
        w.text("status", status);
        coded(w, "type", ("http://loinc.org", "82593-5", "Chứng nhận tiêm chủng"));
        w.nested("subject", |w| {
            w.text("reference", &format!("Patient/{}", mach_people::fhir_id(pass.person)));
        });
        w.text("date", &instant_text(pass.issued * 1000));
        w.list("content", |list| {
            list.item(|w| {
                w.nested("attachment", |w| {
                    w.text("contentType", "application/cose").text("data", base64_of_qr);
                });
            });
        });
        w.nested("context", |w| {
            w.nested("period", |w| {
                w.text("start", &instant_text(pass.issued * 1000)).text("end", &instant_text(pass.expires * 1000));
            });
        });
    });
    out
}

/// Day number as a day.
pub fn day(number: i64) -> Day {
    Day(i32::try_from(number).unwrap_or_default())
}
