//! The documents say what the code does. That the server answers as they say is tested in `io/tests/documents/`, and by
//! the clients of all tests there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use rookery_schema::limits::*;
use rookery_testing::json_schema::{Others, Schemas, read_unique};
use serde_json::{Map, Value};

use super::{ASYNCAPI, OPENAPI};
use crate::api::operators::{INVITE_SECONDS_DEFAULT, INVITE_SECONDS_MAX, INVITE_SECONDS_MIN};
use crate::api::pages::{ENTRIES_LIMIT, MESSAGES_LIMIT, USERS_LIMIT};
use crate::api::routes;
use crate::home::resumes::CHATS_RESUMED_MAX;
use crate::http::Method;
use crate::mesh::admission::CANDIDATES_MAX;

const PROBLEMS: &str = include_str!("../../mesh/problem.rs");
const REFUSALS: &str = include_str!("../../http/refusal.rs");

/// Endpoints that are no operations of their own: the same path and method means another one to operators.
const SHARED: [&str; 1] = ["createUser"];

fn openapi() -> Value {
    read_unique(OPENAPI).unwrap()
}

fn asyncapi() -> Value {
    read_unique(ASYNCAPI).unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Each operation of HTTP: path, method, and what is said of it.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = object(&document["paths"]).iter();
    let methods = paths.flat_map(|(path, methods)| {
        let methods = object(methods).iter();
        methods.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    methods.collect()
}

/// Everything in a document with the pointer to it.
fn walk<'a>(pointer: &str, value: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(pointer, value);
    match value {
        Value::Object(fields) => {
            for (name, it) in fields {
                walk(&format!("{pointer}/{name}"), it, visit);
            }
        }
        Value::Array(items) => {
            for (index, it) in items.iter().enumerate() {
                walk(&format!("{pointer}/{index}"), it, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names in an enum's or a match's source, each at the beginning of its line.
fn first_words<'a>(source: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let (_, rest) = source.split_once(begin).unwrap();
    let (lines, _) = rest.split_once(end).unwrap();
    let lines = lines.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
}

fn in_lower_camel_case(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().unwrap().to_ascii_lowercase();
    std::iter::once(first).chain(letters).collect()
}

#[test]
fn every_endpoint_is_an_operation() {
    let source = include_str!("../routes.rs");
    let endpoints = first_words(source, "enum Endpoint {", "}");
    let mut expected: BTreeSet<String> = endpoints
        .iter()
        .map(|line| in_lower_camel_case(line.trim_end_matches(',')))
        .collect();
    assert!(SHARED.iter().all(|id| expected.remove(*id)), "{expected:?}");

    let document = openapi();
    let mut found = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let named = path.split('/').map(|part| match part.starts_with('{') {
            true => "00000000-0000-0000-0000-000000000001",
            false => part,
        });
        let concrete = named.collect::<Vec<_>>().join("/");
        let is_operators = operation["tags"][0] == "operators";
        let route = routes::find(concrete.as_bytes(), is_operators);
        let (route, _) = route.unwrap_or_else(|| panic!("{path} is not served"));
        let mut methods = Method::ALL.into_iter();
        let method = methods.find(|it| it.name().eq_ignore_ascii_case(method));
        let endpoint = route.endpoint(method.unwrap());
        let endpoint = endpoint.unwrap_or_else(|| panic!("{path} does not take {method:?}"));
        assert_eq!(endpoint.is_for_operators(), is_operators, "{path}");
        let id = in_lower_camel_case(&format!("{endpoint:?}"));
        assert_eq!(operation["operationId"], id, "{path}");
        assert!(found.insert(id), "{path} is there twice");
    }
    assert_eq!(found, expected);
}

#[test]
fn parameters_of_paths_are_those_in_the_path() {
    let document = openapi();
    let schemas = Schemas::of(&document);
    for (path, _, operation) in operations(&document) {
        let in_path: BTreeSet<_> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|it| schemas.resolved(it));
        let described = parameters.filter(|it| it["in"] == "path");
        let described: BTreeSet<_> = described.map(|it| text(&it["name"])).collect();
        assert_eq!(described, in_path, "{path}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    for document in [openapi(), asyncapi()] {
        let mut used = BTreeSet::new();
        walk("", &document, &mut |_, value| {
            if let Some(path) = value.get("$ref") {
                Schemas::of(&document).resolved(value);
                used.insert(text(path).trim_start_matches('#').to_owned());
            }
        });
        if document.get("paths").is_none() {
            continue;
        }
        for (kind, components) in object(&document["components"]) {
            for name in object(components).keys() {
                let path = format!("/components/{kind}/{name}");
                let is_used = kind == "securitySchemes" || used.contains(&path);
                assert!(is_used, "{path} is used by nothing");
            }
        }
    }
}

/// The bounds in the documents, and the constants that they must equal.
fn bounds() -> Vec<(&'static str, u64)> {
    let of = |constant: usize| constant as u64;
    vec![
        ("/schemas/Username/maxLength", of(USERNAME_BYTES_MAX)),
        ("/schemas/UsernamePart/maxLength", of(USERNAME_BYTES_MAX)),
        ("/schemas/Password/maxLength", of(PASSWORD_BYTES_MAX)),
        ("/schemas/ChatName/maxLength", of(CHAT_NAME_BYTES_MAX)),
        ("/schemas/ChatNameShown/maxLength", of(CHAT_NAME_BYTES_MAX)),
        ("/schemas/DeviceName/maxLength", of(SESSION_NAME_BYTES_MAX)),
        ("/schemas/DisplayName/maxLength", of(DISPLAY_NAME_CHARS_MAX)),
        (
            "/schemas/ChatDescription/maxLength",
            of(CHAT_DESCRIPTION_BYTES_MAX),
        ),
        ("/schemas/Content/maxLength", of(CONTENT_BYTES_MAX)),
        ("/schemas/ContentShown/maxLength", of(CONTENT_BYTES_MAX)),
        ("/content/maxLength", of(CONTENT_BYTES_MAX)),
        ("/schemas/ClientId/maxLength", of(CLIENT_ID_BYTES_MAX)),
        ("/schemas/Emoji/maxLength", of(EMOJI_BYTES_MAX)),
        ("/schemas/Seq/maximum", u64::MAX),
        ("/NewChat/properties/members/maxItems", of(CHAT_MEMBERS_MAX)),
        ("/schemas/MemberCount/maximum", of(CHAT_MEMBERS_MAX)),
        ("/members/maxItems", of(MEMBERS_SHOWN_MAX)),
        ("/reactions/maxItems", of(MESSAGE_EMOJI_MAX)),
        ("/users/maxItems", of(MESSAGE_REACTIONS_MAX)),
        ("/user_ids/maxItems", of(CANDIDATES_MAX)),
        ("/chats/maxProperties", of(CHATS_RESUMED_MAX)),
        ("/expires_in/minimum", INVITE_SECONDS_MIN),
        ("/expires_in/maximum", INVITE_SECONDS_MAX),
        ("/expires_in/default", INVITE_SECONDS_DEFAULT),
        ("/limit_users/schema/maximum", of(USERS_LIMIT.max)),
        ("/limit_users/schema/default", of(USERS_LIMIT.default)),
        ("/limit_entries/schema/maximum", of(ENTRIES_LIMIT.max)),
        ("/limit_entries/schema/default", of(ENTRIES_LIMIT.default)),
        ("/limit_messages/schema/maximum", of(MESSAGES_LIMIT.max)),
        ("/limit_messages/schema/default", of(MESSAGES_LIMIT.default)),
        ("/get/parameters/0/schema/maxItems", of(USER_IDS_MAX)),
        ("/paths//users/get/responses/200", of(USERS_FOUND_MAX)),
        (
            "/paths//sessions/get/responses/200",
            of(SESSIONS_LISTED_MAX),
        ),
        ("/blocks/get/responses/200", of(BLOCKS_PER_USER_MAX)),
        ("/paths//chats/get/responses/200", of(PAGE_ENTRIES_MAX)),
        ("/members/get/responses/200", of(PAGE_ENTRIES_MAX)),
        ("/messages/get/responses/200", of(PAGE_MESSAGES_MAX)),
        ("/events/get/responses/200", of(PAGE_ENTRIES_MAX)),
    ]
}

#[test]
fn every_bound_is_a_constant_of_the_code() {
    const KEYWORDS: [&str; 9] = [
        "/minLength",
        "/maxLength",
        "/minimum",
        "/maximum",
        "/minItems",
        "/maxItems",
        "/minProperties",
        "/maxProperties",
        "/default",
    ];
    let bounds = bounds();
    let mut met = BTreeSet::new();
    for document in [openapi(), asyncapi()] {
        walk("", &document, &mut |pointer, value| {
            let is_bound = KEYWORDS.iter().any(|keyword| pointer.ends_with(keyword));
            let Some(number) = value.as_u64().filter(|it| is_bound && *it > 1) else {
                return;
            };
            let short = pointer.replace("/content/application/json/schema/maxItems", "");
            let mut named = bounds.iter().filter(|(end, _)| short.ends_with(end));
            let longest = named.by_ref().max_by_key(|(end, _)| end.len());
            let (end, constant) = longest.unwrap_or_else(|| panic!("{pointer} is no constant"));
            assert_eq!(number, *constant, "{pointer}");
            met.insert(*end);
        });
    }
    let all: BTreeSet<_> = bounds.iter().map(|(end, _)| *end).collect();
    assert_eq!(met, all, "each is somewhere");
}

/// The words of a text that stand in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Problems in the source: the name of the status, and the code.
fn problems() -> BTreeSet<(u16, &'static str)> {
    let statuses = include_str!("../../http/status.rs");
    let number = |name: &str| -> u16 {
        let (_, rest) = statuses.split_once(&format!("    {name} = ")).unwrap();
        rest[..3].parse().unwrap()
    };
    let of_requests = PROBLEMS.split("Status::").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(',')?;
        let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        Some((number(name), code))
    });
    let of_framing = REFUSALS.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" = ")?.1.split_once(" \"")?;
        Some((number(name), rest.split('"').next()?))
    });
    of_requests.chain(of_framing).collect()
}

