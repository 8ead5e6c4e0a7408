//! Invariants: FHIRPath of the definitions and of profiles, and those said in Rust instead.

use super::issue::Severity;
use super::profile::Invariant;
use super::run::Run;
use crate::definitions::{self, Definitions};
use crate::path::{Expression, Host, Item, Mode, Node, PathError};
use crate::terminology::Membership;
use crate::tree::Value;
use std::cell::RefCell;
use std::sync::LazyLock;

/// How an invariant of the definitions is checked.
enum How {
    /// By its expression.
    Path(Expression),
    /// In Rust, where what it is about is looked at.
    Elsewhere,
    /// `extension.exists() != value.exists()`
    ExtensionOrValue,
    /// `operator = 'exists' implies (answer is Boolean)`, which means FHIR's boolean
    ExistsTakesBoolean,
}

/// Invariants that are checked elsewhere, with what they are about.
const ELSEWHERE: [&str; 9] = ["dom-2", "dom-3", "dom-4", "dom-5", "txt-1", "txt-2", "ref-1", "bdl-7", "ele-1"];

static HOW: LazyLock<Vec<How>> = LazyLock::new(|| {
    let r4 = definitions::r4();
    let how = |constraint: &definitions::Constraint| {
        if ELSEWHERE.contains(&constraint.key) {
            return How::Elsewhere;
        }
        match constraint.key {
            "ext-1" => return How::ExtensionOrValue,
            "que-7" => return How::ExistsTakesBoolean,
            _ => {}
        }
        match Expression::compile(constraint.expression, r4, definitions::TypeId::UNKNOWN, Mode::Lenient) {
            Ok(expression) => How::Path(expression),
            Err(_) => How::Elsewhere,
        }
    };
    r4.constraints.iter().map(how).collect()
});

impl<'t> Run<'_, 't> {
    /// The invariants of the definitions by their numbers.
    pub fn invariants(&mut self, node: &Node<'t>, numbers: &[u16]) {
        for number in numbers {
            let constraint = self.r4.constraints[usize::from(*number)];
            let held = match &HOW[usize::from(*number)] {
                How::Elsewhere => continue,
                How::ExtensionOrValue => {
                    let has = |name: &str| {
                        let members = node.value.into_iter().flat_map(Value::members);
                        members.into_iter().any(|(n, _)| n.trim_start_matches('_').starts_with(name))
                    };
                    Ok(has("extension") != has("value"))
                }
                How::ExistsTakesBoolean => Ok(node.value.is_none_or(|v| {
                    v.get_text("operator").as_deref() != Some("exists") || v.get("answerBoolean").is_some()
                })),
                How::Path(expression) => self.holds(node, expression),
            };
            self.judge(held, constraint.key, constraint.is_error, constraint.human);
        }
    }

    /// An invariant of a profile.
    pub fn invariant(&mut self, node: &Node<'t>, invariant: &Invariant) {
        let held = match &invariant.expression {
            Ok(expression) => self.holds(node, expression),
            Err(problem) => {
                let text = format!("the invariant `{}` cannot be checked: {problem}", invariant.key);
                return self.warn_once("not-supported", text);
            }
        };
        self.judge(held, &invariant.key, invariant.is_error && !invariant.is_practice, &invariant.human);
    }

    fn judge(&mut self, held: Result<bool, PathError>, key: &str, is_error: bool, human: &str) {
        match held {
            Ok(true) => {}
            Ok(false) => {
                let severity = if is_error { Severity::Error } else { Severity::Warning };
                self.say(severity, "invariant", format!("{key}: {human}"));
            }
            Err(e) => self.warn_once("processing", format!("the invariant `{key}` cannot be checked: {e}")),
        }
    }

    /// Whether an expression holds on an element. Nothing is not `true`, as in the reference implementations: `per-1` of a
    /// month and a day within it.
    fn holds(&mut self, node: &Node<'t>, expression: &Expression) -> Result<bool, PathError> {
        if self.steps == 0 {
            return Err(PathError::Limit("steps of all invariants"));
        }
        let Some(mut environment) = self.environment.take() else { return Ok(true) };
        environment.context.clear();
        environment.context.push(Item::Node(*node));
        environment.steps = crate::limits::EVALUATION_STEPS.min(self.steps);
        let around = Around::of(self);
        let (items, spent) = expression.evaluate_counted(&environment, &around);
        let doubt = around.doubt.take();
        self.environment = Some(environment);
        self.steps = self.steps.saturating_sub(spent);
        let items = items?;
        Ok(match (items.as_slice(), doubt) {
            ([], Some(set)) => {
                return Err(PathError::Execution(format!("what is of the value set `{set}` is not known here")));
            }
            (items, _) => is_true(items, self.r4),
        })
    }

    /// The items an expression gives on an element; nothing where it fails.
    pub fn evaluated(&mut self, node: &Node<'t>, expression: &Expression) -> Vec<Item<'t>> {
        let Some(mut environment) = self.environment.take() else { return Vec::new() };
        environment.context.clear();
        environment.context.push(Item::Node(*node));
        environment.steps = crate::limits::EVALUATION_STEPS.min(self.steps);
        let (items, spent) = expression.evaluate_counted(&environment, &Around::of(self));
        self.environment = Some(environment);
        self.steps = self.steps.saturating_sub(spent);
        items.unwrap_or_default()
    }
}

/// What invariants may ask: the bundle around, value sets, profiles.
struct Around<'r, 'v, 't> {
    run: &'r Run<'v, 't>,
    /// A value set that was asked for and is not known.
    doubt: RefCell<Option<String>>,
}

impl<'r, 'v, 't> Around<'r, 'v, 't> {
    fn of(run: &'r Run<'v, 't>) -> Self {
        Self { run, doubt: RefCell::default() }
    }
}

/// Whether what an invariant gives is met.
fn is_true(items: &[Item<'_>], definitions: &Definitions) -> bool {
    match items {
        [] => false,
        [Item::Boolean(b)] => *b,
        [one] => !matches!(one.plain(definitions), Some(Item::Boolean(false))),
        _ => true,
    }
}

impl<'t> Host<'t> for Around<'_, '_, 't> {
    fn resolve(&self, reference: &str) -> Option<Node<'t>> {
        self.run.resolved(reference).map(|v| Node::resource(v, self.run.r4)).or_else(|| {
            // What is not here is still of the type its reference names.
            let target = crate::search::Target::read(reference)?;
            Some(Node::of_type(self.run.resource_type(target.kind?)?))
        })
    }

    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match self.run.terminology().in_value_set(value_set, system, code) {
            Membership::In => Some(true),
            Membership::Out => Some(false),
            Membership::Unknown => {
                *self.doubt.borrow_mut() = Some(value_set.to_owned());
                None
            }
        }
    }

    fn conforms_to(&self, node: &Node<'t>, profile: &str) -> Option<bool> {
        let Some(Ok(profile)) = self.run.library().profile(profile) else { return None };
        if self.run.depth >= crate::limits::PROFILE_DEPTH {
            return None;
        }
        let mut branch = self.run.branch();
        branch.set_environment();
        branch.profile(&profile, node);
        Some(super::is_valid(&branch.issues))
    }
}
