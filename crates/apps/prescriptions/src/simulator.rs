//! A simulator of the national prescription system, as far as its documentation goes, that fails where it is told to.

use crate::gateway::{Call, Transport};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong with the simulator's next answer; signing in is never concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not answer in time.
    Slow,
    /// It answers with something else.
    Garbage,
    /// It takes what it is told, and the answer is lost.
    Lost,
    /// It refuses.
    Refuses,
    /// It gives the answer of another prescription.
    Repeats,
    /// It fails inside.
    Broken,
}

#[derive(Debug, Default)]
struct Known {
    prescriptions: BTreeMap<String, Value>,
    /// By code, pharmacy and invoice.
    sales: BTreeMap<(String, String, String), Value>,
    asked: usize,
    faults: VecDeque<Fault>,
}

/// The system as far as its documentation goes.
#[derive(Clone, Debug, Default)]
pub struct Simulator {
    known: Arc<Mutex<Known>>,
}

type Said = (u16, String);

fn refused(status: u16, why: &str) -> Said {
    (status, json!({ "error": why }).to_string())
}

fn word<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Simulator {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next answers go wrong like this, one after another.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.known().faults.extend(faults);
    }

    /// The prescriptions it has, by code.
    pub fn prescriptions(&self) -> BTreeMap<String, Value> {
        self.known().prescriptions.clone()
    }

    /// The sales it was told of, those of [`Simulator::sell`] too.
    pub fn sales(&self) -> Vec<Value> {
        self.known().sales.values().cloned().collect()
    }

    /// How often it was asked, without signing in.
    pub fn asked(&self) -> usize {
        self.known().asked
    }

    /// A pharmacy elsewhere sells a medicine of a prescription.
    pub fn sell(&self, code: &str, (place, invoice): (&str, &str), drug: &str, quantity: &str) {
        let line = json!({"ma_thuoc_da_ke_don": drug, "so_luong": quantity});
        let sale =
            json!({"ma_don_thuoc": code, "ma_hoa_don": invoice, "ma_co_so": place, "thong_tin_don_thuoc": [line]});
        self.known().sales.insert((code.to_owned(), place.to_owned(), invoice.to_owned()), sale);
    }
}

impl Known {
    fn prescription(&mut self, token: &str, body: &Value) -> Said {
        if token != "sim" {
            return refused(401, "Chưa đăng nhập");
        }
        let wanted = ["loai_don_thuoc", "ho_ten_benh_nhan", "ngay_sinh_benh_nhan", "ngay_gio_ke_don", "signature"];
        if let Some(missing) = wanted.iter().find(|name| word(body, name).is_empty()) {
            return refused(422, &format!("Thiếu trường {missing}"));
        }
        let code = word(body, "ma_don_thuoc").to_owned();
        if crate::code::parse(&code).as_deref() != Some(&code) {
            return refused(422, "Mã đơn thuốc sai");
        }
        // The signature says another time with each try; the prescription is the same.
        let same = |there: &Value| {
            let plain = |v: &Value| v.as_object().map(|o| o.iter().filter(|(k, _)| *k != "signature").count());
            let fields = |v: &Value| v.as_object().cloned().unwrap_or_default();
            plain(there) == plain(body) && fields(there).iter().all(|(k, v)| k == "signature" || body.get(k) == Some(v))
        };
        if self.prescriptions.get(&code).is_some_and(|there| !same(there)) {
            return refused(409, "Mã đơn thuốc đã có");
        }
        self.prescriptions.insert(code.clone(), body.clone());
        (200, json!({"ma_don_thuoc": code, "message": "ok"}).to_string())
    }

    fn sale(&mut self, app: (&str, &str), body: &Value) -> Said {
        if app.0.is_empty() || app.1.is_empty() {
            return refused(401, "Sai app-key");
        }
        let (code, invoice) = (word(body, "ma_don_thuoc").to_owned(), word(body, "ma_hoa_don").to_owned());
        if !self.prescriptions.contains_key(&code) {
            return refused(422, "Không có đơn thuốc");
        }
        if invoice.is_empty() || invoice.chars().count() > crate::gateway::INVOICE_CHARS {
            return refused(422, "Mã hóa đơn sai");
        }
        self.sales.insert((code.clone(), word(body, "ma_co_so").to_owned(), invoice), body.clone());
        (200, json!({"ma_don_thuoc": code, "message": "ok"}).to_string())
    }

    fn told(&self, app: (&str, &str), code: &str) -> Said {
        if app.0.is_empty() || app.1.is_empty() {
            return refused(401, "Sai app-key");
        }
        let Some(there) = self.prescriptions.get(code) else { return refused(404, "Không có đơn thuốc") };
        let mut answer = there.clone();
        let sales: Vec<_> = self.sales.iter().filter(|((of, ..), _)| of == code).map(|(_, s)| s.clone()).collect();
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("hoa_don".to_owned(), Value::Array(sales));
        }
        (200, answer.to_string())
    }
}

impl Transport for Simulator {
    fn ask(&self, call: &Call<'_>) -> Result<Said, String> {
        let nothing = Value::Null;
        let body = call.body.unwrap_or(&nothing);
        if call.path.starts_with("/api/auth/") {
            return Ok(match word(body, "password") {
                "" => refused(401, "Sai mật khẩu"),
                _ => (200, json!({"token": "sim"}).to_string()),
            });
        }
        let mut known = self.known();
        known.asked += 1;
        let fault = known.faults.pop_front();
        match fault {
            Some(Fault::Slow) => return Err("no answer in time".to_owned()),
            Some(Fault::Garbage) => return Ok((200, "<html>Bảo trì</html>".to_owned())),
            Some(Fault::Refuses) => return Ok(refused(422, "Từ chối theo kịch bản")),
            Some(Fault::Repeats) => return Ok((200, json!({"ma_don_thuoc": "00000aaaaaaa-c"}).to_string())),
            Some(Fault::Broken) => return Ok(refused(500, "Lỗi hệ thống")),
            Some(Fault::Lost) | None => {}
        }
        let said = match (call.path, call.body) {
            ("/api/v1/gui-don-thuoc", Some(body)) => known.prescription(call.token, body),
            ("/api/v1/cap-nhat-don-thuoc", Some(body)) => known.sale(call.app, body),
            (path, None) => match path.strip_prefix("/api/v1/thong-tin-don-thuoc/") {
                Some(code) => known.told(call.app, code),
                None => refused(404, "Không có"),
            },
            _ => refused(404, "Không có"),
        };
        match fault {
            Some(Fault::Lost) => Err("the answer was lost".to_owned()),
            _ => Ok(said),
        }
    }
}
