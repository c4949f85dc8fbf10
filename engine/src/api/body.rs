//! Reading the fields of a request: JSON bodies, form bodies, queries.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode;
use rookery_schema::UserId;
use serde::Deserialize;

use crate::api::reply::{FORM, JSON};
use crate::http::Request;
use crate::mesh::problem::Problem;

/// Form fields that are lists: each repetition adds an element.
const LIST_FIELDS: &[&str] = &["members"];

/// The body as JSON, which it is taken for without a `Content-Type`; a form's fields become the fields of an object.
pub(super) fn as_json(request: &Request) -> Result<Cow<'_, str>, Problem> {
    if request.has_content_coding() {
        return Err(Problem::UNSUPPORTED_CODING);
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
        json.map(Cow::Borrowed)
            .map_err(|_| Problem::malformed_json("the body must be UTF-8"))
    } else if media_type.eq_ignore_ascii_case(FORM.as_bytes()) {
        form_to_json(&request.body).map(Cow::Owned)
    } else {
        Err(Problem::UNSUPPORTED_MEDIA)
    }
}

/// The fields that an endpoint wants.
pub(super) fn fields<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Problem> {
    object(json).map_err(|_| {
        Problem::malformed_json("the body must be an object with the fields of this call")
    })
}

fn form_to_json(body: &[u8]) -> Result<String, Problem> {
    check_utf8(body, "the form must be UTF-8")?;
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
        } else if object.insert(name.into_owned(), value).is_some() {
            return Err(Problem::malformed("a field of the form is repeated"));
        }
    }
    serde_json::to_string(&object).map_err(|_| Problem::malformed("the form can't be read"))
}

/// The list that a field adds to. Some clients mark it as one.
fn list_named(field: &str) -> Option<&'static str> {
    let name = field.strip_suffix("[]").unwrap_or(field);
    LIST_FIELDS.iter().copied().find(|list| *list == name)
}

/// Refuses what is not UTF-8 once it is decoded: the parser would replace it by U+FFFD, which could also be meant. What
/// separates the fields is ASCII, so all of them can be checked at once.
fn check_utf8(encoded: &[u8], refusal: &'static str) -> Result<(), Problem> {
    match percent_decode(encoded).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::malformed(refusal)),
    }
}

/// A parameter of the query that is a number, where it is there.
pub(super) fn number(request: &Request, name: &str) -> Result<Option<u64>, Problem> {
    parsed(request, name, "a parameter that must be a number is none")
}

/// A parameter of the query that is a user id, where it is there.
pub(super) fn user_id(request: &Request, name: &str) -> Result<Option<UserId>, Problem> {
    parsed(request, name, "a parameter that must be a user id is none")
}

fn parsed<T: FromStr>(
    request: &Request,
    name: &str,
    refusal: &'static str,
) -> Result<Option<T>, Problem> {
    let value = text(request, name)?.map(|value| value.parse());
    value.transpose().map_err(|_| Problem::malformed(refusal))
}

/// A parameter of the query, where it is there.
pub(super) fn text<'a>(request: &'a Request, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
    let query = request.query().unwrap_or_default().as_bytes();
    check_utf8(query, "the query must be UTF-8")?;
    let mut named = form_urlencoded::parse(query).filter(|(key, _)| key == name);
    let value = named.next().map(|(_, value)| value);
    match named.next() {
        None => Ok(value),
        Some(_) => Err(Problem::malformed("a parameter of the query is repeated")),
    }
}

/// Reads an object. Without this check serde would accept an array of the values too.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> serde_json::Result<T> {
    if json.trim_ascii_start().starts_with('{') {
        serde_json::from_str(json)
    } else {
        Err(serde::de::Error::custom("an object is expected"))
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
