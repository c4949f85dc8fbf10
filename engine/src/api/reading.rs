//! Reading a JSON object into the fields that somebody wants, and saying what is wrong with it.
//!
//! What is refused is read a second time, into a tree that remembers where each value stood: the first reading, which
//! every message goes through, need not know. The tree of a body of 64 KiB takes 2 MiB at most, and is gone with the
//! refusal.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::api::rejection::{Place, Rejection};
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

const NO_OBJECT: &str = "a JSON object with the fields of this call is expected";

/// Up to here every whole number is one of a double, so that `1.0` is 1 (RFC 8259, section 6; JSON Schema has it so).
const WHOLE_FLOAT_MAX: f64 = (1_u64 << 53) as f64;

/// The text of an object.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) json: &'a str,
    /// It was made of a form, which has no types: a string in it may be meant as a number, or as true or false.
    pub(crate) is_form: bool,
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(json: &'a str) -> Self {
        let is_form = false;
        Self { json, is_form }
    }
}

/// Reads an object. Without the check serde would accept an array of the values too.
///
/// # Errors
/// Where the text is no JSON, or which field is wrong, and how.
pub(crate) fn object<'a, T: Deserialize<'a>>(
    source: impl Into<Source<'a>>,
) -> Result<T, Rejection> {
    let source = source.into();
    let json = source.json;
    let body = json.trim_ascii_start();
    if body.starts_with('{') {
        serde_json::from_str(json).or_else(|error| read_again(source, &error))
    } else {
        let blank = &json.as_bytes()[..json.len() - body.len()];
        Err(no_json(NO_OBJECT, Place::behind(blank)))
    }
}

/// A text that is no JSON from a place on.
pub(super) fn no_json(why: &str, place: Place) -> Rejection {
    Rejection::at(Problem::malformed_json(NO_OBJECT), why, place)
}

/// Reads an object that is not what was wanted, to say why; or to find that it is, as a form, or as some clients write
/// whole numbers.
fn read_again<'a, T: Deserialize<'a>>(
    source: Source<'_>,
    error: &serde_json::Error,
) -> Result<T, Rejection> {
    if !error.is_data() {
        return Err(broken(error));
    }
    let node = serde_json::from_str(source.json).map_err(|error| broken(&error))?;
    let whole = Value {
        step: String::new(),
        node,
        is_form: source.is_form,
    };
    match T::deserialize(whole) {
        Ok(read) => Ok(read),
        Err(Wrong {
            path,
            fault,
            detail,
        }) => {
            let problem = Problem::malformed_json(NO_OBJECT);
            let named = path.split(['[', '.']).next().and_then(Field::named);
            let problem = named.map_or(problem, |field| problem.about(field, fault));
            Err(Rejection::in_detail(problem, format!("{path} {detail}")))
        }
    }
}

/// Where a text stops being JSON, and why.
fn broken(error: &serde_json::Error) -> Rejection {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(&*text, |(why, _)| why);
    let place = Place {
        line: error.line(),
        column: error.column(),
    };
    no_json(why, place)
}

/// A value. Objects have their names as they came, also those that are repeated.
enum Node {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        let is_whole = value.fract() == 0.0 && (0.0..=WHOLE_FLOAT_MAX).contains(&value);
        Ok(match is_whole {
            true => Node::Unsigned(value as u64),
            false => Node::Float(value),
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Object(fields))
    }
}

/// A value, and the last step of the way to it; none to the whole.
struct Value {
    step: String,
    node: Node,
    /// See [`Source::is_form`].
    is_form: bool,
}

impl Value {
    /// What the text of a form says where something else than text is wanted.
    fn parsed<T: FromStr>(mut self, node: impl Fn(T) -> Node) -> Self {
        if self.is_form
            && let Node::Text(text) = &self.node
            && let Ok(value) = text.parse()
        {
            self.node = node(value);
        }
        self
    }
}

/// What is wrong with a value, and the way to it.
#[derive(Debug)]
struct Wrong {
    path: String,
    fault: Fault,
    /// Behind the path, it makes a sentence.
    detail: String,
}

