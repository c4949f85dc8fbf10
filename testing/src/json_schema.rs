//! Whether values are as a JSON Schema says (2020-12), of which it knows the keywords that our own documents use.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// What only says something to people.
const NOTES: [&str; 4] = ["description", "default", "examples", "title"];

/// The schemas of a document, which refer to each other.
#[derive(Clone, Copy)]
pub struct Schemas<'a> {
    document: &'a Value,
}

/// What may be in an object besides what its schema names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Anything, as for a reader.
    Ignored,
    /// Nothing, as for a test of whether all is documented.
    Refused,
}

impl<'a> Schemas<'a> {
    pub const fn of(document: &'a Value) -> Self {
        Self { document }
    }

    /// What a reference leads to, or the value itself where it is none.
    ///
    /// # Panics
    /// It leads nowhere.
    pub fn resolved(self, value: &'a Value) -> &'a Value {
        let Some(path) = value.get("$ref") else {
            return value;
        };
        let path = path.as_str().and_then(|path| path.strip_prefix('#'));
        let found = path.and_then(|path| self.document.pointer(path));
        self.resolved(found.unwrap_or_else(|| panic!("{value} leads nowhere")))
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Where it differs, and how.
    ///
    /// # Panics
    /// The schema has a keyword that is not known here.
    pub fn check(self, schema: &'a Value, value: &Value, others: Others) -> Result<(), String> {
        let schema = self.resolved(schema);
        for (keyword, wanted) in schema.as_object().unwrap() {
            self.check_keyword(schema, keyword, wanted, value, others)
                .map_err(|why| format!("{why}, in {value}"))?;
        }
        let named = schema.get("properties").and_then(Value::as_object);
        match (named, value.as_object(), others) {
            (Some(named), Some(fields), Others::Refused) => refuse_others(named, fields),
            _ => Ok(()),
        }
    }

    fn check_keyword(
        self,
        schema: &'a Value,
        keyword: &str,
        wanted: &'a Value,
        value: &Value,
        others: Others,
    ) -> Result<(), String> {
        let check = |schema: &'a Value, value: &Value| self.check(schema, value, others);
        let fields = || value.as_object().into_iter().flatten();
        let is_met = match keyword {
            _ if NOTES.contains(&keyword) => true,
            "type" => is_of_type(wanted.as_str().unwrap(), value),
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "format" => is_formatted(wanted.as_str().unwrap(), value.as_str().unwrap()),
            "minLength" => characters(value) >= bound(wanted),
            "maxLength" => characters(value) <= bound(wanted),
            "minimum" => value.as_u64().is_some_and(|it| it >= bound(wanted)),
            "maximum" => value.as_u64().is_some_and(|it| it <= bound(wanted)),
            "minItems" => entries(value) >= bound(wanted),
            "maxItems" | "maxProperties" => entries(value) <= bound(wanted),
            "required" => {
                let mut names = wanted.as_array().unwrap().iter();
                names.all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                let mut named = fields().filter_map(|(name, it)| Some((wanted.get(name)?, it)));
                return named.try_for_each(|(schema, it)| check(schema, it));
            }
            "additionalProperties" => {
                assert!(schema.get("properties").is_none(), "{schema}");
                return fields().try_for_each(|(_, it)| check(wanted, it));
            }
            "propertyNames" => {
                let mut names = fields().map(|(name, _)| Value::from(name.as_str()));
                return names.try_for_each(|name| check(wanted, &name));
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                return items.try_for_each(|it| check(wanted, it));
            }
            "anyOf" | "oneOf" => {
                let choices = wanted.as_array().unwrap().iter();
                let refused: Vec<_> = choices.filter_map(|it| check(it, value).err()).collect();
                let met = wanted.as_array().unwrap().len() - refused.len();
                if met == 0 {
                    return Err(format!("none of {keyword}: {refused:#?}"));
                }
                keyword == "anyOf" || met == 1
            }
            _ => panic!("{keyword} is not known here"),
        };
        match is_met {
            true => Ok(()),
            false => Err(format!("{keyword} is to be {wanted}")),
        }
    }
}

fn refuse_others(named: &Map<String, Value>, fields: &Map<String, Value>) -> Result<(), String> {
    match fields.keys().find(|name| !named.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(format!("{name} is not documented, in {fields:?}")),
    }
}

fn bound(wanted: &Value) -> u64 {
    wanted.as_u64().unwrap()
}

fn characters(value: &Value) -> u64 {
    value.as_str().map_or(0, |text| text.chars().count() as u64)
}

fn entries(value: &Value) -> u64 {
    let in_list = value.as_array().map(Vec::len);
    let in_object = value.as_object().map(Map::len);
    in_list.or(in_object).unwrap_or_default() as u64
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => panic!("type {name} is not known here"),
    }
}

fn is_formatted(name: &str, text: &str) -> bool {
    match name {
        "uuid" => text.len() == 36 && uuid::Uuid::parse_str(text).is_ok(),
        "date-time" => is_like(text, "0000-00-00T00:00:00.000Z"),
        _ => panic!("format {name} is not known here"),
    }
}

/// Whether it has digits where the pattern has zeros, and is the same elsewhere.
fn is_like(text: &str, pattern: &str) -> bool {
    let digits_as_zeros = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c });
    digits_as_zeros.eq(pattern.chars())
}

