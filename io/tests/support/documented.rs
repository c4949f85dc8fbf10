//! Every reply and every event that a test receives is held to the documents that describe the API. So what is not in
//! them is noticed by whoever tests it.

use std::collections::HashMap;
use std::sync::LazyLock;

use rookery_engine::{ASYNCAPI, OPENAPI};
use rookery_testing::json_schema::{Others, Schemas};
use serde_json::Value;

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

/// A request and its reply.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    pub target: &'a str,
    /// What was sent, where that is JSON.
    pub sent: Option<Value>,
    pub status: u16,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Exchange<'_> {
    /// Asserts that the reply is as documented, and on a success the request too. What is for no documented path and
    /// method is passed over.
    #[track_caller]
    pub fn check(&self) {
        if let Some(operation) = self.operation() {
            let checked = self.is_as(operation);
            let body = String::from_utf8_lossy(self.body);
            assert_eq!(checked, Ok(()), "not as OpenAPI has it: {self:?}\n{body}");
        }
    }

    /// What is documented of the path and method.
    fn operation(&self) -> Option<&'static Value> {
        let path = self.target.split('?').next()?;
        let paths = HTTP["paths"].as_object().unwrap();
        let (_, methods) = paths.iter().find(|(template, _)| matches(template, path))?;
        methods.get(self.method.to_ascii_lowercase())
    }

    fn is_as(&self, operation: &'static Value) -> Result<(), String> {
        let schemas = Schemas::of(&HTTP);
        let status = self.status.to_string();
        let Some(described) = operation["responses"].get(&status) else {
            return match self.status >= 400 && self.is_general_refusal() {
                true => Ok(()),
                false => Err(format!("{status} is not documented")),
            };
        };
        let response = schemas.resolved(described);
        self.has_headers_of(response)?;
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            return match self.body.is_empty() {
                true => Ok(()),
                false => Err("a body is not documented".to_owned()),
            };
        };
        let media_type = self.header("content-type").unwrap_or_default();
        let content = content.get(media_type).ok_or("another media type")?;
        if media_type.contains("json") {
            schemas.check(&content["schema"], &self.json(), Others::Refused)?;
        }
        if self.status >= 400 {
            return self.has_code_of(described, response);
        }
        let sent = operation.pointer("/requestBody/content/application~1json/schema");
        match (sent, self.sent.clone()) {
            (Some(schema), Some(mut body)) => {
                if let Some(fields) = body.as_object_mut() {
                    fields.entry(PASSWORD).or_insert_with(|| "any".into());
                }
                schemas.check(schema, &body, Others::Ignored)
            }
            _ => Ok(()),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it was refused for what has nothing to do with what the path means.
    fn is_general_refusal(&self) -> bool {
        let code = self.code();
        match code.as_str() {
            "not_found" => self.json()["detail"] == NOTHING_HERE,
            _ => {
                let general = HTTP["info"]["description"].as_str().unwrap();
                general.contains(&format!("`{code}`"))
            }
        }
    }

    fn has_headers_of(&self, response: &'static Value) -> Result<(), String> {
        let headers = response.get("headers");
        for name in HEADERS {
            let described = headers.and_then(|it| it.get(name));
            match (described, self.header(name)) {
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

    /// The description of the response names the codes that it may have, before a colon.
    fn has_code_of(&self, described: &Value, response: &Value) -> Result<(), String> {
        let own = described.get("description");
        let description = own.unwrap_or(&response["description"]).as_str().unwrap();
        let codes = description.split(':').next().unwrap();
        let code = self.code();
        match codes.contains(&format!("`{code}`")) || self.is_general_refusal() {
            true => Ok(()),
            false => Err(format!("{code} is not documented")),
        }
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (names, parts) = (template.split('/'), path.split('/'));
    names.clone().count() == parts.clone().count()
        && names
            .zip(parts)
            .all(|(name, part)| name.starts_with('{') || name == part)
}
