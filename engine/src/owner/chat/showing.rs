//! How a chat is shown to its members, and in their inboxes.

use rookery_schema::UserId;
use rookery_schema::event::{
    put_direct, put_json_text, put_members, put_number, put_roles, put_settings, put_user_id,
};
use rookery_schema::limits::MEMBERS_SHOWN_MAX;
use rookery_schema::roles::Role;
use rookery_schema::row::Mark;

use crate::json_page::JsonPage;
use crate::mesh::{ChatSummary, Created, MembersPage, Outcome, PageCursor};
use crate::owner::chat::Chat;

/// The chat as its members see it, with the first of them.
pub(crate) fn shown(chat: &Chat, created: bool) -> Outcome {
    let members = chat.members().len().min(MEMBERS_SHOWN_MAX);
    let mut out = Vec::with_capacity(350 + chat.settings().description.len() + members * 39);
    out.extend_from_slice(br#"{"chat_id":""#);
    out.extend_from_slice(chat.id.to_string().as_bytes());
    out.extend_from_slice(br#"","name":"#);
    put_json_text(&mut out, &chat.settings().name);
    put_direct(&mut out, chat.is_direct());
    put_settings(&mut out, chat.settings());
    put_members(&mut out, chat.members().len(), chat.members().iter());
    let admins = chat.members().first_admins(MEMBERS_SHOWN_MAX);
    put_roles(&mut out, admins.map(|user_id| (user_id, Role::Admin)));
    out.extend_from_slice(br#","created_at":""#);
    out.extend_from_slice(&chat.created_at().rfc3339());
    // By this a client can tell whether a change that it has heard of is in it.
    out.extend_from_slice(br#"","last_seq":"#);
    put_number(&mut out, chat.timeline.seq().0);
    out.push(b'}');
    Outcome::Json {
        created: created.then(|| Box::new(Created::Chat(chat.id))),
        body: out,
    }
}

/// A page of its members, in the order in which they joined.
pub(crate) fn members_page(chat: &Chat, page: MembersPage) -> Outcome {
    let mut json = JsonPage::new(page.limit);
    let shown = chat
        .members()
        .behind(page.after)
        .take_while(|user| json.push(|out| put_user_id(out, *user)));
    let last = shown.last();
    Outcome::Page {
        next: last.filter(|_| json.is_cut()).map(PageCursor::AfterMember),
        body: json.finish(),
    }
}

/// The chat as the inbox of a member shows it.
pub(crate) fn summary(chat: &Chat, user: UserId, known: Mark) -> ChatSummary {
    let since = chat.shown_since(user);
    let latest = chat.timeline.recent().latest_message();
    let last_message = latest.filter(|(seq, _)| *seq >= since).map(|(_, message)| {
        let mut shown = Vec::new();
        message.put(&mut shown);
        shown
    });
    ChatSummary {
        chat_id: chat.id,
        name: chat.settings().name.clone(),
        other_user_id: chat.members().other(user),
        last_seq: chat.timeline.seq(),
        read: chat.marked(user, known),
        last_message,
    }
}