/// Reads JSON, unless an object has two members of one name, of which most readers would drop one.
///
/// # Errors
/// It is no JSON, or which name comes twice.
pub fn read_unique(text: &str) -> Result<Value, String> {
    serde_json::from_str::<Unique>(text)
        .map(|it| it.0)
        .map_err(|error| error.to_string())
}

struct Unique(Value);

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> serde::de::Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Unique, E> {
        Ok(Unique(value.into()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
        let mut found = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            found.push(value);
        }
        Ok(Unique(found.into()))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut fields: A) -> Result<Unique, A::Error> {
        let (mut found, mut seen) = (Map::new(), HashSet::new());
        while let Some((name, Unique(value))) = fields.next_entry::<String, Unique>()? {
            if !seen.insert(name.clone()) {
                let why = format!("{name} is there twice");
                return Err(serde::de::Error::custom(why));
            }
            found.insert(name, value);
        }
        Ok(Unique(found.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_to_their_schemas() {
        let document = json!({"schemas": {"Id": {"type": "string", "format": "uuid"}}});
        let schemas = Schemas::of(&document);
        let schema = json!({
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"$ref": "#/schemas/Id"},
                "n": {"type": "integer", "minimum": 1, "maximum": 3},
                "list": {"type": "array", "maxItems": 1, "items": {"enum": ["a", "b"]}},
                "text": {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]},
                "map": {"type": "object", "additionalProperties": {"const": true}},
                "at": {"type": "string", "format": "date-time"},
            },
        });
        let id = "00000000-0000-0000-0000-000000000001";
        for (good, value) in [
            (
                true,
                json!({"id": id, "n": 3, "list": ["a"], "text": "é€", "map": {"x": true}}),
            ),
            (
                true,
                json!({"id": id, "text": null, "at": "2026-11-30T09:00:00.000Z"}),
            ),
            (false, json!({"n": 3})),
            (false, json!({"id": "1"})),
            (false, json!({"id": id, "n": 4})),
            (false, json!({"id": id, "n": "1"})),
            (false, json!({"id": id, "list": ["a", "a"]})),
            (false, json!({"id": id, "list": ["c"]})),
            (false, json!({"id": id, "text": "abc"})),
            (false, json!({"id": id, "map": {"x": false}})),
            (false, json!({"id": id, "at": "today"})),
            (false, json!({"id": id, "other": 1})),
        ] {
            let checked = schemas.check(&schema, &value, Others::Refused);
            assert_eq!(checked.is_ok(), good, "{value}: {checked:?}");
        }
        let other = json!({"id": id, "other": 1});
        assert_eq!(schemas.check(&schema, &other, Others::Ignored), Ok(()));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        assert!(read_unique(r#"{"a": [{"b": 1, "c": {"b": 2}}]}"#).is_ok());
        let refused = read_unique(r#"{"a": [{"b": 1, "b": 2}]}"#).unwrap_err();
        assert!(refused.contains("b is there twice"), "{refused}");
    }
}
