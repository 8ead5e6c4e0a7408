//! Tokens to the compiled form: precedence climbing over the grammar of N1 §12.

use super::ast::{Call, Expr, Literal, Op};
use super::functions::Function;
use super::item::TypeRef;
use super::lexer::{Token, tokens};
use super::quantity::{Quantity, Unit};
use super::{PathError, Result};
use crate::decimal::Decimal;
use crate::definitions::{Definitions, TypeKind};
use crate::limits;
use std::sync::OnceLock;

pub(super) fn parse(text: &str, definitions: &Definitions) -> Result<Expr> {
    if text.len() > limits::EXPRESSION_BYTES {
        return Err(PathError::Limit("characters of an expression"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, height: 0, definitions };
    let root = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(root),
        _ => parser.fail("text after the end of the expression"),
    }
}

struct Parser<'d> {
    tokens: Vec<(Token, usize)>,
    at: usize,
    /// Levels of recursion of the parser.
    depth: usize,
    /// Height of the part parsed last: what walks it recurses so deep.
    height: usize,
    definitions: &'d Definitions,
}

/// How tightly `is` and `as` bind.
const TYPE_POWER: u8 = 8;
const UNARY_POWER: u8 = 11;

fn operator(token: &Token) -> Option<(Op, u8)> {
    Some(match token {
        Token::Name(name, false) => match name.as_str() {
            "implies" => (Op::Implies, 1),
            "or" => (Op::Or, 2),
            "xor" => (Op::Xor, 2),
            "and" => (Op::And, 3),
            "in" => (Op::In, 4),
            "contains" => (Op::Contains, 4),
            "div" => (Op::Div, 10),
            "mod" => (Op::Mod, 10),
            _ => return None,
        },
        Token::Sign(sign) => match *sign {
            "=" => (Op::Equal, 5),
            "!=" => (Op::NotEqual, 5),
            "~" => (Op::Equivalent, 5),
            "!~" => (Op::NotEquivalent, 5),
            "<" => (Op::Less, 6),
            "<=" => (Op::LessOrEqual, 6),
            ">" => (Op::Greater, 6),
            ">=" => (Op::GreaterOrEqual, 6),
            "|" => (Op::Union, 7),
            "+" => (Op::Add, 9),
            "-" => (Op::Subtract, 9),
            "&" => (Op::Concatenate, 9),
            "*" => (Op::Multiply, 10),
            "/" => (Op::Divide, 10),
            _ => return None,
        },
        _ => return None,
    })
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(PathError::Syntax { at: self.tokens[self.at].1, problem: problem.into() })
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(s) if *s == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.accept(sign) { Ok(()) } else { self.fail(format!("`{sign}` is missing")) }
    }

    /// An expression whose operators bind at least as tightly as `power`.
    fn expression(&mut self, power: u8) -> Result<Expr> {
        self.depth += 1;
        if self.depth > limits::EXPRESSION_DEPTH {
            return Err(PathError::Limit("levels of an expression"));
        }
        let mut left = self.unary()?;
        let mut height = self.height;
        loop {
            if let Token::Name(word, false) = self.peek()
                && (word == "is" || word == "as")
                && TYPE_POWER >= power
            {
                let is = word == "is";
                self.next();
                let kind = self.type_name()?;
                let of = Box::new(left);
                left = if is { Expr::Is { of, kind } } else { Expr::As { of, kind } };
                height = self.above(height)?;
                continue;
            }
            let Some((op, tight)) = operator(self.peek()).filter(|(_, tight)| *tight >= power) else { break };
            self.next();
            let right = self.expression(tight + 1)?;
            height = self.above(height.max(self.height))?;
            left = Expr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
        self.depth -= 1;
        self.height = height;
        Ok(left)
    }

    /// The height of a part over parts of `height`, within the limit.
    fn above(&mut self, height: usize) -> Result<usize> {
        self.height = height + 1;
        if self.height > limits::EXPRESSION_DEPTH {
            return Err(PathError::Limit("levels of an expression"));
        }
        Ok(self.height)
    }

    fn unary(&mut self) -> Result<Expr> {
        if self.is_sign("-") || self.is_sign("+") {
            let minus = self.accept("-");
            if !minus {
                self.accept("+");
            }
            let of = Box::new(self.expression(UNARY_POWER)?);
            self.above(self.height)?;
            return Ok(if minus { Expr::Negate(of) } else { Expr::Plus(of) });
        }
        self.height = 1;
        let mut left = self.term()?;
        loop {
            let height = self.height;
            if self.accept(".") {
                left = self.invocation(Some(left))?;
                self.above(height.max(self.height))?;
            } else if self.accept("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                self.above(height.max(self.height))?;
                left = Expr::At { of: Box::new(left), index: Box::new(index) };
            } else {
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Expr> {
        let literal = match self.peek().clone() {
            Token::Name(word, false) if word == "true" || word == "false" => Literal::Boolean(word == "true"),
            Token::Name(..) | Token::Special(_) => return self.invocation(None),
            Token::Variable(name) => {
                self.next();
                return Ok(Expr::Variable(name.into()));
            }
            Token::Text(text) => Literal::Text(text.into()),
            Token::Moment(moment) => Literal::Moment(moment),
            Token::Integer(number) => {
                self.next();
                return Ok(self.measured(Decimal::whole(number), Literal::Integer(number)));
            }
            Token::Decimal(number) => {
                self.next();
                return Ok(self.measured(number, Literal::Decimal(number)));
            }
            Token::Sign("(") => {
                self.next();
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("{") => {
                self.next();
                self.expect("}")?;
                return Ok(Expr::Empty);
            }
            Token::End => return self.fail("the expression ends where a value is wanted"),
            _ => return self.fail("a value is wanted here"),
        };
        self.next();
        Ok(Expr::Literal(literal))
    }

    /// A number, or a quantity where a unit follows.
    fn measured(&mut self, value: Decimal, plain: Literal) -> Expr {
        let unit = match self.peek() {
            Token::Text(unit) => Some(Unit::ucum(unit)),
            Token::Name(word, false) => Unit::calendar(word),
            _ => None,
        };
        Expr::Literal(match unit {
            Some(unit) => {
                self.next();
                Literal::Quantity(Box::new(Quantity { value, unit }))
            }
            None => plain,
        })
    }

    fn invocation(&mut self, of: Option<Expr>) -> Result<Expr> {
        match self.next() {
            Token::Special(name) if of.is_none() => match name.as_str() {
                "this" => Ok(Expr::This),
                "index" => Ok(Expr::Index),
                "total" => Ok(Expr::Total),
                _ => self.fail(format!("`${name}` is not defined")),
            },
            Token::Name(name, false) if self.is_sign("(") => {
                self.next();
                self.call(of, &name)
            }
            Token::Name(name, quoted) => {
                let reserved = ["div", "mod", "and", "or", "xor", "implies", "true", "false"];
                if !quoted && of.is_none() && reserved.contains(&name.as_str()) {
                    return self.fail(format!("`{name}` is an operator"));
                }
                let head = if of.is_none() { self.definitions.find(&name) } else { None };
                let head = head.filter(|id| self.definitions.get(*id).kind != TypeKind::Primitive);
                // `FHIR.Patient.name`: the namespace before a type.
                Ok(Expr::Member { of: of.map(Box::new), name: name.into(), head })
            }
            _ => self.fail("a name is wanted here"),
        }
    }

    fn call(&mut self, of: Option<Expr>, name: &str) -> Result<Expr> {
        let Some(function) = Function::named(name) else {
            return Err(PathError::Semantic(format!("there is no function `{name}`")));
        };
        if function.takes_type() {
            let kind = self.type_name()?;
            self.expect(")")?;
            return Ok(Expr::Call(Box::new(Call {
                of,
                function,
                args: Vec::new(),
                kind: Some(kind),
                pattern: OnceLock::new(),
            })));
        }
        let mut args = Vec::new();
        let mut height = self.height;
        if !self.accept(")") {
            loop {
                args.push(self.expression(0)?);
                height = height.max(self.height);
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let (least, most) = function.arity();
        if args.len() < least || args.len() > most {
            let message = format!("`{name}` takes {least} to {most} arguments, {} are given", args.len());
            return Err(PathError::Semantic(message));
        }
        self.above(height)?;
        Ok(Expr::Call(Box::new(Call { of, function, args, kind: None, pattern: OnceLock::new() })))
    }

    fn type_name(&mut self) -> Result<TypeRef> {
        let Token::Name(mut name, _) = self.next() else { return self.fail("the name of a type is wanted here") };
        let mut namespace = None;
        if self.is_sign(".") && matches!(name.as_str(), "FHIR" | "System") {
            self.next();
            let Token::Name(second, _) = self.next() else { return self.fail("the name of a type is wanted here") };
            namespace = Some(std::mem::replace(&mut name, second));
        }
        TypeRef::named(namespace.as_deref(), &name, self.definitions)
            .ok_or_else(|| PathError::Semantic(format!("there is no type `{name}`")))
    }
}
