//! The web pages, what they load, and what they ask first.

use const_format::concatcp;

use crate::api::reply::{Fields, OWN_PAGES_ONLY, Reply};
use crate::api::routes::ASSETS;
use crate::api::{Action, Api, Call, Handled};
use crate::assets::Asset;
use crate::context::Context;
use crate::http::{AcceptEncoding, Status, is_known};
use crate::mesh::problem::Problem;

/// Where the pages are among the assets.
const CHAT_PAGE: &str = "chat/index.html";
const OPS_PAGE: &str = "ops/index.html";

/// What the pages may load, and from where: from here alone, and nothing that stands in the page itself. So what a user
/// wrote is never run, whatever a page does with it. The last word is the name of the policy by which they may make
/// trusted types.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types ";
/// The chat makes none.
const CHAT_POLICY: &str = concatcp!(PAGE_POLICY, "'none'");
/// `new Worker` takes a trusted type alone, so the one address of its worker goes through a policy.
const OPS_POLICY: &str = concatcp!(PAGE_POLICY, "worker");
/// A worker is held to the policy that its script came with, not to that of its page. It loads the modules that it is made of.
const SCRIPT_POLICY: &str =
    "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page may be kept, but has to be asked for again: it names the assets of one version.
const PAGE_CACHING: (&str, &str) = ("Cache-Control", "no-cache");
/// An asset may be kept for a year, the longest that is usual, and never be asked for again: what changes has another
/// path (RFC 8246).
const ASSET_CACHING: (&str, &str) = ("Cache-Control", "public, max-age=31536000, immutable");
/// Each coding is another reply to the same request.
const VARY: (&str, &str) = ("Vary", "Accept-Encoding");
/// What it says it is, and nothing else.
const NO_SNIFFING: (&str, &str) = ("X-Content-Type-Options", "nosniff");
/// Whoever a link in a message leads to is not told where it stood.
const NO_REFERRER: (&str, &str) = ("Referrer-Policy", "no-referrer");
/// Pages of others that open it, or that it opens, can't reach into its window.
const OWN_WINDOWS: (&str, &str) = ("Cross-Origin-Opener-Policy", "same-origin");
/// What no page here asks a browser for.
const FEATURES: (&str, &str) = (
    "Permissions-Policy",
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
);
const POLICY: &str = "Content-Security-Policy";

const CHAT_FIELDS: Fields = &[
    PAGE_CACHING,
    VARY,
    NO_SNIFFING,
    (POLICY, CHAT_POLICY),
    NO_REFERRER,
    OWN_WINDOWS,
    OWN_PAGES_ONLY,
    FEATURES,
    // To programs that begin here (RFC 8631).
    ("Link", "</openapi.json>; rel=\"service-desc\""),
];
const OPS_FIELDS: Fields = &[
    PAGE_CACHING,
    VARY,
    NO_SNIFFING,
    (POLICY, OPS_POLICY),
    NO_REFERRER,
    OWN_WINDOWS,
    OWN_PAGES_ONLY,
    FEATURES,
];
const SCRIPT_FIELDS: Fields = &[
    ASSET_CACHING,
    VARY,
    NO_SNIFFING,
    (POLICY, SCRIPT_POLICY),
    OWN_PAGES_ONLY,
];
const ASSET_FIELDS: Fields = &[ASSET_CACHING, VARY, NO_SNIFFING, OWN_PAGES_ONLY];

impl Api<'_> {
    pub(super) fn show_chat_page(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let page = cx.config.assets.page(CHAT_PAGE);
        show(call, page, CHAT_FIELDS)
    }

    pub(super) fn show_ops_page(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let page = cx.config.assets.page(OPS_PAGE);
        show(call, page, OPS_FIELDS)
    }

    pub(super) fn show_asset(self, call: &Call<'_>, cx: &Context<'_>) -> Handled {
        let path = call.request.path_bytes().strip_prefix(ASSETS);
        let file = path.and_then(|path| cx.config.assets.file(path));
        let fields = match file.is_some_and(Asset::is_script) {
            true => SCRIPT_FIELDS,
            false => ASSET_FIELDS,
        };
        show(call, file, fields)
    }

    /// What a client has to know before anybody has logged in.
    pub(super) fn show_about(self, cx: &Context<'_>) -> Action {
        let version = env!("CARGO_PKG_VERSION");
        let auth = cx.config.auth.name();
        let registration = cx.config.registration.name();
        let about = format!(
            r#"{{"name":"rookery","version":"{version}","auth":"{auth}","registration":"{registration}","openapi":"/openapi.json","asyncapi":"/asyncapi.json"}}"#
        );
        Action::Reply(Reply::json(Status::Ok, about.into_bytes()))
    }
}

/// Sends a file in the coding that the client wants most, unless it has that already.
fn show(call: &Call<'_>, file: Option<&'static Asset>, fields: Fields) -> Handled {
    let file = file.ok_or(Problem::NO_SUCH_PAGE)?;
    let (coding, chosen) = file.represented_for(&AcceptEncoding::of(call.request));
    let mut reply = Reply::not_modified(chosen.etag.to_owned(), fields);
    if !is_known(call.request, chosen.etag) {
        reply.status = Status::Ok;
        reply.content_type = Some(file.content_type);
        reply.body = chosen.bytes.into();
        let coding = coding.name().map(str::to_owned);
        reply
            .extra
            .extend(coding.map(|name| ("Content-Encoding", name)));
    }
    Ok(Action::Reply(reply))
}
