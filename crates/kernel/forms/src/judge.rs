//! Questions about answers that stand outside the form: rules of law, read from lists.

use crate::answers::Answers;
use crate::form::Form;
use crate::limits;
use crate::value::Value;
use mach_fhir::Decimal;
use mach_fhir::definitions::{self, TypeId};
use mach_fhir::path::moment::{Moment, MomentKind};
use mach_fhir::path::{self, Environment, Expression, Host, Items, Mode};

/// A condition upon answers: FHIRPath in which `` %`link-id` `` is the answers of a question, a code for a choice, the bare
/// number for a quantity.
#[derive(Debug)]
pub struct Rule {
    expression: Expression,
}

struct Given<'g, 't> {
    form: &'g Form,
    answers: &'g Answers,
    lifetime: std::marker::PhantomData<&'t ()>,
}

impl<'t> Host<'t> for Given<'_, 't> {
    fn variable(&self, name: &str) -> Option<Items<'t>> {
        self.form.path_of(name)?;
        Some(self.answers.values(self.form, name).into_iter().filter_map(item).collect())
    }
}

fn item<'t>(value: &Value) -> Option<path::Item<'t>> {
    let moment = |text: &str, kind| Moment::parse(text, kind).map(path::Item::Moment);
    Some(match value {
        Value::Boolean(b) => path::Item::Boolean(*b),
        Value::Integer(n) => path::Item::Integer(*n),
        Value::Decimal(digits) | Value::Quantity { value: digits, .. } => path::Item::Decimal(Decimal::parse(digits)?),
        Value::Date(text) => moment(text, MomentKind::Date)?,
        Value::DateTime(text) => moment(text, MomentKind::DateTime)?,
        Value::Time(text) => moment(text, MomentKind::Time)?,
        Value::Text(text) | Value::Uri(text) => path::Item::text(text.clone()),
        Value::Coding(c) => path::Item::text(c.code.clone()),
        Value::Attachment(_) => path::Item::Boolean(true),
        Value::Reference { reference, .. } => path::Item::text(reference.clone()),
    })
}

impl Rule {
    /// Reads a condition.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn compile(text: &str) -> Result<Self, String> {
        Expression::compile(text, definitions::r4(), TypeId::UNKNOWN, Mode::Lenient)
            .map(|expression| Self { expression })
            .map_err(|e| format!("`{text}`: {e}"))
    }

    /// Whether it holds; `None` where the answers do not say.
    ///
    /// # Errors
    /// Where it cannot be computed, and where it gives anything but true or false.
    pub fn holds(&self, form: &Form, answers: &Answers) -> Result<Option<bool>, String> {
        let definitions = definitions::r4();
        let mut environment = Environment::of(definitions, path::Item::Boolean(true));
        (environment.context, environment.resource, environment.root_resource) = (Vec::new(), None, None);
        environment.steps = limits::STEPS;
        let given = Given { form, answers, lifetime: std::marker::PhantomData };
        match self.expression.evaluate_in(&environment, &given).map_err(|e| e.to_string())?.as_slice() {
            [] => Ok(None),
            [path::Item::Boolean(b)] => Ok(Some(*b)),
            _ => Err(format!("`{}` gives neither true nor false", self.expression.text())),
        }
    }
}
