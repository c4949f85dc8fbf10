//! Lists of chats: how much of one is made at a time, where its pages end, and how many there may be.

use std::collections::VecDeque;
use std::net::IpAddr;

use rookery_engine::input::Input;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, ChatSummary, Command, Marked, Outcome, PageCursor, ShardMessage,
};
use rookery_engine::port::{Found, Read, StoreFault};
use rookery_schema::limits::{CHAT_NAME_BYTES_MAX, CONTENT_BYTES_MAX, PAGE_BYTES_MAX};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};
use serde_json::Value;

use crate::stage::{SECOND, Stage, THERE, stored_chat};

/// Chats of one list that are asked for at a time.
const CHATS_AT_ONCE_MAX: usize = 64;
/// Lines that are.
const LINES_AT_ONCE_MAX: usize = 16;
/// Lists that are made at a time, and others that wait.
const LISTS_MADE_MAX: usize = 16;
const LISTS_WAITING_MAX: usize = 1024;

/// A user, and their chats, which the other shard owns, in the order of the list.
struct Crowded {
    stage: Stage,
    user: UserId,
    chats: Vec<Activity>,
    /// What each chat's newest message is.
    last_message: Option<Vec<u8>>,
    /// Chats that the user leaves while they are listed.
    left: Vec<ChatId>,
    /// The most questions that were under way at once.
    most_chats: usize,
    most_lines: usize,
}

/// Takes what owners are asked, oldest first.
fn questions(stage: &mut Stage) -> VecDeque<(Asker, ChatId, ChatCommand)> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::Ask {
            asker,
            command: Command::Chat(chat_id, command),
        } => Some((asker, chat_id, command)),
        _ => None,
    })
    .collect()
}

