//! One page of a user's chats on its way. The owners of all chats are asked when those were last active; then the owners
//! of the chats on the page are asked for a line each, and the store who the others of direct chats are. Only some are asked
//! at a time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rookery_schema::event::{put_direct, put_json_text, put_number, put_user_id};
use rookery_schema::row::{Mark, ProfileRow, UserRow};
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::json_page::JsonPage;
use crate::map::Map;
use crate::mesh::problem::Problem;
use crate::mesh::{Activity, ChatCommand, ChatSummary, InboxPage, Outcome, PageCursor};

/// Chats of one list whose owners are asked at a time when they were last active.
const CHATS_AT_ONCE_MAX: usize = 64;
/// Lines that one list asks for at a time. Each is a chat's name and a message: at most 26 KiB of JSON.
const LINES_AT_ONCE_MAX: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Gather {
    user_id: UserId,
    /// Up to where they have read their chats.
    marks: Map<ChatId, Mark>,
    stage: Stage,
    /// Answers to the questions under way that have not come yet.
    missing: usize,
    problem: Option<Problem>,
}

/// What a gather does next.
pub(super) enum Next {
    /// It asks the owners of these chats.
    Ask(Vec<(ChatId, ChatCommand)>),
    /// It asks who these users are, and what they say of themselves: two answers.
    Read(Box<[UserId]>),
    /// It is done.
    Answer(Outcome),
}

#[derive(Debug)]
enum Stage {
    Ordering(Ordering),
    Showing(Showing),
}

/// Which chats are on the page.
#[derive(Debug)]
struct Ordering {
    page: InboxPage,
    unasked: Vec<ChatId>,
    /// The latest of those that may be on the page, no more than fit; the earliest of them is the first to go.
    latest: BinaryHeap<Reverse<Activity>>,
    /// More may be on the page than fit.
    has_more: bool,
}

/// The chats that are on the page, line by line.
#[derive(Debug)]
struct Showing {
    /// Latest first.
    unasked: VecDeque<Activity>,
    /// Those whose lines were asked for, latest first.
    asked: Vec<Activity>,
    /// Their lines, in any order; none of a chat that the user has left.
    lines: Vec<ChatSummary>,
    /// Who the others of direct chats among these are, once that was read.
    others: Option<Others>,
    json: JsonPage,
    /// The last chat that the page has come to.
    last: Option<Activity>,
    /// There are more behind those on the page.
    has_more: bool,
}

/// The others of direct chats.
#[derive(Debug, Default)]
struct Others {
    users: Vec<UserRow>,
    profiles: Vec<ProfileRow>,
}

impl Others {
    fn user(&self, user_id: UserId) -> Option<&UserRow> {
        self.users.iter().find(|it| it.user_id == user_id)
    }

    fn display_name(&self, user_id: UserId) -> Option<&str> {
        let profile = self.profiles.iter().find(|it| it.user_id == user_id);
        profile?.display_name.as_deref()
    }
}

impl Gather {
    pub(super) const fn new(
        user_id: UserId,
        page: InboxPage,
        chats: Vec<ChatId>,
        marks: Map<ChatId, Mark>,
    ) -> Self {
        let ordering = Ordering {
            page,
            unasked: chats,
            latest: BinaryHeap::new(),
            has_more: false,
        };
        Self {
            user_id,
            marks,
            stage: Stage::Ordering(ordering),
            missing: 0,
            problem: None,
        }
    }

    /// Goes on, where nothing is missing.
    pub(super) fn next(&mut self) -> Next {
        if let Some(problem) = self.problem {
            return Next::Answer(Outcome::Refused(problem));
        }
        if let Stage::Ordering(ordering) = &mut self.stage
            && ordering.unasked.is_empty()
        {
            self.stage = Stage::Showing(ordering.order());
        }
        let user_id = self.user_id;
        let questions: Vec<_> = match &mut self.stage {
            Stage::Ordering(ordering) => {
                let ask = |chat_id| (chat_id, ChatCommand::ShowActivity { user_id });
                ordering.next_group().map(ask).collect()
            }
            Stage::Showing(showing) => {
                if let Some(others) = showing.ask_for_others() {
                    self.missing = 2;
                    return Next::Read(others);
                }
                showing.show_lines();
                if showing.is_done() {
                    return Next::Answer(showing.finish());
                }
                let ask = |it: &Activity| {
                    let mark = self.marks.get(&it.chat_id).copied();
                    let mark = mark.unwrap_or_default();
                    (it.chat_id, ChatCommand::Summarize { user_id, mark })
                };
                showing.next_group().iter().map(ask).collect()
            }
        };
        self.missing = questions.len();
        Next::Ask(questions)
    }

    /// An owner answered; true where nothing is missing any more.
    pub(super) fn answered(&mut self, outcome: Outcome, cx: &mut Context<'_>) -> bool {
        match (&mut self.stage, outcome.accepted()) {
            (Stage::Ordering(ordering), Ok(Outcome::Activity(activity))) => {
                activity.into_iter().for_each(|it| ordering.add(it));
            }
            (Stage::Showing(showing), Ok(Outcome::Summary(summary))) => {
                showing.lines.extend(summary.map(|it| *it));
            }
            (_, Err(problem)) => self.problem = Some(problem),
            (_, Ok(_)) => {
                cx.bug("a line of an inbox was asked for, and something else came");
                self.problem = Some(Problem::NOT_ANSWERED);
            }
        }
        self.is_complete(cx)
    }

