//! What becomes of a change that somebody wants to make to a message: a pure function of the message as it stands.

use rookery_schema::limits::{MESSAGE_EMOJI_MAX, MESSAGE_REACTIONS_MAX, USER_REACTIONS_MAX};
use rookery_schema::message::Message;
use rookery_schema::record::{Change, Edit, MessageAmended, Target};
use rookery_schema::{Timestamp, UserId};

use crate::mesh::problem::Problem;
use crate::mesh::{Amend, MessageChange, Outcome};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing changes: the message is already like that.
    Unchanged,
    /// A record is appended. Where a message was edited before, it has to be known by which event.
    Changes { supersedes_edit: bool },
}

/// Decides about a change of a message by a member of its chat.
///
/// # Errors
/// Why it is refused.
pub(crate) fn judge(message: &Message, amend: &Amend) -> Result<Verdict, Problem> {
    let is_deleted = message.deleted().is_some();
    let is_edited = message.edited().is_some();
    let is_unchanged = match &amend.change {
        MessageChange::Edit { .. } if message.sender_id != amend.caller => {
            return Err(Problem::NOT_AUTHOR);
        }
        MessageChange::Delete if !may_delete(message, amend.caller) => {
            return Err(Problem::NOT_AUTHOR);
        }
        MessageChange::Edit { .. } | MessageChange::AddReaction { .. } if is_deleted => {
            return Err(Problem::MESSAGE_DELETED);
        }
        MessageChange::Edit { content } => **content == *message.content,
        MessageChange::Delete => is_deleted,
        MessageChange::AddReaction { emoji } => has_reaction(message, amend.caller, emoji)?,
        MessageChange::RemoveReaction { emoji } => {
            message.reaction(amend.caller, emoji) != Some(true)
        }
    };
    if is_unchanged {
        return Ok(Verdict::Unchanged);
    }
    Ok(Verdict::Changes {
        supersedes_edit: is_edited && amend.change.takes_content(),
    })
}

/// Who may delete a message.
fn may_delete(message: &Message, caller: UserId) -> bool {
    message.sender_id == caller
}

/// Whether a user's reaction stands already.
///
/// # Errors
/// Where there may be none more.
fn has_reaction(message: &Message, user_id: UserId, emoji: &str) -> Result<bool, Problem> {
    let known = message.reaction(user_id, emoji);
    if known == Some(true) {
        return Ok(true);
    }
    let standing = message.emoji();
    if standing.len() >= MESSAGE_EMOJI_MAX && !standing.contains(emoji) {
        return Err(Problem::TOO_MANY_EMOJI);
    }
    let (all, theirs) = message.reaction_counts(user_id);
    // One that comes back takes no row more.
    if known.is_none() && theirs >= USER_REACTIONS_MAX {
        return Err(Problem::TOO_MANY_OWN_REACTIONS);
    }
    if known.is_none() && all >= MESSAGE_REACTIONS_MAX {
        return Err(Problem::TOO_MANY_REACTIONS);
    }
    Ok(false)
}

/// The record of a change.
pub(crate) fn record<'a>(
    message: &'a Message,
    amend: &'a Amend,
    supersedes: Option<Edit>,
    at: Timestamp,
) -> MessageAmended<'a> {
    MessageAmended {
        chat_id: message.chat_id,
        by: amend.caller,
        at,
        target: Target {
            seq: message.seq,
            messages: message.messages,
            message_id: message.message_id,
            sender_id: message.sender_id,
            at: message.created_at,
            client_id: message.client_id.as_deref(),
        },
        change: match &amend.change {
            MessageChange::Edit { content } => Change::Edited {
                supersedes,
                content,
            },
            MessageChange::Delete => Change::Deleted { supersedes },
            MessageChange::AddReaction { emoji } => Change::Reaction { emoji, added: true },
            MessageChange::RemoveReaction { emoji } => Change::Reaction {
                emoji,
                added: false,
            },
        },
    }
}

/// Whether a record is what somebody asked for.
pub(crate) fn asks_for(amend: &Amend, record: &MessageAmended<'_>) -> bool {
    let is_it = match (&amend.change, record.change) {
        (MessageChange::Edit { content }, Change::Edited { content: said, .. }) => {
            **content == *said
        }
        (MessageChange::Delete, Change::Deleted { .. }) => true,
        (MessageChange::AddReaction { emoji }, Change::Reaction { emoji: said, added }) => {
            added && **emoji == *said
        }
        (MessageChange::RemoveReaction { emoji }, Change::Reaction { emoji: said, added }) => {
            !added && **emoji == *said
        }
        _ => false,
    };
    is_it && amend.caller == record.by
}

/// What a change is answered with that is done: an edit shows the message.
pub(crate) fn outcome(message: &Message, is_edit: bool) -> Outcome {
    if !is_edit {
        return Outcome::Done;
    }
    let mut body = Vec::new();
    message.encode(&mut body);
    Outcome::Json {
        created: None,
        body,
    }
}

#[cfg(test)]
mod tests {
    use rookery_schema::record::MessagePosted;
    use rookery_schema::row::AmendmentRow;
    use rookery_schema::{ChatId, MessageId, Seq};

