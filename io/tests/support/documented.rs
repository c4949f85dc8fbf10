//! Every reply and every event that a test receives is held to the documents that describe the API. So what is not in
//! them is noticed by whoever tests it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rookery_engine::{ASYNCAPI, OPENAPI};
use rookery_testing::json_schema::{Others, Schemas};
use serde_json::Value;

use super::http::{Request, Response};

/// Headers that mean something to programs.
const HEADERS: [&str; 5] = [
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
];
/// What is said of a path that there is not, which at another listener may be one that there is.
const NOTHING_HERE: &str = "there is nothing at this path";
/// A field that has to be there, but in trust mode.
const PASSWORD: &str = "password";

pub static HTTP: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());
pub static WEBSOCKETS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(ASYNCAPI).unwrap());

/// The payloads that servers send, by type.
static EVENTS: LazyLock<HashMap<&str, &Value>> = LazyLock::new(|| {
    let schemas = Schemas::of(&WEBSOCKETS);
    let operations = WEBSOCKETS["operations"].as_object().unwrap().values();
    let sent = operations.flat_map(|it| match it["action"] == "send" {
        true => it["messages"].as_array(),
        false => it.pointer("/reply/messages").and_then(Value::as_array),
    });
    let payloads = sent.flatten().map(|message| {
        let payload = &schemas.resolved(message)["payload"];
        let kind = &schemas.resolved(payload)["properties"]["type"]["const"];
        (kind.as_str().unwrap(), payload)
    });
    payloads.collect()
});

/// The types of what servers send.
pub fn event_types() -> Vec<&'static str> {
    EVENTS.keys().copied().collect()
}

/// Asserts that an object that came over a WebSocket is as documented.
#[track_caller]
pub fn check_event(text: &str) {
    let event: Value = serde_json::from_str(text).unwrap();
    let kind = event["type"].as_str().unwrap();
    let payload = EVENTS.get(kind);
    let payload = payload.unwrap_or_else(|| panic!("AsyncAPI has no {kind}: {event}"));
    let checked = Schemas::of(&WEBSOCKETS).check(payload, &event, Others::Refused);
    assert_eq!(checked, Ok(()), "not as AsyncAPI has it: {event}");
}

/// Asserts that a reply is as documented, and on a success the request too. What is for no documented path and method
/// is passed over.
#[track_caller]
pub fn check_reply(request: &Request, reply: &Response) {
    if let Some(operation) = operation_of(request) {
        let checked = check(operation, request, reply);
        let asked = String::from_utf8_lossy(&request.encode()).into_owned();
        let answered = (reply.status, &reply.headers, reply.text());
        assert_eq!(
            checked,
            Ok(()),
            "not as OpenAPI has it:\n{asked}\n{answered:?}"
        );
    }
}

/// What is documented of a request's path and method.
fn operation_of(request: &Request) -> Option<&'static Value> {
    let path = request.target.split('?').next()?;
    let paths = HTTP["paths"].as_object().unwrap();
    let (_, methods) = paths.iter().find(|(template, _)| matches(template, path))?;
    methods.get(request.method.to_ascii_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (names, parts) = (template.split('/'), path.split('/'));
    names.clone().count() == parts.clone().count()
        && names
            .zip(parts)
            .all(|(name, part)| name.starts_with('{') || name == part)
}

fn check(operation: &'static Value, request: &Request, reply: &Response) -> Result<(), String> {
    let schemas = Schemas::of(&HTTP);
    let status = reply.status.to_string();
    let Some(described) = operation["responses"].get(&status) else {
        return match reply.status >= 400 && is_general(reply) {
            true => Ok(()),
            false => Err(format!("{status} is not documented")),
        };
    };
    let response = schemas.resolved(described);
    check_headers(response, reply)?;
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        return match reply.body.is_empty() {
            true => Ok(()),
            false => Err("a body is not documented".to_owned()),
        };
    };
    let media_type = reply.header("content-type").unwrap_or_default();
    let content = content.get(media_type).ok_or("another media type")?;
    if media_type.contains("json") {
        schemas.check(&content["schema"], &reply.json(), Others::Refused)?;
    }
    if reply.status >= 400 {
        return check_code(described, response, reply);
    }
    let body = operation.pointer("/requestBody/content/application~1json/schema");
    match (body, request.json_body()) {
        (Some(schema), Some(mut body)) => {
            if let Some(fields) = body.as_object_mut() {
                fields.entry(PASSWORD).or_insert_with(|| "any".into());
            }
            schemas.check(schema, &body, Others::Ignored)
        }
        _ => Ok(()),
    }
}

/// Whether a refusal has nothing to do with what the path means.
fn is_general(reply: &Response) -> bool {
    let code = reply.code();
    match code.as_str() {
        "not_found" => reply.json()["detail"] == NOTHING_HERE,
        _ => {
            let general = HTTP["info"]["description"].as_str().unwrap();
            general.contains(&format!("`{code}`"))
        }
    }
}

fn check_headers(response: &'static Value, reply: &Response) -> Result<(), String> {
    let headers = response.get("headers");
    for name in HEADERS {
        let described = headers.and_then(|it| it.get(name));
        match (described, reply.header(name)) {
            (None, Some(_)) => return Err(format!("{name} is not documented")),
            (Some(described), None) => {
                let header = Schemas::of(&HTTP).resolved(described);
                if header.get("required").is_some() {
                    return Err(format!("{name} is missing"));
                }
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
    Ok(())
}

/// Checks the code of a refusal: the description of the response names those that it may have, before a colon.
fn check_code(described: &Value, response: &Value, reply: &Response) -> Result<(), String> {
    let own = described.get("description");
    let description = own.unwrap_or(&response["description"]).as_str().unwrap();
    let codes = description.split(':').next().unwrap();
    let code = reply.code();
    match codes.contains(&format!("`{code}`")) || is_general(reply) {
        true => Ok(()),
        false => Err(format!("{code} is not documented")),
    }
}
