//! Reading the fields of a request: JSON bodies, form bodies, queries.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde::Deserialize;

use crate::http::Request;
use crate::mesh::problem::Problem;

const JSON: &[u8] = b"application/json";

/// Form fields that are lists: each repetition adds an element.
const LIST_FIELDS: &[&str] = &["members"];

/// The body as JSON, which it is taken for without a `Content-Type`; a form's fields become the fields of an object.
pub(super) fn as_json(request: &Request) -> Result<Cow<'_, [u8]>, Problem> {
    let content_type = request.header("content-type").unwrap_or(JSON);
    let media_type = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let media_type = media_type.trim_ascii();
    if media_type.eq_ignore_ascii_case(JSON) {
        Ok(Cow::Borrowed(&request.body))
    } else if media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        form_to_json(&request.body).map(Cow::Owned)
    } else {
        Err(Problem::UNSUPPORTED_MEDIA)
    }
}

/// The fields that an endpoint wants.
pub(super) fn fields<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    object(json).map_err(|_| {
        Problem::malformed_json("the body must be an object with the fields of this call")
    })
}

fn form_to_json(body: &[u8]) -> Result<Vec<u8>, Problem> {
    // The parser replaces what is not UTF-8 by U+FFFD, which could also be meant. What separates the fields is
    // ASCII, so all of them can be checked at once.
    if percent_decode(body).decode_utf8().is_err() {
        return Err(Problem::malformed("the form must be UTF-8"));
    }
    let mut object = serde_json::Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = serde_json::Value::String(value.into_owned());
        if LIST_FIELDS.contains(&name.as_ref()) {
            let list = object
                .entry(name)
                .or_insert_with(|| serde_json::Value::Array(Vec::new()));
            if let serde_json::Value::Array(list) = list {
                list.push(value);
            }
        } else if object.insert(name.into_owned(), value).is_some() {
            return Err(Problem::malformed("a field of the form is repeated"));
        }
    }
    serde_json::to_vec(&object).map_err(|_| Problem::malformed("the form can't be read"))
}

/// A parameter of the query that is a number, where it is there.
pub(super) fn number(request: &Request, name: &str) -> Result<Option<u64>, Problem> {
    match text(request, name) {
        None => Ok(None),
        Some(value) => match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Problem::malformed(
                "a parameter that must be a number is none",
            )),
        },
    }
}

/// A parameter of the query, where it is there.
pub(super) fn text<'a>(request: &'a Request, name: &str) -> Option<Cow<'a, str>> {
    let query = request.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// Reads an object. Without this check serde would accept an array of the values too.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    if json.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(json)
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
        let fields: serde_json::Value = serde_json::from_slice(&json).unwrap();
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