    use super::*;

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    /// A message of user 1.
    fn message() -> Message {
        let posted = MessagePosted {
            chat_id: ChatId::from_bytes([1; 16]),
            message_id: MessageId::from_bytes([2; 16]),
            sender_id: user(1),
            at: Timestamp::from_millis(1),
            client_id: Some("c-1"),
            content: "said",
        };
        Message::said(&posted, Seq(7), 5)
    }

    fn amend(caller: u8, change: MessageChange) -> Amend {
        Amend {
            caller: user(caller),
            message_id: message().message_id,
            change,
        }
    }

    fn edit(content: &str) -> MessageChange {
        MessageChange::Edit {
            content: content.into(),
        }
    }

    fn react(emoji: &str) -> MessageChange {
        MessageChange::AddReaction {
            emoji: emoji.into(),
        }
    }

    /// The message once these were done, as the events from 8 on.
    fn amended(changes: Vec<(u8, MessageChange)>) -> Message {
        let mut message = message();
        for (seq, (caller, change)) in (8..).zip(changes) {
            let amend = amend(caller, change);
            let before = message.clone();
            let record = record(&before, &amend, None, Timestamp::from_millis(seq));
            message.amend(&AmendmentRow::of(&record, Seq(seq)));
        }
        message
    }

    const CHANGES: Result<Verdict, Problem> = Ok(Verdict::Changes {
        supersedes_edit: false,
    });
    const SUPERSEDES: Result<Verdict, Problem> = Ok(Verdict::Changes {
        supersedes_edit: true,
    });
    const UNCHANGED: Result<Verdict, Problem> = Ok(Verdict::Unchanged);

    #[test]
    fn a_message_is_changed_by_its_author_alone() {
        for change in [|| edit("new"), || MessageChange::Delete] {
            assert_eq!(judge(&message(), &amend(1, change())), CHANGES);
            let refused = Err(Problem::NOT_AUTHOR);
            assert_eq!(judge(&message(), &amend(2, change())), refused);
            let edited = amended(vec![(1, edit("edited"))]);
            assert_eq!(judge(&edited, &amend(1, change())), SUPERSEDES);
        }
        assert_eq!(judge(&message(), &amend(2, react("a"))), CHANGES);
        assert_eq!(judge(&message(), &amend(1, edit("said"))), UNCHANGED);
    }

    #[test]
    fn a_deleted_message_stays_as_it_is() {
        let deleted = amended(vec![(1, edit("new")), (1, MessageChange::Delete)]);
        let refused = Err(Problem::MESSAGE_DELETED);
        assert_eq!(judge(&deleted, &amend(1, edit("back"))), refused);
        assert_eq!(judge(&deleted, &amend(2, react("a"))), refused);
        let deletes = |caller| judge(&deleted, &amend(caller, MessageChange::Delete));
        assert_eq!(
            (deletes(1), deletes(2)),
            (UNCHANGED, Err(Problem::NOT_AUTHOR))
        );
    }

    #[test]
    fn a_reaction_is_there_or_it_is_not() {
        let take_back = |emoji: &str| MessageChange::RemoveReaction {
            emoji: emoji.into(),
        };
        let reacted = amended(vec![(2, react("a")), (2, react("b")), (2, take_back("b"))]);
        for (change, expected) in [
            (react("a"), UNCHANGED),
            (react("b"), CHANGES),
            (react("c"), CHANGES),
            (take_back("a"), CHANGES),
            (take_back("b"), UNCHANGED),
            (take_back("c"), UNCHANGED),
        ] {
            assert_eq!(judge(&reacted, &amend(2, change)), expected);
        }
        assert_eq!(judge(&reacted, &amend(3, take_back("a"))), UNCHANGED);
    }

    #[test]
    fn a_message_has_no_more_reactions_than_the_bound() {
        let users = (0..MESSAGE_REACTIONS_MAX)
            .map(|n| UserId::v7(Timestamp::from_millis(n as u64), &[0; 10]));
        let mut full = message();
        for (seq, caller) in (8..).zip(users) {
            let amend = Amend {
                caller,
                ..amend(2, react("a"))
            };
            let before = full.clone();
            let record = record(&before, &amend, None, Timestamp::from_millis(seq));
            full.amend(&AmendmentRow::of(&record, Seq(seq)));
        }
        let refused = Err(Problem::TOO_MANY_REACTIONS);
        assert_eq!(judge(&full, &amend(2, react("a"))), refused);
        assert_eq!(judge(&full, &amend(1, edit("new"))), CHANGES);
    }

    #[test]
    fn a_record_tells_all_of_its_message_but_the_content() {
        let (message, amend) = (message(), amend(1, MessageChange::Delete));
        let record = record(&message, &amend, None, Timestamp::from_millis(9));
        let expected = Target {
            seq: Seq(7),
            messages: 5,
            message_id: message.message_id,
            sender_id: user(1),
            at: Timestamp::from_millis(1),
            client_id: Some("c-1"),
        };
        assert_eq!((record.target, record.by), (expected, user(1)));
    }
}
