//! The part of XPath that a patch may name places by (RFC 5261 §4.1, and what FHIR's clients write).
//!
//! Steps by name, `*`, `.`, `..`, `@name`, `text()`, `comment()`, `node()`, `processing-instruction()`, `namespace::p`, `//`;
//! predicates with places, comparisons of texts, `and`, `or`, `not()`, `position()`, `last()`, `contains()`, `starts-with()`.

use roxmltree::Node;

/// Nesting of predicates.
const DEPTH: usize = 16;

/// What a path finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found<'a, 'i> {
    /// An element, text, comment, instruction, or the document.
    Node(Node<'a, 'i>),
    /// An attribute, by its place.
    Attribute(Node<'a, 'i>, usize),
    /// The declaration of the prefix that the path ends with.
    Namespace(Node<'a, 'i>),
}

/// A path, read. Names carry their namespaces.
#[derive(Clone, Debug)]
pub(super) struct XPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    /// Also everything below (`//`).
    deep: bool,
    test: Test,
    predicates: Vec<Expr>,
}

#[derive(Clone, Debug)]
enum Test {
    /// Namespace (`None` for any) and local name (`*` for any).
    Child(Option<String>, String),
    Attribute(Option<String>, String),
    Namespace(String),
    Own,
    Parent,
    Text,
    Comment,
    AnyNode,
    Instruction(Option<String>),
    Id(String),
}

#[derive(Clone, Debug)]
enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, bool, Box<Expr>),
    Text(String),
    Number(usize),
    Position,
    Last,
    Not(Box<Expr>),
    Contains(Box<Expr>, Box<Expr>),
    Starts(Box<Expr>, Box<Expr>),
    Path(XPath),
}

/// Namespaces by prefix; `None` is the default one.
pub(super) type Prefixes<'p> = &'p dyn Fn(Option<&str>) -> Option<String>;

type Read<T> = Result<T, String>;

impl XPath {
    /// Reads a path whose prefixes mean what `prefixes` says.
    pub(super) fn read(text: &str, prefixes: Prefixes<'_>) -> Read<Self> {
        let mut parser = Parser { text, at: 0, prefixes, depth: 0 };
        let path = parser.path()?;
        parser.blanks();
        match parser.rest() {
            "" => Ok(path),
            rest => Err(format!("`{rest}` is not understood in `{text}`")),
        }
    }

    /// The prefix that the path ends with, where it names a namespace.
    pub(super) fn prefix(&self) -> Option<&str> {
        match &self.steps.last()?.test {
            Test::Namespace(prefix) => Some(prefix),
            _ => None,
        }
    }

    /// What it finds, from `from` on, in document order.
    pub(super) fn find<'a, 'i>(&self, from: Node<'a, 'i>) -> Vec<Found<'a, 'i>> {
        let mut here = vec![Found::Node(from)];
        for step in &self.steps {
            let mut next: Vec<Found<'a, 'i>> = Vec::new();
            for one in here {
                let Found::Node(node) = one else { continue };
                let starts: Vec<Node<'a, 'i>> = if step.deep { node.descendants().collect() } else { vec![node] };
                for start in starts {
                    for found in step.from(start) {
                        if !next.contains(&found) {
                            next.push(found);
                        }
                    }
                }
            }
            here = next;
        }
        here
    }
}

fn named(name: &str, space: Option<&str>, wanted: &Option<String>, local: &str) -> bool {
    (local == "*" || name == local) && wanted.as_deref().is_none_or(|w| w == space.unwrap_or_default())
}

impl Step {
    fn from<'a, 'i>(&self, node: Node<'a, 'i>) -> Vec<Found<'a, 'i>> {
        let children = |want: &dyn Fn(&Node<'a, 'i>) -> bool| -> Vec<Found<'a, 'i>> {
            node.children().filter(|c| want(c)).map(Found::Node).collect()
        };
        let mut found: Vec<Found<'a, 'i>> = match &self.test {
            Test::Child(space, local) => {
                children(&|c| c.is_element() && named(c.tag_name().name(), c.tag_name().namespace(), space, local))
            }
            Test::Attribute(space, local) => node
                .attributes()
                .enumerate()
                .filter(|(_, a)| named(a.name(), a.namespace(), space, local))
                .map(|(n, _)| Found::Attribute(node, n))
                .collect(),
            Test::Namespace(prefix) => {
                let above = node.parent_element().and_then(|p| p.lookup_namespace_uri(Some(prefix)));
                let own = node.lookup_namespace_uri(Some(prefix));
                own.filter(|_| own != above).map(|_| Found::Namespace(node)).into_iter().collect()
            }
            Test::Own => vec![Found::Node(node)],
            Test::Parent => node.parent().map(Found::Node).into_iter().collect(),
            Test::Text => children(&|c| c.is_text()),
            Test::Comment => children(&|c| c.is_comment()),
            Test::AnyNode => children(&|_| true),
            Test::Instruction(name) => {
                children(&|c| c.pi().is_some_and(|pi| name.as_deref().is_none_or(|n| n == pi.target)))
            }
            Test::Id(id) => node
                .document()
                .descendants()
                .filter(|n| n.attribute("id") == Some(id) || n.attribute((roxmltree::NS_XML_URI, "id")) == Some(id))
                .take(1)
                .map(Found::Node)
                .collect(),
        };
        for predicate in &self.predicates {
            let size = found.len();
            let all = std::mem::take(&mut found);
            found =
                all.into_iter().enumerate().filter(|(n, f)| predicate.holds(*f, n + 1, size)).map(|(_, f)| f).collect();
        }
        found
    }
}