impl Crowded {
    fn new(count: usize) -> Self {
        let mut stage = Stage::new();
        let user = stage.user();
        // Two at a time are as late as each other.
        let mut chats: Vec<Activity> = (0..count as u64)
            .map(|n| Activity {
                at: Timestamp::from_millis(1000 + n * 7919 % count as u64 / 2),
                chat_id: stage.foreign_chat(),
            })
            .collect();
        chats.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            stage,
            user,
            chats,
            last_message: None,
            left: Vec::new(),
            most_chats: 0,
            most_lines: 0,
        }
    }

    fn found(&self) -> Found {
        let mut ids: Vec<ChatId> = self.chats.iter().map(|it| it.chat_id).collect();
        ids.sort_unstable();
        Found::Chats(ids)
    }

    fn outcome(&self, chat_id: ChatId, command: &ChatCommand) -> Outcome {
        let is_in = !self.left.contains(&chat_id);
        let mut chats = self.chats.iter().filter(|_| is_in);
        match command {
            ChatCommand::ShowActivity { .. } => {
                Outcome::Activity(chats.find(|it| it.chat_id == chat_id).copied())
            }
            ChatCommand::Summarize { .. } => {
                let summary = is_in.then(|| ChatSummary {
                    chat_id,
                    name: "\u{1}".repeat(CHAT_NAME_BYTES_MAX).into(),
                    other_user_id: None,
                    last_seq: Seq(1),
                    read: Marked::default(),
                    last_message: self.last_message.clone(),
                });
                Outcome::Summary(summary.map(Box::new))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The owners answer, group by group, the last question of each first, until there is none.
    fn answer_all(&mut self) {
        loop {
            let asked = questions(&mut self.stage);
            if asked.is_empty() {
                break;
            }
            let is_chat =
                |(_, _, it): &&(_, _, ChatCommand)| matches!(it, ChatCommand::ShowActivity { .. });
            let chats = asked.iter().filter(is_chat).count();
            self.most_chats = self.most_chats.max(chats);
            self.most_lines = self.most_lines.max(asked.len() - chats);
            let answer = |(asker, chat_id, command)| ShardMessage::Answer {
                asker,
                outcome: self.outcome(chat_id, &command),
            };
            let messages = asked.into_iter().rev().map(answer).collect();
            let from = THERE;
            self.stage.step(Input::Mesh { from, messages });
        }
    }

    /// A page, and where the next one begins.
    fn page(&mut self, limit: usize, before: Option<Activity>) -> (Vec<String>, Option<Activity>) {
        let question = self.stage.list(self.user, limit, before);
        let found = self.found();
        self.stage.answer_read(Ok(found));
        self.answer_all();
        let Some(Outcome::Page { body, next }) = self.stage.answer(question) else {
            panic!("no page came");
        };
        assert!(body.len() <= PAGE_BYTES_MAX, "{} bytes", body.len());
        let lines: Vec<Value> = serde_json::from_slice(&body).unwrap();
        let id = |line: &Value| line["chat_id"].as_str().unwrap().to_owned();
        let next = next.map(|next| match next {
            PageCursor::BeforeActivity(activity) => activity,
            other => panic!("{other:?}"),
        });
        (lines.iter().map(id).collect(), next)
    }

    /// All pages.
    fn pages(&mut self, limit: usize) -> Vec<Vec<String>> {
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(limit, before);
            pages.push(page);
            match next {
                Some(_) => before = next,
                None => return pages,
            }
        }
    }

    fn ids(&self) -> Vec<String> {
        self.chats.iter().map(|it| it.chat_id.to_string()).collect()
    }
}

#[test]
fn a_list_of_ten_thousand_chats_asks_for_some_at_a_time() {
    let mut crowded = Crowded::new(10_000);
    let (page, next) = crowded.page(1000, None);
    assert_eq!(page, crowded.ids()[..1000]);
    assert_eq!(next, Some(crowded.chats[999]));
    assert_eq!(crowded.most_chats, CHATS_AT_ONCE_MAX);
    assert_eq!(crowded.most_lines, LINES_AT_ONCE_MAX);
}

#[test]
fn pages_follow_each_other_latest_activity_first() {
    let mut crowded = Crowded::new(300);
    for limit in [7, 100, 299, 300, 301] {
        let pages = crowded.pages(limit);
        assert_eq!(pages.len(), 300_usize.div_ceil(limit), "limit {limit}");
        assert_eq!(pages.concat(), crowded.ids(), "limit {limit}");
    }
}

#[test]
fn a_page_of_chats_ends_at_its_bound_of_bytes() {
    let mut crowded = Crowded::new(150);
    // As much JSON as a message may take.
    let message = format!(r#""{}""#, r"\u0001".repeat(CONTENT_BYTES_MAX));
    let line = message.len() + 6 * CHAT_NAME_BYTES_MAX;
    crowded.last_message = Some(message.into_bytes());
    let pages = crowded.pages(100);
    assert_eq!(pages.concat(), crowded.ids());
    let full = PAGE_BYTES_MAX / line;
    for page in &pages[..pages.len() - 1] {
        assert!((full - 1..=full).contains(&page.len()), "{}", page.len());
    }
}

#[test]
fn a_chat_that_becomes_active_between_two_pages_is_at_the_front() {
    let mut crowded = Crowded::new(30);
    let (_, next) = crowded.page(10, None);
    let mut active = crowded.chats.remove(20);
    active.at = Timestamp::from_millis(1_000_000);
    crowded.chats.insert(0, active);
    let (rest, _) = crowded.page(30, next);
    assert_eq!(
        rest,
        crowded.ids()[11..],
        "all but the one that is in front"
    );
    let (front, _) = crowded.page(1, None);
    assert_eq!(front, [active.chat_id.to_string()]);
}

#[test]
fn a_chat_that_is_left_while_it_is_listed_is_not_shown() {
    let mut crowded = Crowded::new(30);
    let question = crowded.stage.list(crowded.user, 10, None);
    let found = crowded.found();
    crowded.stage.answer_read(Ok(found));
    let asked = questions(&mut crowded.stage);
    for (asker, chat_id, command) in asked {
        let outcome = crowded.outcome(chat_id, &command);
        crowded.stage.tell(ShardMessage::Answer { asker, outcome });
    }
    crowded.left = vec![crowded.chats[3].chat_id, crowded.chats[9].chat_id];
    crowded.answer_all();
    let Some(Outcome::Page { body, next }) = crowded.stage.answer(question) else {
        panic!("no page came");
    };
    let lines: Vec<Value> = serde_json::from_slice(&body).unwrap();
    assert_eq!(lines.len(), 8);
    let last = crowded.chats[9];
    assert_eq!(next, Some(PageCursor::BeforeActivity(last)));
}

#[test]
fn chats_of_the_same_shard_are_looked_at_over_several_rounds() {
    const CHATS: usize = 1000;
    const LIMIT: usize = 100;
    let mut stage = Stage::new();
    let user = stage.user();
    let chats: Vec<ChatId> = (0..CHATS).map(|_| stage.chat()).collect();
    let question = stage.list(user, LIMIT, None);
    stage.answer_read(Ok(Found::Chats(chats.clone())));
    let mut most_reads = 0;
    while let Some((_, Read::Chat { chat_id, .. })) = stage.reads.front() {
        most_reads = most_reads.max(stage.reads.len());
        let stored = stored_chat(*chat_id, &[user]);
        stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    }
    assert!(matches!(stage.answer(question), Some(Outcome::Page { .. })));
    assert_eq!(most_reads, CHATS_AT_ONCE_MAX);
    // Now all are in memory.
    let question = stage.list(user, LIMIT, None);
    let before = stage.rounds;
    stage.answer_read(Ok(Found::Chats(chats)));
    let rounds = stage.rounds - before;
    assert!(matches!(stage.answer(question), Some(Outcome::Page { .. })));
    let groups = CHATS.div_ceil(CHATS_AT_ONCE_MAX) + LIMIT.div_ceil(LINES_AT_ONCE_MAX);
    assert!(rounds >= groups, "{rounds} rounds for {groups} groups");
}

#[test]
fn many_lists_at_once_ask_no_more_in_a_round_than_the_bound() {
    const GROUPS_PER_ROUND_MAX: usize = 4;
    let mut stage = Stage::new();
    let chats: Vec<ChatId> = (0..CHATS_AT_ONCE_MAX)
        .map(|_| stage.foreign_chat())
        .collect();
    for _ in 0..LISTS_MADE_MAX {
        let user = stage.user();
        stage.list(user, 1, None);
    }
    // The shard is busy, so that the store's answers are all taken in one round.
    let reads = std::mem::take(&mut stage.reads);
    assert_eq!(reads.len(), LISTS_MADE_MAX);
    let asked = stage.asked_by_round(reads, &chats);
    let most = GROUPS_PER_ROUND_MAX * CHATS_AT_ONCE_MAX;
    assert_eq!(asked, [most; LISTS_MADE_MAX / GROUPS_PER_ROUND_MAX]);
}

#[test]
fn a_user_has_only_some_lists_made_at_a_time() {
    const LISTS_PER_USER_MAX: usize = 4;
    let mut stage = Stage::new();
    let (user, other) = (stage.user(), stage.user());
    let made: Vec<u64> = (0..LISTS_PER_USER_MAX)
        .map(|_| stage.list(user, 1, None))
        .collect();
    let refused = stage.list(user, 1, None);
    let Some(Outcome::Refused(problem)) = stage.answer(refused) else {
        panic!("one more than may be is made");
    };
    assert_eq!(problem, Problem::over(Limit::ListsPerUser, 1));
    let of_other = stage.list(other, 1, None);
    for question in made.into_iter().chain([of_other]) {
        stage.answer_read(Ok(Found::Chats(Vec::new())));
        assert!(matches!(stage.answer(question), Some(Outcome::Page { .. })));
    }
    let later = stage.list(user, 1, None);
    stage.answer_read(Err(StoreFault));
    stage.assert_refused(later, Problem::STORE_UNAVAILABLE);
}

#[test]
fn a_shard_makes_some_lists_at_a_time_and_refuses_those_that_can_not_wait() {
    let mut stage = Stage::new();
    let list = |stage: &mut Stage| {
        let user = stage.user();
        stage.list(user, 1, None)
    };
    let all: Vec<u64> = (0..LISTS_MADE_MAX + LISTS_WAITING_MAX)
        .map(|_| list(&mut stage))
        .collect();
    assert_eq!(stage.reads.len(), LISTS_MADE_MAX, "the others wait");
    let refused = list(&mut stage);
    stage.assert_refused(refused, Problem::LISTS_WAITING);
    // In the order in which they came.
    for question in all {
        assert!(stage.reads.len() <= LISTS_MADE_MAX);
        stage.answer_read(Ok(Found::Chats(Vec::new())));
        assert!(matches!(stage.answer(question), Some(Outcome::Page { .. })));
    }
    assert!(stage.reads.is_empty());
}

#[test]
fn of_too_many_lists_that_wait_the_network_that_asks_for_most_is_refused() {
    let mut stage = Stage::new();
    let list = |stage: &mut Stage, n: u8| {
        let user = stage.user();
        let network = IpAddr::from([198, 51, 100, n]).into();
        stage.list_from(network, user, 1, None)
    };
    let crowd: Vec<u64> = (0..LISTS_MADE_MAX + LISTS_WAITING_MAX)
        .map(|_| list(&mut stage, 1))
        .collect();
    let other = list(&mut stage, 2);
    assert_eq!(stage.answer(other), None, "it waits for its turn");
    let (newest, rest) = crowd.split_last().unwrap();
    stage.assert_refused(*newest, Problem::LISTS_WAITING);
    // Of those that wait, one is made before it.
    for question in &rest[..LISTS_MADE_MAX + 1] {
        assert_eq!(stage.answer(other), None);
        stage.answer_read(Ok(Found::Chats(Vec::new())));
        assert!(matches!(
            stage.answer(*question),
            Some(Outcome::Page { .. })
        ));
    }
    stage.answer_read(Ok(Found::Chats(Vec::new())));
    assert!(matches!(stage.answer(other), Some(Outcome::Page { .. })));
}

#[test]
fn lists_that_are_not_answered_give_way_to_others() {
    let mut stage = Stage::new();
    let chat = stage.foreign_chat();
    for n in 0..LISTS_MADE_MAX {
        let user = stage.user();
        stage.list(user, 1, None);
        if n % 2 == 0 {
            // Its owner is silent, where for the others the store is.
            stage.answer_read(Ok(Found::Chats(vec![chat])));
        }
    }
    stage.reads.clear();
    stage.tick_after(9 * SECOND);
    let later: Vec<u64> = (0..LISTS_MADE_MAX)
        .map(|_| {
            let user = stage.user();
            stage.list(user, 1, None)
        })
        .collect();
    assert!(stage.reads.is_empty(), "they wait");
    stage.tick_after(2 * SECOND);
    assert_eq!(stage.reads.len(), LISTS_MADE_MAX);
    for question in later {
        stage.answer_read(Ok(Found::Chats(Vec::new())));
        assert!(matches!(stage.answer(question), Some(Outcome::Page { .. })));
    }
}
