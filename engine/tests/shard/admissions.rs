//! Who may become a member: users who exist and are in fewer chats than they may be, however much is asked at once.

mod given_up;
mod recorded;
mod turns;

use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::limits::Limit;
use rookery_engine::mesh::field::{Fault, Field};
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    AdmissionId, Candidates, ChatCommand, Command, NotAdmitted, Outcome, ShardMessage,
};
use rookery_engine::port::{Found, LogEvent, Read};
use rookery_schema::row::UserRow;
use rookery_schema::{ChatId, UserId};

use crate::stage::{P0, SECOND, Stage, THERE, account, addition, creation, network};

/// Users whose chats a home reads at a time.
const READS_AT_ONCE_MAX: usize = 8;
/// Seconds for which the chats of a user are not read again.
const COUNTED_SECONDS: u64 = 60;
/// Seconds that an admission lasts.
const JOINING_SECONDS_MAX: u64 = 60;

/// A shard with these settings. The other one has replayed its log.
fn stage(change: impl FnOnce(&mut ShardConfig)) -> Stage {
    let mut stage = Stage::serving(change);
    stage.all_ready();
    stage
}

/// A shard on which users may make so many chats, and be in so many.
fn limited(chats: usize, memberships: usize) -> Stage {
    stage(|config| {
        config.chats_per_user = chats;
        config.memberships_per_user = memberships;
    })
}

/// A shard in token mode.
fn knowing() -> Stage {
    stage(|config| config.auth = AuthMode::Token)
}

fn create(
    stage: &mut Stage,
    chat_id: ChatId,
    creator_id: Option<UserId>,
    members: &[UserId],
) -> u64 {
    stage.ask(Command::Chat(chat_id, creation(creator_id, members)))
}

/// A user makes a chat with nobody else.
fn make(stage: &mut Stage, user_id: UserId) -> (ChatId, u64) {
    let chat_id = stage.chat_made_by(user_id);
    let question = create(stage, chat_id, Some(user_id), &[user_id]);
    (chat_id, question)
}

/// The store has these chats for whomever it is asked about.
fn find_chats(stage: &mut Stage, chats: &[ChatId]) {
    while let Some((_, read)) = stage.reads.front() {
        assert!(matches!(read, Read::ChatsOfUser(_)), "{read:?}");
        stage.answer_read(Ok(Found::Chats(chats.to_vec())));
    }
}

/// The store has all users that it is asked about, but for these.
fn find_users_but(stage: &mut Stage, unknown: &[UserId]) {
    let Some((_, Read::Users(user_ids))) = stage.reads.front().cloned() else {
        panic!("{:?}", stage.reads);
    };
    let known = user_ids.iter().filter(|it| !unknown.contains(it));
    let users = known.map(|user_id| user(*user_id, Some("hash"))).collect();
    stage.answer_read(Ok(Found::Users(users)));
}

fn user(user_id: UserId, password_hash: Option<&str>) -> UserRow {
    account(user_id, &user_id.to_string(), password_hash)
}

/// Takes what the other shard is asked as a home.
fn asked(stage: &mut Stage) -> Vec<Candidates> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::Admit(candidates) => Some(candidates),
        _ => None,
    })
    .collect()
}

/// Takes whom the other shard is told not to wait for.
fn told_not_joining(stage: &mut Stage) -> Vec<UserId> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    let told = sent.filter_map(|message| match message {
        ShardMessage::NotJoining { users, .. } => Some(users),
        _ => None,
    });
    told.flatten().collect()
}

/// A request of the other shard.
const fn request(number: u64) -> AdmissionId {
    AdmissionId {
        shard: THERE,
        partition: P0,
        number,
    }
}

/// What a request of the other shard asks this one as a home.
fn question(number: u64, chat_id: ChatId, user_ids: &[UserId]) -> ShardMessage {
    ShardMessage::Admit(Candidates {
        id: request(number),
        chat_id,
        network: network(),
        spared: None,
        user_ids: user_ids.to_vec(),
    })
}

/// The other shard answers as a home.
fn answer(stage: &mut Stage, candidates: &Candidates, outcome: Result<(), NotAdmitted>) {
    let id = candidates.id;
    stage.tell(ShardMessage::Admitted { id, outcome });
}