/// A value within a predicate.
enum Value {
    Texts(Vec<String>),
    Text(String),
    Number(usize),
    Truth(bool),
}

fn text_of(found: Found<'_, '_>) -> String {
    match found {
        Found::Node(node) if node.is_element() || node.is_root() => {
            node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect()
        }
        Found::Node(node) => node.text().unwrap_or_default().to_owned(),
        Found::Attribute(node, n) => node.attributes().nth(n).map_or_else(String::new, |a| a.value().to_owned()),
        Found::Namespace(_) => String::new(),
    }
}

impl Value {
    fn truth(&self, position: usize) -> bool {
        match self {
            Self::Texts(texts) => !texts.is_empty(),
            Self::Text(text) => !text.is_empty(),
            Self::Number(n) => *n == position,
            Self::Truth(truth) => *truth,
        }
    }

    fn texts(self) -> Vec<String> {
        match self {
            Self::Texts(texts) => texts,
            Self::Text(text) => vec![text],
            Self::Number(n) => vec![n.to_string()],
            Self::Truth(truth) => vec![truth.to_string()],
        }
    }
}

impl Expr {
    fn holds(&self, found: Found<'_, '_>, position: usize, size: usize) -> bool {
        self.value(found, position, size).truth(position)
    }

    fn value(&self, found: Found<'_, '_>, position: usize, size: usize) -> Value {
        let of = |e: &Expr| e.value(found, position, size);
        let first = |e: &Expr| of(e).texts().into_iter().next().unwrap_or_default();
        match self {
            Self::Or(a, b) => Value::Truth(a.holds(found, position, size) || b.holds(found, position, size)),
            Self::And(a, b) => Value::Truth(a.holds(found, position, size) && b.holds(found, position, size)),
            Self::Compare(a, equal, b) => {
                let (left, right) = (of(a).texts(), of(b).texts());
                Value::Truth(left.iter().any(|l| right.iter().any(|r| (l == r) == *equal)))
            }
            Self::Text(text) => Value::Text(text.clone()),
            Self::Number(n) => Value::Number(*n),
            Self::Position => Value::Number(position),
            Self::Last => Value::Number(size),
            Self::Not(of) => Value::Truth(!of.holds(found, position, size)),
            Self::Contains(a, b) => Value::Truth(first(a).contains(&first(b))),
            Self::Starts(a, b) => Value::Truth(first(a).starts_with(&first(b))),
            Self::Path(path) => match found {
                Found::Node(node) => Value::Texts(path.find(node).into_iter().map(text_of).collect()),
                other if matches!(path.steps.as_slice(), [Step { test: Test::Own, .. }]) => {
                    Value::Texts(vec![text_of(other)])
                }
                _ => Value::Texts(Vec::new()),
            },
        }
    }
}

struct Parser<'t, 'p> {
    text: &'t str,
    at: usize,
    prefixes: Prefixes<'p>,
    depth: usize,
}

