//! The documents that describe the API to programs: OpenAPI 3.1 for HTTP, AsyncAPI 3 for WebSockets.
//!
//! They are put together from the files in the folders beside this one, each of which is a JSON object of its own. An
//! endpoint is in the file of what it is about, a message of a WebSocket in `client.json` or `server.json`, and what both
//! documents show in `schemas/`.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use const_format::concatcp;
use xxhash_rust::xxh3::xxh3_64;

use crate::api::reply::{DOCUMENT_GUARDS, Reply};
use crate::http::{Request, is_known};

/// The members of the JSON objects in some files, one behind the other.
macro_rules! members_of {
    ($first:literal $(, $other:literal)*) => {
        concatcp!(members(include_str!($first)) $(, ",", members(include_str!($other)))*)
    };
}

const SCHEMAS: &str = members_of!(
    "schemas/values.json",
    "schemas/accounts.json",
    "schemas/chats.json",
    "schemas/messages.json",
    "schemas/events.json",
    "schemas/problems.json"
);

/// `GET /openapi.json`.
pub const OPENAPI: &str = concatcp!(
    "{",
    members_of!("openapi/info.json"),
    ",\"paths\": {",
    members_of!(
        "openapi/accounts.json",
        "openapi/me.json",
        "openapi/sessions.json",
        "openapi/blocks.json",
        "openapi/chats.json",
        "openapi/members.json",
        "openapi/messages.json",
        "openapi/websocket.json",
        "openapi/pages.json",
        "openapi/documents.json",
        "openapi/operations.json",
        "openapi/operators.json"
    ),
    "},\"components\": {",
    members_of!("openapi/components.json"),
    ",\"schemas\": {",
    SCHEMAS,
    "}}}\n",
);

/// `GET /asyncapi.json`.
pub const ASYNCAPI: &str = concatcp!(
    "{",
    members_of!("asyncapi/info.json"),
    ",\"channels\": {\"socket\": {",
    members_of!("asyncapi/channel.json"),
    ",\"messages\": {",
    members_of!("asyncapi/client.json", "asyncapi/server.json"),
    "}}},\"operations\": {",
    members_of!("asyncapi/operations.json"),
    "},\"components\": {\"schemas\": {",
    SCHEMAS,
    "}}}\n",
);

/// What is between the braces of a JSON object.
const fn members(object: &'static str) -> &'static str {
    let Some((b'{', rest)) = object.trim_ascii().as_bytes().split_first() else {
        panic!("a part of a document must be a JSON object");
    };
    let Some((b'}', members)) = rest.split_last() else {
        panic!("a part of a document must end as a JSON object");
    };
    match str::from_utf8(members) {
        Ok(members) => members,
        Err(_) => panic!("a part of a document must be UTF-8"),
    }
}

/// A document that is the same for everybody, as long as the server runs.
pub(super) struct Document {
    text: &'static str,
    /// A strong one (RFC 9110, 8.8.3).
    etag: String,
}

static OPENAPI_DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::new(OPENAPI));
static ASYNCAPI_DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::new(ASYNCAPI));

pub(super) fn openapi() -> &'static Document {
    &OPENAPI_DOCUMENT
}

pub(super) fn asyncapi() -> &'static Document {
    &ASYNCAPI_DOCUMENT
}

impl Document {
    fn new(text: &'static str) -> Self {
        let etag = format!("\"{:016x}\"", xxh3_64(text.as_bytes()));
        Self { text, etag }
    }

    /// The document, unless who asks has it already.
    pub(super) fn reply(&self, request: &Request) -> Reply {
        let etag = self.etag.clone();
        match is_known(request, &etag) {
            true => Reply::not_modified(etag, DOCUMENT_GUARDS),
            false => Reply::document(self.text, etag),
        }
    }
}
