//! Navigation, utilities (N1 §5.8–§5.9) and the functions of the FHIR profile (R4 §2.9.1.5).

use super::super::ast::Call;
use super::super::equality::as_quantity;
use super::super::eval::{Evaluation, Frame, execution};
use super::super::item::{Item, Items, Node, backbone_as_base};
use super::super::{PathError, Result};
use super::{Function as F, yes};
use crate::definitions::{TypeId, TypeKind};
use crate::limits;
use crate::tree::Value;
use std::borrow::Cow;

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

pub(super) fn call<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: Items<'t>,
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    match call.function {
        F::Children => {
            let mut out = Vec::new();
            input.iter().for_each(|item| eval.children(item, &mut out));
            eval.spend(out.len())?;
            Ok(out)
        }
        F::Descendants => descendants(eval, input),
        F::Trace => trace(eval, call, input, frame),
        F::DefineVariable => define_variable(eval, call, input, frame),
        F::Now => Ok(vec![Item::Moment(eval.env.now)]),
        F::Today => Ok(vec![Item::Moment(eval.env.now.date())]),
        F::TimeOfDay => Ok(vec![Item::Moment(eval.env.now.time())]),
        F::Type => Ok(input.iter().map(|item| type_of(eval, item)).collect()),
        F::Extension => extension(eval, call, &input, frame),
        F::HasValue => yes(matches!(input.as_slice(), [item] if value_of(eval, item).is_some())),
        F::GetValue => Ok(match input.as_slice() {
            [item] => value_of(eval, item).into_iter().collect(),
            _ => Vec::new(),
        }),
        F::Resolve => {
            let mut out = Vec::new();
            for item in &input {
                out.extend(resolve(eval, item).map(Item::Node));
            }
            Ok(out)
        }
        F::MemberOf => member_of(eval, call, &input, frame),
        F::Subsumes | F::SubsumedBy => subsumes(eval, call, &input, frame),
        F::ConformsTo => conforms_to(eval, call, &input, frame),
        F::HtmlChecks => yes(true),
        F::Comparable => {
            let other = eval.arg(call, 0, frame)?;
            match (eval.value(call, &input)?, eval.single(&other, "an argument")?) {
                (Some(a), Some(b)) => match (as_quantity(&a), as_quantity(&b)) {
                    (Some(a), Some(b)) => yes(a.compare(&b).is_some()),
                    _ => yes(a.system().is_some() && a.system() == b.system()),
                },
                _ => Ok(Vec::new()),
            }
        }
        F::GetResourceKey => {
            let key = |item: &Item<'t>| match item {
                Item::Node(node) => node.value.and_then(|v| v.get_text("id")).map(Item::Text),
                _ => None,
            };
            Ok(input.iter().filter_map(key).collect())
        }
        F::GetReferenceKey => reference_key(eval, call, &input, frame),
        F::CheckModifiers => Ok(input),
        function => Err(PathError::Execution(format!("`{}` is not supported here", function.name()))),
    }
}

fn descendants<'t>(eval: &Evaluation<'_, 't>, input: Items<'t>) -> Result<Items<'t>> {
    let mut out: Items<'t> = Vec::new();
    let mut round = input;
    for _ in 0..limits::EVALUATION_DEPTH {
        let mut next = Vec::new();
        round.iter().for_each(|item| eval.children(item, &mut next));
        if next.is_empty() {
            break;
        }
        eval.spend(next.len())?;
        out.extend(next.iter().cloned());
        eval.fits(&out)?;
        round = next;
    }
    Ok(out)
}

/// `defineVariable(name [, expression])`: the value is that of the expression on the whole input, or the input itself.
fn define_variable<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: Items<'t>,
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let name = eval.text(&eval.arg(call, 0, frame)?, "the name of a variable")?;
    let Some(name) = name.filter(|n| !n.is_empty()) else { return execution("a variable needs a name") };
    let items = match call.args.get(1) {
        Some(expression) => eval.scoped(expression, Frame { this: &input, ..frame })?,
        None => input.clone(),
    };
    eval.define(&name, items)?;
    Ok(input)
}

