//! Reading the fields of a request: JSON bodies, form bodies, queries.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode;
use rookery_schema::UserId;

use crate::api::reading::{Source, no_json};
use crate::api::rejection::{Place, Rejection};
use crate::api::reply::{FORM, JSON};
use crate::http::Request;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

/// Form fields that are lists: each repetition adds an element.
const LIST_FIELDS: &[&str] = &["members"];
/// Characters of a field's name that a refusal repeats.
const NAME_CHARS_SHOWN: usize = 64;
const PARAMETER: &str = "parameter";

/// A body as JSON.
pub(super) struct Body<'a> {
    json: Cow<'a, str>,
    is_form: bool,
}

impl Body<'_> {
    /// Whether there is none. A form without fields is one: an object without any.
    pub(super) fn is_absent(&self) -> bool {
        self.json.is_empty()
    }
}

impl<'a> From<&'a Body<'_>> for Source<'a> {
    fn from(body: &'a Body<'_>) -> Self {
        Self {
            json: &body.json,
            is_form: body.is_form,
        }
    }
}

/// The body as JSON, which it is taken for without a `Content-Type`; a form's fields become the fields of an object.
pub(super) fn as_json(request: &Request) -> Result<Body<'_>, Rejection> {
    if request.has_content_coding() {
        return Err(Problem::UNSUPPORTED_CODING.into());
    }
    let content_type = request.content_type().unwrap_or(JSON.as_bytes());
    let media_type = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let media_type = media_type.trim_ascii();
    if media_type.eq_ignore_ascii_case(JSON.as_bytes()) {
        // All of it, since the parser skips what nobody asks for; it then need not look at the rest.
        let json = std::str::from_utf8(&request.body);
        let json = json.map_err(|error| {
            let (passed, _) = request.body.split_at(error.valid_up_to());
            no_json("the body must be UTF-8", Place::behind(passed))
        })?;
        Ok(Body {
            json: Cow::Borrowed(json),
            is_form: false,
        })
    } else if media_type.eq_ignore_ascii_case(FORM.as_bytes()) {
        Ok(Body {
            json: Cow::Owned(form_to_json(&request.body)?),
            is_form: true,
        })
    } else {
        Err(Problem::UNSUPPORTED_MEDIA.into())
    }
}

fn form_to_json(body: &[u8]) -> Result<String, Rejection> {
    check_utf8(body, "field", "the form must be UTF-8")?;
    let mut object = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = serde_json::Value::String(value.into_owned());
        if let Some(list) = list_named(&name) {
            let list = object
                .entry(list)
                .or_insert_with(|| serde_json::Value::Array(Vec::new()));
            if let serde_json::Value::Array(list) = list {
                list.push(value);
            }
        } else if object.insert(name.clone().into_owned(), value).is_some() {
            return Err(wrong("field", &name, Fault::Repeated, "is repeated"));
        }
    }
    serde_json::to_string(&object).map_err(|_| Problem::malformed("the form can't be read").into())
}

/// The list that a field adds to. Some clients mark it as one.
fn list_named(field: &str) -> Option<&'static str> {
    let name = field.strip_suffix("[]").unwrap_or(field);
    LIST_FIELDS.iter().copied().find(|list| *list == name)
}

/// A field of a form or parameter of a query that is wrong.
fn wrong(what: &str, name: &str, fault: Fault, why: &str) -> Rejection {
    let problem = Problem::malformed("a field or parameter has the wrong form");
    let problem = Field::named(name).map_or(problem, |field| problem.about(field, fault));
    let name: String = name.chars().take(NAME_CHARS_SHOWN).collect();
    Rejection::in_detail(problem, format!("{what} {name} {why}"))
}

/// Refuses what is not UTF-8 once it is decoded: the parser would replace it by U+FFFD, which could also be meant. What
/// separates the fields is ASCII, so all of them can be checked at once.
fn check_utf8(encoded: &[u8], what: &str, refusal: &'static str) -> Result<(), Rejection> {
    let is_utf8 = |encoded| percent_decode(encoded).decode_utf8().is_ok();
    if is_utf8(encoded) {
        return Ok(());
    }
    let mut pairs = encoded.split(|byte| *byte == b'&');
    let bad = pairs.find(|pair| !is_utf8(pair)).unwrap_or_default();
    let name = bad.split(|byte| *byte == b'=').next().unwrap_or_default();
    match percent_decode(name).decode_utf8() {
        Ok(name) => Err(wrong(what, &name, Fault::Malformed, "must be UTF-8")),
        Err(_) => Err(Problem::malformed(refusal).into()),
    }
}

/// A parameter of the query that is a number, where it is there.
pub(super) fn number(request: &Request, field: Field) -> Result<Option<u64>, Rejection> {
    parsed(request, field, "must be a whole number")
}

/// A parameter of the query that is a user id, where it is there.
pub(super) fn user_id(request: &Request, field: Field) -> Result<Option<UserId>, Rejection> {
    parsed(request, field, "must be a user id, a UUID with hyphens")
}

fn parsed<T: FromStr>(
    request: &Request,
    field: Field,
    refusal: &'static str,
) -> Result<Option<T>, Rejection> {
    let value = text(request, field)?.map(|value| value.parse());
    let value = value.transpose();
    value.map_err(|_| wrong(PARAMETER, field.name(), Fault::Malformed, refusal))
}

/// A parameter of the query, where it is there.
pub(super) fn text(request: &Request, field: Field) -> Result<Option<Cow<'_, str>>, Rejection> {
    let query = request.query().unwrap_or_default().as_bytes();
    check_utf8(query, PARAMETER, "the query must be UTF-8")?;
    let mut named = form_urlencoded::parse(query).filter(|(key, _)| key == field.name());
    let value = named.next().map(|(_, value)| value);
    match named.next() {
        None => Ok(value),
        Some(_) => Err(wrong(
            PARAMETER,
            field.name(),
            Fault::Repeated,
            "is repeated",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    fn content(form: &[u8]) -> Option<String> {
        let json = form_to_json(form).ok()?;
        let fields: serde_json::Value = serde_json::from_str(&json).unwrap();
        Some(fields["content"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_form_is_utf_8_or_refused() {
        for (form, text) in [
            (&b"content=a%20b+c%26%3D"[..], "a b c&="),
            (b"content=%C3%A9%E2%82%AC", "\u{e9}\u{20ac}"),
            ("content=\u{e9}".as_bytes(), "\u{e9}"),
            (b"content=%EF%BF%BD", "\u{fffd}"),
            ("content=\u{fffd}".as_bytes(), "\u{fffd}"),
            (b"content=100%&x=%zz", "100%"),
        ] {
            assert_eq!(content(form).as_deref(), Some(text), "{form:?}");
        }
        for form in [
            &b"content=%FF"[..],
            b"content=\xff",
            b"content=%C3",
            b"content=%C3&x=%A9",
            b"content=%ED%A0%80",
            b"content=%C0%AE",
            b"content=a&%FF=b",
        ] {
            assert_eq!(content(form), None, "{form:?}");
        }
    }
}
