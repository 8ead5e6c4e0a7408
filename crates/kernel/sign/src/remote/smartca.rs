//! VNPT SmartCA, version 1 ("769"): the subscriber confirms in the provider's app. Version 2, in which a third party holds
//! the subscriber's password, is left out on purpose.

use super::{Answer, Service, Transport, read, text};
use crate::certificate::Certificate;
use crate::{Result, hex, malformed};
use serde_json::{Value, json};

const WHAT: &str = "SmartCA";

/// A client.
#[derive(Debug)]
pub struct SmartCa<T> {
    /// `https://gwsca.vnpt.vn/sca/sp769`.
    pub base: String,
    /// Our account with the provider.
    pub sp_id: String,
    /// Its password.
    pub sp_password: String,
    /// Carries the requests.
    pub transport: T,
}

impl<T: Transport> SmartCa<T> {
    fn call(&self, path: &str, mut body: Value) -> Result<Value> {
        body["sp_id"] = Value::String(self.sp_id.clone());
        body["sp_password"] = Value::String(self.sp_password.clone());
        let (status, bytes) = self.transport.post(&format!("{}{path}", self.base), None, &body)?;
        let value = read(WHAT, status, &bytes)?;
        // The status stands in the body too, and counts.
        match value.get("status_code").and_then(Value::as_u64) {
            Some(200) | None => Ok(value),
            Some(code) => read(WHAT, u16::try_from(code).unwrap_or(500), &bytes),
        }
    }
}

fn certificate(text: &str) -> Result<Certificate> {
    if text.contains("-----BEGIN") {
        let found = Certificate::from_pem(text)?;
        return found.into_iter().next().ok_or_else(|| malformed(WHAT, "no certificate"));
    }
    Certificate::parse(&crate::from_base64(text)?)
}

impl<T: Transport> Service for SmartCa<T> {
    fn certificates(&self, subscriber: &str) -> Result<Vec<Vec<Certificate>>> {
        let asked = json!({ "user_id": subscriber, "transaction_id": "" });
        let value = self.call("/v1/credentials/get_certificate", asked)?;
        let list = value.pointer("/data/user_certificates").and_then(Value::as_array);
        let list = list.ok_or_else(|| malformed(WHAT, "the answer has no certificates"))?;
        let mut out = Vec::new();
        for one in list {
            let mut chain = vec![certificate(text(WHAT, one, "/cert_data")?)?];
            for path in ["/chain_data/ca_cert", "/chain_data/root_cert"] {
                if let Some(above) = one.pointer(path).and_then(Value::as_str).filter(|t| !t.is_empty()) {
                    chain.push(certificate(above)?);
                }
            }
            out.push(chain);
        }
        Ok(out)
    }

    fn ask(&self, subscriber: &str, transaction: &str, digest: &[u8; 32], shown: &str) -> Result<String> {
        let file =
            json!({ "data_to_be_signed": hex(digest), "doc_id": shown, "file_type": "pdf", "sign_type": "hash" });
        let asked = json!({
            "user_id": subscriber, "transaction_id": transaction, "transaction_desc": shown, "sign_files": [file],
        });
        let value = self.call("/v1/signatures/sign", asked)?;
        Ok(text(WHAT, &value, "/data/transaction_id")?.to_owned())
    }

    fn answer(&self, handle: &str) -> Result<Answer> {
        let value = self.call(&format!("/v1/signatures/sign/{handle}/status"), json!({}))?;
        let message = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        match value.pointer("/data/signatures/0/signature_value").and_then(Value::as_str) {
            Some(signature) if !signature.is_empty() => crate::from_base64(signature).map(Answer::Signed),
            _ if message.to_lowercase().contains("reject") || message.to_lowercase().contains("cancel") => {
                Ok(Answer::Refused(message))
            }
            _ => Ok(Answer::Waiting),
        }
    }
}