fn trace<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: Items<'t>, frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let name = eval.text(&eval.arg(call, 0, frame)?, "the name of a trace")?.unwrap_or_default();
    match call.args.get(1) {
        None => eval.host.trace(&name, &input),
        Some(projection) => {
            let mut shown = Vec::new();
            for (n, item) in input.iter().enumerate() {
                shown.extend(eval.each(projection, item, n, frame)?);
            }
            eval.host.trace(&name, &shown);
        }
    }
    Ok(input)
}

fn type_of<'t>(eval: &Evaluation<'_, 't>, item: &Item<'t>) -> Item<'t> {
    match item {
        Item::Node(node) if node.id != TypeId::UNKNOWN => {
            Item::Type { namespace: "FHIR", name: backbone_as_base(node.id, eval.definitions()).to_owned().into() }
        }
        other => {
            let system = other.plain(eval.definitions()).and_then(|p| p.system());
            Item::Type { namespace: "System", name: system.map_or("Any", |s| s.name()).into() }
        }
    }
}

/// The value of a primitive; `None` for what is none or has none.
fn value_of<'t>(eval: &Evaluation<'_, 't>, item: &Item<'t>) -> Option<Item<'t>> {
    match item {
        Item::Node(node) => {
            let primitive = eval.definitions().get(node.id).kind == TypeKind::Primitive || !node.is_complex();
            node.value.filter(|_| primitive).and_then(|_| item.plain(eval.definitions()))
        }
        other => Some(other.clone()),
    }
}

fn extension<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let Some(url) = eval.text(&eval.arg(call, 0, frame)?, "the URL of an extension")? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    input.iter().for_each(|item| eval.step(item, "extension", &mut found));
    eval.spend(found.len())?;
    found.retain(|item| match item {
        Item::Node(node) => node.value.and_then(|v| v.get_text("url")).is_some_and(|u| u == url),
        _ => false,
    });
    Ok(found)
}

/// The text of a reference, canonical or URI.
fn reference_text<'t>(eval: &Evaluation<'_, 't>, item: &Item<'t>) -> Option<Cow<'t, str>> {
    match item {
        Item::Node(node) if node.is_complex() => node.value?.get_text("reference"),
        other => match other.plain(eval.definitions())? {
            Item::Text(text) => Some(text),
            _ => None,
        },
    }
}

fn resolve<'t>(eval: &Evaluation<'_, 't>, item: &Item<'t>) -> Option<Node<'t>> {
    let Some(reference) = reference_text(eval, item) else {
        return match item {
            Item::Node(node) => eval.host.resolve_logical(node.value.filter(|v| v.is_object())?),
            _ => None,
        };
    };
    let definitions = eval.definitions();
    let root = match eval.env.root_resource.as_ref().or(eval.env.resource.as_ref())? {
        Item::Node(node) => node.value,
        _ => None,
    };
    if let (Some(id), Some(root)) = (reference.strip_prefix('#'), root) {
        if id.is_empty() {
            return Some(Node::resource(root, definitions));
        }
        let contained = root.get("contained").into_iter().flat_map(Value::items);
        let found = contained.into_iter().find(|c| c.get_text("id").as_deref() == Some(id));
        return found.map(|c| Node::resource(c, definitions));
    }
    let in_bundle = root.filter(|r| r.get_text("resourceType").as_deref() == Some("Bundle")).and_then(|bundle| {
        let matches = |entry: &Value<'t>| {
            entry.get_text("fullUrl").is_some_and(|url| {
                url == reference || (!reference.contains(':') && url.ends_with(&format!("/{reference}")))
            })
        };
        bundle.get("entry").into_iter().flat_map(Value::items).find(matches)?.get("resource")
    });
    match in_bundle {
        Some(resource) => Some(Node::resource(resource, definitions)),
        None => eval.host.resolve(&reference),
    }
}

/// `Patient/1` → `1`, where the type is the one asked for, or none is.
fn reference_key<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let wanted = match call.args.first() {
        Some(super::super::ast::Expr::Member { of: None, name, .. }) => Some(name.to_string()),
        Some(_) => eval.text(&eval.arg(call, 0, frame)?, "the name of a type")?.map(Cow::into_owned),
        None => None,
    };
    let key = |item: &Item<'t>| {
        let text = reference_text(eval, item)?;
        let target = crate::search::Target::read(&text)?;
        (wanted.is_none() || target.kind == wanted.as_deref()).then(|| Item::text(target.id))
    };
    Ok(input.iter().filter_map(key).collect())
}