impl Wrong {
    fn of(path: &str, fault: Fault, detail: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            fault,
            detail: detail.into(),
        }
    }

    fn within(mut self, step: &str) -> Self {
        if !step.is_empty() && !self.path.is_empty() && !self.path.starts_with('[') {
            self.path.insert(0, '.');
        }
        self.path.insert_str(0, step);
        self
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let is_form = self.is_form;
        let visited = match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Unsigned(value) => visitor.visit_u64(value),
            Node::Signed(value) => visitor.visit_i64(value),
            Node::Float(value) => visitor.visit_f64(value),
            Node::Text(value) => visitor.visit_string(value),
            Node::List(nodes) => {
                let elements = nodes.into_iter().enumerate().map(|(index, node)| Self {
                    step: format!("[{index}]"),
                    node,
                    is_form,
                });
                visitor.visit_seq(SeqDeserializer::new(elements))
            }
            Node::Object(fields) => {
                let fields = fields.into_iter().map(|(name, node)| {
                    let step = name.clone();
                    let value = Self {
                        step,
                        node,
                        is_form,
                    };
                    (name, value)
                });
                visitor.visit_map(MapDeserializer::new(fields))
            }
        };
        visited.map_err(|wrong| wrong.within(&self.step))
    }

    /// As the first reading has it: only a string will do.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let found = match &self.node {
            Node::List(_) => de::Unexpected::Seq,
            Node::Object(_) => de::Unexpected::Map,
            Node::Null
            | Node::Bool(_)
            | Node::Unsigned(_)
            | Node::Signed(_)
            | Node::Float(_)
            | Node::Text(_) => return self.deserialize_any(visitor),
        };
        let wrong: Wrong = de::Error::invalid_type(found, &visitor);
        Err(wrong.within(&self.step))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.parsed(Node::Bool).deserialize_any(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.parsed(Node::Unsigned).deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if matches!(self.node, Node::Null) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 f32 f64 char bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.detail)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    /// Of the types that are read here, those say so that have a form of their own: ids.
    fn custom<T: fmt::Display>(why: T) -> Self {
        let detail = format!("has not the form that it must have: {why}");
        Self::of("", Fault::Malformed, detail)
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let (found, expected) = (kind(found), wanted(expected));
        let detail = format!("must be {expected}, and is {found}");
        Self::of("", Fault::Malformed, detail)
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(field, Fault::Missing, "is missing")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of(field, Fault::Repeated, "is repeated")
    }
}

/// What a value is, in the words of JSON. What it says stays with the client.
const fn kind(found: de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "true or false",
        de::Unexpected::Signed(_) => "a number below 0",
        de::Unexpected::Unsigned(_) => "a number",
        de::Unexpected::Float(_) => "a number that is not a whole one of 64 bits",
        de::Unexpected::Str(_) => "a string",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "a list",
        de::Unexpected::Map => "an object",
        de::Unexpected::Char(_)
        | de::Unexpected::Bytes(_)
        | de::Unexpected::NewtypeStruct
        | de::Unexpected::Enum
        | de::Unexpected::UnitVariant
        | de::Unexpected::NewtypeVariant
        | de::Unexpected::TupleVariant
        | de::Unexpected::StructVariant
        | de::Unexpected::Other(_) => "something else",
    }
}

/// What a value should be, in the same words.
fn wanted(expected: &dyn de::Expected) -> String {
    match &*expected.to_string() {
        "a sequence" => "a list".to_owned(),
        "u64" => "a whole number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Fields {
        name: String,
        seq: u64,
        #[serde(default)]
        follow: Option<bool>,
    }

    #[test]
    fn what_a_form_says_is_read_as_what_is_wanted_and_what_json_says_is_not() {
        let json = r#"{"name":"7","seq":"18446744073709551615","follow":"false"}"#;
        let form = Source {
            json,
            is_form: true,
        };
        let fields = Fields {
            name: "7".to_owned(),
            seq: u64::MAX,
            follow: Some(false),
        };
        assert_eq!(object::<Fields>(form).unwrap(), fields);
        let rejection = object::<Fields>(json).unwrap_err();
        let detail = "seq must be a whole number, and is a string";
        assert_eq!(rejection.detail(), detail);
        for json in [
            r#"{"name":"x","seq":"-1"}"#,
            r#"{"name":"x","seq":""}"#,
            r#"{"name":"x","seq":"1","follow":"yes"}"#,
        ] {
            let form = Source {
                json,
                is_form: true,
            };
            assert!(object::<Fields>(form).is_err(), "{json}");
        }
    }
}
