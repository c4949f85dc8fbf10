//! The server side of HTTP/1.1 (RFC 9110 and RFC 9112) over bytes in memory.
//!
//! [`RequestReader`] takes requests off the front of a connection's input buffer, and
//! [`write_response`] appends replies to its output buffer. Sockets and deadlines are the
//! caller's, who asks [`RequestReader::in_request`] whether one is due.
//!
//! Where the RFCs leave a choice, the strict side is taken: two parsers that disagree about where
//! a request ends are how requests are smuggled past a proxy.

mod chunked;
mod coding;
mod conditions;
mod date;
mod fields;
mod head;
pub mod limits;
mod method;
mod origin;
mod path;
mod proxy;
mod reader;
mod refusal;
mod request;
mod response;
mod status;
mod target;
mod version;

pub(crate) use coding::{AcceptEncoding, Coding};
pub(crate) use conditions::is_known;
pub use date::HttpDate;
pub(crate) use fields::list_members;
pub use method::{Method, Version};
pub use origin::Origin;
pub(crate) use origin::is_page_of;
pub(crate) use proxy::{Preface, take_preface};
pub use reader::{Progress, RequestReader};
pub use refusal::Refusal;
pub use request::Request;
pub use response::{CONTINUE, ResponseHead, write_head, write_response};
pub use status::Status;