fn not_admitted(stage: &mut Stage, question: u64) -> NotAdmitted {
    match stage.answer(question) {
        Some(Outcome::NotAdmitted(refused)) => *refused,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_over(stage: &mut Stage, question: u64, limit: Limit, user_id: UserId) {
    let refused = not_admitted(stage, question);
    assert_eq!(refused.problem.limit, Some(limit));
    assert_eq!(refused.user_ids, [user_id]);
}

#[track_caller]
fn assert_done(stage: &mut Stage, question: u64) {
    let answer = stage.answer(question);
    assert!(matches!(answer, Some(Outcome::Json { .. })), "{answer:?}");
}

#[test]
fn of_twenty_chats_that_a_user_makes_at_once_no_more_come_about_than_they_may_make() {
    const ALLOWED: usize = 5;
    let mut stage = limited(ALLOWED, 0);
    let ann = stage.user();
    let asked: Vec<_> = (0..20).map(|_| make(&mut stage, ann)).collect();
    find_chats(&mut stage, &[]);
    stage.settle();
    let mut made = Vec::new();
    for (chat_id, question) in asked {
        match stage.answer(question) {
            Some(Outcome::Json { .. }) => made.push(chat_id),
            Some(Outcome::NotAdmitted(refused)) => {
                assert_eq!(refused.problem, Problem::over(Limit::ChatsPerUser, 60));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(made.len(), ALLOWED);

    let (_, one_more) = make(&mut stage, ann);
    find_chats(&mut stage, &made);
    assert_over(&mut stage, one_more, Limit::ChatsPerUser, ann);
    // They have left one, and others have added them to chats of theirs.
    let others: Vec<ChatId> = (0..9).map(|_| stage.chat()).collect();
    stage.tick_after(COUNTED_SECONDS * SECOND);
    let (_, instead) = make(&mut stage, ann);
    find_chats(&mut stage, &[&made[1..], &others].concat());
    stage.settle();
    assert_done(&mut stage, instead);
}

#[test]
fn chats_count_while_they_are_on_their_way_into_log_and_store() {
    let mut stage = limited(1, 0);
    let ann = stage.user();
    let (chat_id, first) = make(&mut stage, ann);
    find_chats(&mut stage, &[]);
    let refused = |stage: &mut Stage, when: &str| {
        let (_, another) = make(stage, ann);
        find_chats(stage, &[]);
        let outcome = stage.answer(another);
        assert!(
            matches!(outcome, Some(Outcome::NotAdmitted(_))),
            "{when}: {outcome:?}"
        );
    };
    refused(&mut stage, "it is being appended");
    stage.append();
    refused(&mut stage, "it is applied");
    stage.store();
    assert_done(&mut stage, first);
    refused(&mut stage, "it is stored");
    stage.tick_after(COUNTED_SECONDS * SECOND);
    let (_, another) = make(&mut stage, ann);
    find_chats(&mut stage, &[chat_id]);
    assert_over(&mut stage, another, Limit::ChatsPerUser, ann);
}

#[test]
fn chats_count_that_the_store_hears_of_while_it_is_asked() {
    let mut stage = limited(1, 0);
    let ann = stage.user();
    make(&mut stage, ann);
    find_chats(&mut stage, &[]);
    stage.append();
    stage.tick_after(COUNTED_SECONDS * SECOND);
    // The store is asked before it knows, and answers when it does.
    let (_, another) = make(&mut stage, ann);
    stage.store();
    assert_eq!(stage.reads.len(), 1);
    find_chats(&mut stage, &[]);
    assert_over(&mut stage, another, Limit::ChatsPerUser, ann);
}

#[test]
fn a_users_chats_are_read_once_in_a_while_however_often_they_are_named() {
    const ALLOWED: usize = 5;
    let mut stage = limited(0, ALLOWED);
    let users: Vec<UserId> = (0..40).map(|_| stage.user()).collect();
    let mut reads = 0;
    for round in 0..=ALLOWED {
        let chat_id = stage.chat();
        let question = create(&mut stage, chat_id, None, &users);
        while !stage.reads.is_empty() {
            assert!(stage.reads.len() <= READS_AT_ONCE_MAX);
            reads += 1;
            stage.answer_read(Ok(Found::Chats(Vec::new())));
        }
        assert_eq!(reads, users.len());
        stage.settle();
        if round < ALLOWED {
            assert_done(&mut stage, question);
        } else {
            let refused = not_admitted(&mut stage, question);
            assert_eq!(refused.user_ids, users);
        }
    }
    stage.tick_after(COUNTED_SECONDS * SECOND);
    let chat_id = stage.chat();
    create(&mut stage, chat_id, None, &users[..1]);
    assert_eq!(stage.reads.len(), 1, "they may have left some");
}

#[test]
fn nobody_reads_the_chats_of_users_for_whom_nobody_waits_any_more() {
    let mut stage = limited(0, 5);
    let users: Vec<UserId> = (0..READS_AT_ONCE_MAX + 5).map(|_| stage.user()).collect();
    let chat_id = stage.chat();
    create(&mut stage, chat_id, None, &users);
    assert_eq!(stage.reads.len(), READS_AT_ONCE_MAX);
    stage.tick_after(10 * SECOND);
    find_chats(&mut stage, &[]);
    assert!(stage.reads.is_empty());
    let again = create(&mut stage, chat_id, None, &users);
    find_chats(&mut stage, &[]);
    stage.settle();
    assert_done(&mut stage, again);
}

#[test]
fn others_cannot_keep_a_user_from_making_chats() {
    let mut stage = limited(2, 3);
    let ann = stage.user();
    let of_others: Vec<ChatId> = (0..3).map(|_| stage.chat()).collect();
    for _ in 0..2 {
        let (_, question) = make(&mut stage, ann);
        find_chats(&mut stage, &of_others);
        stage.settle();
        assert_done(&mut stage, question);
    }
    let (_, question) = make(&mut stage, ann);
    assert_over(&mut stage, question, Limit::ChatsPerUser, ann);
    let other = stage.chat();
    let question = create(&mut stage, other, None, &[ann]);
    assert_over(&mut stage, question, Limit::MembershipsPerUser, ann);
    // Without a limit of their own, these are memberships like others.
    let mut stage = limited(0, 3);
    let (_, question) = make(&mut stage, ann);
    find_chats(&mut stage, &of_others);
    assert_over(&mut stage, question, Limit::MembershipsPerUser, ann);
}

#[test]
fn nobody_is_admitted_before_all_shards_have_told_who_joined() {
    let mut stage = Stage::serving(|config| config.memberships_per_user = 1);
    let ann = stage.user();
    let (chat_id, earlier) = (stage.chat(), stage.foreign_chat());
    let question = create(&mut stage, chat_id, None, &[ann]);
    stage.tick_after(SECOND);
    assert!(stage.reads.is_empty());
    stage.told_joined(earlier, ann, false);
    stage.all_ready();
    find_chats(&mut stage, &[]);
    assert_over(&mut stage, question, Limit::MembershipsPerUser, ann);
}

#[test]
fn nobody_is_added_by_others_to_more_chats_than_they_may_be_in() {
    let mut stage = limited(0, 2);
    let (ann, bob) = (stage.user(), stage.user());
    let theirs = [stage.chat(), stage.chat()];
    let chat_id = stage.chat();
    let with_both = create(&mut stage, chat_id, Some(ann), &[ann, bob]);
    for user_id in [ann, bob] {
        let chats = if user_id == bob { &theirs[..] } else { &[] };
        let read = stage.answer_read(Ok(Found::Chats(chats.to_vec())));
        assert_eq!(read, Read::ChatsOfUser(user_id));
    }
    assert_over(&mut stage, with_both, Limit::MembershipsPerUser, bob);
    assert!(stage.appends.is_empty());

    let alone = create(&mut stage, chat_id, Some(ann), &[ann]);
    find_chats(&mut stage, &theirs[..1]);
    stage.settle();
    assert_done(&mut stage, alone);
    let add = |stage: &mut Stage, chats: &[ChatId]| {
        let command = addition(ann, bob);
        let question = stage.ask(Command::Chat(chat_id, command));
        find_chats(stage, chats);
        stage.settle();
        question
    };
    let question = add(&mut stage, &theirs);
    assert_over(&mut stage, question, Limit::MembershipsPerUser, bob);
    stage.tick_after(COUNTED_SECONDS * SECOND);
    let question = add(&mut stage, &theirs[..1]);
    assert_done(&mut stage, question);
    // Who is a member already is none more.
    let again = add(&mut stage, &theirs);
    assert_done(&mut stage, again);
}

#[test]
fn users_who_were_admitted_in_vain_can_join_another_chat() {
    let mut stage = limited(0, 1);
    let (ann, there) = (stage.user(), stage.foreign_user());
    let chat_id = stage.chat();
    let question = create(&mut stage, chat_id, None, &[ann, there]);
    find_chats(&mut stage, &[]);
    let [candidates] = &asked(&mut stage)[..] else {
        panic!("one home is asked");
    };
    assert_eq!(candidates.user_ids, [there]);
    let refusal = NotAdmitted {
        problem: Problem::over(Limit::MembershipsPerUser, 60),
        user_ids: vec![there],
    };
    answer(&mut stage, candidates, Err(refusal));
    assert_over(&mut stage, question, Limit::MembershipsPerUser, there);
    assert_eq!(told_not_joining(&mut stage), [there]);

    let other = stage.chat();
    let question = create(&mut stage, other, None, &[ann]);
    find_chats(&mut stage, &[]);
    stage.fail_append();
    stage.assert_refused(question, Problem::LOG_UNAVAILABLE);
    // Nobody knows of this one whether it is in the log. It counts for a while.
    let another = stage.chat();
    let question = create(&mut stage, another, None, &[ann]);
    find_chats(&mut stage, &[]);
    assert_over(&mut stage, question, Limit::MembershipsPerUser, ann);
    stage.tick_after(JOINING_SECONDS_MAX * SECOND);
    let question = create(&mut stage, another, None, &[ann]);
    find_chats(&mut stage, &[]);
    stage.settle();
    assert_done(&mut stage, question);
}

#[test]
fn members_are_users() {
    let mut stage = knowing();
    let [ann, bob, gone] = [(); 3].map(|()| stage.user());
    let nobody = stage.user();
    let chat_id = stage.chat();
    let question = create(&mut stage, chat_id, Some(ann), &[bob, gone, nobody, ann]);
    let users = [ann, bob].map(|it| user(it, Some("hash")));
    let deleted = user(gone, None);
    let users = users.into_iter().chain([deleted]).collect();
    let read = stage.answer_read(Ok(Found::Users(users)));
    assert_eq!(read, Read::Users([ann, bob, gone, nobody].into()));
    let refused = not_admitted(&mut stage, question);
    let unknown = Problem::UNKNOWN_MEMBER.about(Field::Members, Fault::Unknown);
    assert_eq!(refused.problem, unknown);
    assert_eq!(refused.user_ids, [gone, nobody]);
    assert!(stage.appends.is_empty() && stage.reads.is_empty());

    let question = create(&mut stage, chat_id, Some(ann), &[ann]);
    find_users_but(&mut stage, &[]);
    stage.settle();
    assert_done(&mut stage, question);
    let add = |stage: &mut Stage, user_id: UserId| {
        let caller = ann;
        stage.ask(Command::Chat(chat_id, addition(caller, user_id)))
    };
    let question = add(&mut stage, nobody);
    find_users_but(&mut stage, &[nobody]);
    let refused = not_admitted(&mut stage, question);
    assert_eq!(refused.user_ids, [nobody]);
    let question = add(&mut stage, bob);
    find_users_but(&mut stage, &[]);
    stage.settle();
    assert_done(&mut stage, question);
}

#[test]
fn strangers_are_told_nothing_and_posts_ask_nobody() {
    let mut stage = stage(|config| {
        config.auth = AuthMode::Token;
        config.memberships_per_user = 5;
    });
    let (ann, eve) = (stage.user(), stage.user());
    let chat_id = stage.chat();
    create(&mut stage, chat_id, Some(ann), &[ann]);
    find_users_but(&mut stage, &[]);
    find_chats(&mut stage, &[]);
    stage.settle();
    let command = addition(eve, eve);
    let question = stage.ask(Command::Chat(chat_id, command));
    stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    let post = stage.post(chat_id, ann, None);
    assert!(stage.reads.is_empty() && asked(&mut stage).is_empty());
    stage.settle();
    stage.assert_posted(post);
}

#[test]
fn a_partition_that_is_closed_has_nobody_wait_for_it() {
    let mut stage = knowing();
    let there = stage.foreign_user();
    let chat_id = stage.chat();
    let question = create(&mut stage, chat_id, None, &[there]);
    let [candidates] = &asked(&mut stage)[..] else {
        panic!("one home is asked");
    };
    stage.log_event(LogEvent::Closed { partition: P0 });
    assert_eq!(stage.answer(question), Some(Outcome::Elsewhere));
    assert_eq!(told_not_joining(&mut stage), [there]);
    answer(&mut stage, candidates, Ok(()));
    assert!(stage.appends.is_empty());
}

#[test]
fn a_chat_that_was_left_while_its_members_were_asked_about_gets_none() {
    let mut stage = limited(0, 5);
    let (ann, bob) = (stage.user(), stage.user());
    let there = stage.foreign_user();
    let chat_id = stage.chat();
    create(&mut stage, chat_id, None, &[ann, bob]);
    find_chats(&mut stage, &[]);
    stage.settle();
    let command = addition(ann, there);
    let question = stage.ask(Command::Chat(chat_id, command));
    let [candidates] = &asked(&mut stage)[..] else {
        panic!("one home is asked");
    };
    let command = ChatCommand::RemoveMember {
        caller: ann,
        user_id: ann,
    };
    stage.ask(Command::Chat(chat_id, command));
    stage.settle();
    answer(&mut stage, candidates, Ok(()));
    stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    assert_eq!(told_not_joining(&mut stage), [there]);
}