#[test]
fn every_problem_is_among_the_responses_of_its_status() {
    let problems = problems();
    for known in [(409, "message_deleted"), (414, "uri_too_long")] {
        assert!(problems.contains(&known), "{problems:?}");
    }
    let document = openapi();
    let schemas = Schemas::of(&document);
    let mut described = BTreeSet::new();
    for (path, _, operation) in operations(&document) {
        for (status, response) in object(&operation["responses"]) {
            let status: u16 = status.parse().unwrap();
            if status < 400 {
                continue;
            }
            let own = response.get("description");
            let shared = &schemas.resolved(response)["description"];
            let description = text(own.unwrap_or(shared));
            // What follows a colon explains.
            let (codes, _) = description.split_once(':').unwrap_or((description, ""));
            let codes: Vec<_> = quoted(codes)
                .map(|code| (status, code.to_owned()))
                .collect();
            assert!(!codes.is_empty(), "{path}: {status} has no code");
            described.extend(codes);
        }
    }
    let general = text(&document["info"]["description"]);
    let general: Vec<_> = quoted(general).collect();
    for (status, code) in &problems {
        let is_described = described.contains(&(*status, (*code).to_owned()));
        assert!(is_described || general.contains(code), "{status} {code}");
    }
    for (status, code) in &described {
        assert!(
            problems.contains(&(*status, code.as_str())),
            "{status} {code} is no problem"
        );
    }
}

