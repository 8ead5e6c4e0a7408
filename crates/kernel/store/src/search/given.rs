//! Values as they come from `mach-fhir`, made into rows' values.

use super::value::Value;
use mach_fhir::IndexValue;

/// Seconds by which a local minute (Asia/Ho_Chi_Minh) is ahead of UTC.
const LOCAL: i64 = 7 * 3600;

pub(super) fn value(value: &IndexValue) -> Value {
    match value {
        IndexValue::Token { param, system, code } => {
            Value::Token { param: *param, system: system.clone(), code: code.clone() }
        }
        IndexValue::Text { param, text } => Value::Text { param: *param, text: text.clone() },
        IndexValue::Date { param, low, high } => {
            Value::Date { param: *param, low: low * 60 - LOCAL, high: high * 60 - LOCAL + 59 }
        }
        IndexValue::Reference { param, target, id } => {
            Value::Reference { param: *param, target: *target, id: id.clone() }
        }
    }
}