impl<'t> Parser<'t, '_> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes `word` where it comes next.
    fn take(&mut self, word: &str) -> bool {
        self.blanks();
        let is_next = self.rest().starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn want(&mut self, word: &str) -> Read<()> {
        if self.take(word) {
            Ok(())
        } else {
            Err(format!("`{word}` is missing in `{}` before `{}`", self.text, self.rest()))
        }
    }

    fn name(&mut self) -> Option<&'t str> {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
            return None;
        }
        self.at += end;
        Some(name)
    }

    fn literal(&mut self) -> Option<String> {
        self.blanks();
        let mark = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let inner = &self.rest()[1..];
        let end = inner.find(mark)?;
        self.at += end + 2;
        Some(inner[..end].to_owned())
    }

    fn path(&mut self) -> Read<XPath> {
        let mut steps = Vec::new();
        let mut deep = if self.take("//") {
            true
        } else {
            let _ = self.take("/");
            false
        };
        loop {
            steps.push(self.step(deep)?);
            deep = if self.take("//") {
                true
            } else if self.take("/") {
                false
            } else {
                return Ok(XPath { steps });
            };
        }
    }

    fn step(&mut self, deep: bool) -> Read<Step> {
        let test = self.test()?;
        let mut predicates = Vec::new();
        while self.take("[") {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err(format!("predicates nested deeper than {DEPTH}"));
            }
            predicates.push(self.either()?);
            self.depth -= 1;
            self.want("]")?;
        }
        Ok(Step { deep, test, predicates })
    }

    fn test(&mut self) -> Read<Test> {
        if self.take("..") {
            return Ok(Test::Parent);
        }
        if self.take(".") {
            return Ok(Test::Own);
        }
        if self.take("@") || self.take("attribute::") {
            let (space, local) = self.qualified(false)?;
            return Ok(Test::Attribute(space, local));
        }
        if self.take("namespace::") {
            let name = self.name().ok_or("`namespace::` is followed by a prefix")?;
            return Ok(Test::Namespace(name.to_owned()));
        }
        let _ = self.take("child::");
        let begin = self.at;
        if let Some(name) = self.name()
            && self.take("(")
        {
            let argument = self.literal();
            self.want(")")?;
            return match (name, argument) {
                ("text", None) => Ok(Test::Text),
                ("comment", None) => Ok(Test::Comment),
                ("node", None) => Ok(Test::AnyNode),
                ("processing-instruction", name) => Ok(Test::Instruction(name)),
                ("id", Some(id)) => Ok(Test::Id(id)),
                _ => Err(format!("`{name}()` is not understood here")),
            };
        }
        self.at = begin;
        let (space, local) = self.qualified(true)?;
        Ok(Test::Child(space, local))
    }

    /// `f:name`, `name`, `*`, `f:*`.
    fn qualified(&mut self, is_element: bool) -> Read<(Option<String>, String)> {
        if self.take("*") {
            return Ok((None, "*".to_owned()));
        }
        let first = self.name().ok_or_else(|| format!("a name is missing in `{}` at `{}`", self.text, self.rest()))?;
        if self.rest().starts_with(':') && !self.rest().starts_with("::") {
            self.at += 1;
            let space = (self.prefixes)(Some(first)).ok_or_else(|| format!("the prefix `{first}` is not declared"))?;
            if self.take("*") {
                return Ok((Some(space), "*".to_owned()));
            }
            let local = self.name().ok_or_else(|| format!("a name is missing after `{first}:`"))?;
            return Ok((Some(space), local.to_owned()));
        }
        let space = if is_element { (self.prefixes)(None) } else { None };
        Ok((Some(space.unwrap_or_default()), first.to_owned()))
    }

    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let rest = self.rest();
        let ends = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '('));
        let is_next = rest.strip_prefix(word).is_some_and(|r| r.chars().next().is_none_or(ends));
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn either(&mut self) -> Read<Expr> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Read<Expr> {
        let mut left = self.compared()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.compared()?));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Read<Expr> {
        let left = self.operand()?;
        let equal = if self.take("!=") {
            false
        } else if self.take("=") {
            true
        } else {
            return Ok(left);
        };
        Ok(Expr::Compare(Box::new(left), equal, Box::new(self.operand()?)))
    }

    fn operand(&mut self) -> Read<Expr> {
        self.depth += 1;
        if self.depth > DEPTH * 4 {
            return Err("a predicate is nested too deep".to_owned());
        }
        let made = self.one_operand();
        self.depth -= 1;
        made
    }

    fn one_operand(&mut self) -> Read<Expr> {
        if let Some(text) = self.literal() {
            return Ok(Expr::Text(text));
        }
        self.blanks();
        let digits = self.rest().len() - self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let number = self.rest()[..digits].parse().map_err(|_| "a number is too large".to_owned())?;
            self.at += digits;
            return Ok(Expr::Number(number));
        }
        if self.take("(") {
            let inner = self.either()?;
            self.want(")")?;
            return Ok(inner);
        }
        let begin = self.at;
        if let Some(name) = self.name()
            && matches!(name, "position" | "last" | "not" | "contains" | "starts-with")
            && self.take("(")
        {
            let made = match name {
                "position" => Expr::Position,
                "last" => Expr::Last,
                "not" => Expr::Not(Box::new(self.either()?)),
                _ => {
                    let left = Box::new(self.either()?);
                    self.want(",")?;
                    let right = Box::new(self.either()?);
                    if name == "contains" { Expr::Contains(left, right) } else { Expr::Starts(left, right) }
                }
            };
            self.want(")")?;
            return Ok(made);
        }
        self.at = begin;
        self.path().map(Expr::Path)
    }
}