#[test]
fn what_breaks_http_is_named() {
    let document = openapi();
    let general = text(&document["info"]["description"]);
    let literals = REFUSALS.split('"').skip(1).step_by(2);
    let is_code = |it: &&str| it.contains('_') && !it.contains(' ');
    let codes: Vec<_> = literals.filter(is_code).collect();
    assert!(codes.len() > 10, "{codes:?}");
    for code in codes {
        assert!(quoted(general).any(|it| it == code), "{code}");
    }
}

#[test]
fn every_fault_of_a_field_is_named() {
    let source = include_str!("../../mesh/field.rs");
    let (_, faults) = source.split_once("pub const fn code").unwrap();
    let faults = faults.split('"').skip(1).step_by(2);
    let document = openapi();
    let named = &document["components"]["schemas"]["FieldError"]["properties"]["code"]["examples"];
    let named: Vec<_> = named.as_array().unwrap().iter().map(text).collect();
    assert_eq!(faults.collect::<Vec<_>>(), named);
}

#[test]
fn every_example_is_as_its_schema_says() {
    for document in [openapi(), asyncapi()] {
        let schemas = Schemas::of(&document);
        let mut count = 0;
        walk("", &document, &mut |pointer, value| {
            let pair = match (value.get("schema"), value.get("example")) {
                (Some(schema), Some(example)) => Some((schema, example)),
                _ => value.get("payload").and_then(|schema| {
                    let example = value.pointer("/examples/0/payload")?;
                    Some((schema, example))
                }),
            };
            if let Some((schema, example)) = pair {
                let checked = schemas.check(schema, example, Others::Refused);
                assert_eq!(checked, Ok(()), "{pointer}");
                count += 1;
            }
        });
        assert!(count > 20, "{count}");
    }
}