fn member_of<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let Some(url) = eval.text(&eval.arg(call, 0, frame)?, "the URL of a value set")? else { return Ok(Vec::new()) };
    let [item] = input else {
        return if input.is_empty() { Ok(Vec::new()) } else { execution("`memberOf` takes one item, more are given") };
    };
    let asked = |system: Option<&str>, code: &str| {
        eval.host.member_of(&url, system, code).or_else(|| {
            let set = eval.definitions().value_set(&url)?;
            set.contains(system, code)
        })
    };
    let coding = |value: Value<'t>| {
        let code = value.get_text("code")?;
        asked(value.get_text("system").as_deref(), &code)
    };
    let answer = match item {
        Item::Node(node) if node.is_complex() => match node.value.and_then(|v| v.get("coding")) {
            Some(codings) => {
                let answers: Vec<_> = codings.items().map(coding).collect();
                if answers.contains(&Some(true)) {
                    Some(true)
                } else if answers.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            None => node.value.and_then(coding),
        },
        other => match other.plain(eval.definitions()) {
            Some(Item::Text(code)) => asked(None, &code),
            _ => return execution("`memberOf` takes a code, a Coding or a CodeableConcept"),
        },
    };
    Ok(answer.map(Item::Boolean).into_iter().collect())
}

/// The codings of a Coding or a CodeableConcept: system and code.
fn codings<'t>(items: &[Item<'t>]) -> Result<Vec<(Cow<'t, str>, Cow<'t, str>)>> {
    let [Item::Node(node)] = items else {
        return execution("`subsumes` compares one Coding or CodeableConcept with one");
    };
    let Some(value) = node.value.filter(|v| v.is_object()) else {
        return execution("`subsumes` compares Codings or CodeableConcepts");
    };
    let all = value.get("coding").unwrap_or(value).each();
    Ok(all.filter_map(|c| Some((c.get_text("system")?, c.get_text("code")?))).collect())
}

/// Whether any code of the input is one of the argument or above one; below one for `subsumedBy`.
fn subsumes<'t>(eval: &Evaluation<'_, 't>, call: &Call, input: &[Item<'t>], frame: Frame<'_, 't>) -> Result<Items<'t>> {
    let other = eval.arg(call, 0, frame)?;
    if input.is_empty() || other.is_empty() {
        return Ok(Vec::new());
    }
    let (above, below) = match call.function {
        F::Subsumes => (codings(input)?, codings(&other)?),
        _ => (codings(&other)?, codings(input)?),
    };
    let mut answer = Some(false);
    for (system, code) in &above {
        for (_, lower) in below.iter().filter(|(s, _)| s == system) {
            match if code == lower { Some(true) } else { eval.host.subsumes(system, code, lower) } {
                Some(true) => return yes(true),
                Some(false) => {}
                None => answer = None,
            }
        }
    }
    Ok(answer.map(Item::Boolean).into_iter().collect())
}

fn conforms_to<'t>(
    eval: &Evaluation<'_, 't>,
    call: &Call,
    input: &[Item<'t>],
    frame: Frame<'_, 't>,
) -> Result<Items<'t>> {
    let Some(url) = eval.text(&eval.arg(call, 0, frame)?, "the URL of a profile")? else { return Ok(Vec::new()) };
    let [item] = input else {
        return if input.is_empty() {
            Ok(Vec::new())
        } else {
            execution("`conformsTo` takes one item, more are given")
        };
    };
    let Item::Node(node) = item else { return execution("`conformsTo` takes an element") };
    if let Some(answer) = eval.host.conforms_to(node, &url) {
        return yes(answer);
    }
    match url.strip_prefix(CORE).and_then(|name| eval.definitions().find(name)) {
        Some(id) => yes(eval.definitions().is_a(node.id, id)),
        None => execution(format!("the profile `{url}` is not known")),
    }
}