    /// Users were read (`None`: could not be); true where nothing is missing any more.
    pub(super) fn users_read(&mut self, users: Option<Vec<UserRow>>, cx: &mut Context<'_>) -> bool {
        self.others_read(users, |others| &mut others.users, cx)
    }

    /// The same for what they say of themselves.
    pub(super) fn profiles_read(
        &mut self,
        profiles: Option<Vec<ProfileRow>>,
        cx: &mut Context<'_>,
    ) -> bool {
        self.others_read(profiles, |others| &mut others.profiles, cx)
    }

    fn others_read<T>(
        &mut self,
        read: Option<Vec<T>>,
        place: impl FnOnce(&mut Others) -> &mut Vec<T>,
        cx: &mut Context<'_>,
    ) -> bool {
        let others = match &mut self.stage {
            Stage::Showing(showing) => showing.others.as_mut(),
            Stage::Ordering(_) => None,
        };
        match (others, read) {
            (Some(others), Some(read)) => *place(others) = read,
            (_, None) => self.problem = Some(Problem::STORE_UNAVAILABLE),
            (None, Some(_)) => cx.bug("users of an inbox were read whom nobody asked for"),
        }
        self.is_complete(cx)
    }

    /// One answer has come.
    fn is_complete(&mut self, cx: &mut Context<'_>) -> bool {
        match self.missing.checked_sub(1) {
            Some(missing) => self.missing = missing,
            None => {
                cx.bug("a line of an inbox was answered that nobody asked for");
                return false;
            }
        }
        self.missing == 0
    }
}

impl Ordering {
    fn next_group(&mut self) -> impl Iterator<Item = ChatId> + '_ {
        let rest = self.unasked.len().saturating_sub(CHATS_AT_ONCE_MAX);
        self.unasked.drain(rest..)
    }

    fn add(&mut self, activity: Activity) {
        if self.page.before.is_some_and(|before| activity >= before) {
            return;
        }
        self.latest.push(Reverse(activity));
        if self.latest.len() > self.page.limit {
            self.latest.pop();
            self.has_more = true;
        }
    }

    fn order(&mut self) -> Showing {
        let latest = std::mem::take(&mut self.latest).into_sorted_vec();
        Showing {
            unasked: latest.into_iter().map(|Reverse(it)| it).collect(),
            asked: Vec::new(),
            lines: Vec::new(),
            others: None,
            json: JsonPage::new(self.page.limit),
            last: None,
            has_more: self.has_more,
        }
    }
}

impl Showing {
    fn next_group(&mut self) -> &[Activity] {
        let count = self.unasked.len().min(LINES_AT_ONCE_MAX);
        self.asked.extend(self.unasked.drain(..count));
        &self.asked
    }

    /// The others of direct chats among the lines that came, unless they were asked for.
    fn ask_for_others(&mut self) -> Option<Box<[UserId]>> {
        let others: Box<[UserId]> = self
            .lines
            .iter()
            .filter_map(|it| it.other_user_id)
            .collect();
        if others.is_empty() || self.others.is_some() {
            return None;
        }
        self.others = Some(Others::default());
        Some(others)
    }

    /// Puts the lines that came on the page, in order, until it is full.
    fn show_lines(&mut self) {
        let others = self.others.take().unwrap_or_default();
        for activity in self.asked.drain(..) {
            let mut lines = self.lines.iter();
            if let Some(line) = lines.find(|it| it.chat_id == activity.chat_id)
                && !self.json.push(|out| put_line(out, line, &others))
            {
                break;
            }
            self.last = Some(activity);
        }
        self.lines.clear();
    }

    fn is_done(&self) -> bool {
        self.json.is_cut() || self.unasked.is_empty()
    }

    fn finish(&mut self) -> Outcome {
        let has_more = self.has_more || self.json.is_cut();
        let last = self.last.filter(|_| has_more);
        Outcome::Page {
            body: std::mem::take(&mut self.json).finish(),
            next: last.map(PageCursor::BeforeActivity),
        }
    }
}

fn put_line(out: &mut Vec<u8>, summary: &ChatSummary, others: &Others) {
    out.extend_from_slice(br#"{"chat_id":""#);
    out.extend_from_slice(summary.chat_id.to_string().as_bytes());
    out.extend_from_slice(br#"","name":"#);
    put_json_text(out, &summary.name);
    put_direct(out, summary.other_user_id.is_some());
    if let Some(other) = summary.other_user_id {
        out.extend_from_slice(br#","other_user_id":"#);
        put_user_id(out, other);
        if let Some(user) = others.user(other) {
            out.extend_from_slice(br#","other_username":"#);
            put_json_text(out, &user.username);
        }
        if let Some(display_name) = others.display_name(other) {
            out.extend_from_slice(br#","other_display_name":"#);
            put_json_text(out, display_name);
        }
    }
    out.extend_from_slice(br#","last_seq":"#);
    put_number(out, summary.last_seq.0);
    out.extend_from_slice(br#","last_message":"#);
    out.extend_from_slice(summary.last_message.as_deref().unwrap_or(b"null"));
    out.extend_from_slice(br#","unread":"#);
    put_number(out, summary.read.unread);
    out.extend_from_slice(br#","read_seq":"#);
    put_number(out, summary.read.mark.seq.0);
    out.push(b'}');
}