#[test]
fn each_operation_has_an_example_of_what_it_takes_and_gives() {
    let document = openapi();
    for (path, method, operation) in operations(&document) {
        if let Some(body) = operation.pointer("/requestBody/content") {
            assert!(
                body["application/json"].get("example").is_some(),
                "{method} {path}"
            );
        }
        let responses = object(&operation["responses"]);
        let success = responses
            .iter()
            .find(|(status, _)| *status < &"300".to_owned());
        let (_, success) = success.unwrap_or_else(|| panic!("{path} never succeeds"));
        let tag = text(&operation["tags"][0]);
        let is_document = ["documents", "pages"].contains(&tag);
        for (_, content) in success.get("content").into_iter().flat_map(object) {
            assert!(
                content.get("example").is_some() || is_document,
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_message_of_a_websocket_is_described() {
    let document = asyncapi();
    let schemas = Schemas::of(&document);
    let channel = &document["channels"]["socket"]["messages"];
    let mut of_operations = BTreeSet::new();
    let mut from_clients = BTreeSet::new();
    for operation in object(&document["operations"]).values() {
        let messages = operation["messages"].as_array().unwrap();
        let replies = operation
            .pointer("/reply/messages")
            .and_then(Value::as_array);
        for message in messages.iter().chain(replies.into_iter().flatten()) {
            let name = text(&message["$ref"]).rsplit('/').next().unwrap();
            of_operations.insert(name.to_owned());
        }
        if operation["action"] == "receive" {
            let message = schemas.resolved(&messages[0]);
            let payload = schemas.resolved(&message["payload"]);
            from_clients.insert(text(&payload["properties"]["type"]["const"]));
        }
    }
    let described: BTreeSet<_> = object(channel).keys().cloned().collect();
    assert_eq!(of_operations, described, "each belongs to an operation");

    let source = include_str!("../../connection/websocket/client_message.rs");
    let arms = first_words(source, "match message.kind.as_ref() {", "_ =>");
    let said = arms
        .iter()
        .filter_map(|line| line.strip_prefix('"')?.split_once("\" =>"));
    let said: BTreeSet<_> = said.map(|(kind, _)| kind).collect();
    assert_eq!(from_clients, said);
}

#[test]
fn the_page_for_people_says_the_same() {
    const PAGE: &str = include_str!("../../../../docs/api.md");
    let http = openapi();
    for (path, method, _) in operations(&http) {
        let call = format!("`{} {path}", method.to_uppercase());
        assert!(PAGE.contains(&call), "{call}");
    }
    let problem = &http["components"]["schemas"]["Problem"];
    let examples = PAGE.lines().filter(|line| line.starts_with('{'));
    for example in examples {
        let example = serde_json::from_str(example).unwrap();
        let checked = Schemas::of(&http).check(problem, &example, Others::Refused);
        assert_eq!(checked, Ok(()));
    }

    let websockets = asyncapi();
    let schemas = Schemas::of(&websockets);
    let messages = object(&websockets["channels"]["socket"]["messages"]);
    for message in messages.values() {
        let payload = schemas.resolved(&message["payload"]);
        let kind = text(&payload["properties"]["type"]["const"]);
        let (whole, short) = (format!(r#""type":"{kind}""#), format!("`{kind}`"));
        let rows = PAGE
            .lines()
            .filter(|line| line.contains(&whole) || line.contains(&short));
        let says_all = |line: &str| {
            let mut fields = payload["required"].as_array().unwrap().iter().map(text);
            fields.all(|field| line.contains(field))
        };
        assert!(rows.into_iter().any(says_all), "{kind} with all its fields");
    }
}

#[test]
fn the_documents_are_of_this_version() {
    for document in [openapi(), asyncapi()] {
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
