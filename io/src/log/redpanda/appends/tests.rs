use super::*;
use rookery_schema::batch::RecordBatchBuilder;

const ENOUGH: Duration = Duration::from_secs(1);

fn batch(records: u8) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    (0..records).for_each(|record| builder.push_encoded(&[record]));
    builder.take()
}

/// Of which everything in the log was read.
fn appends() -> Appends {
    let mut appends = Appends::default();
    appends.read(Offset(100), None);
    appends
}

fn hand_over(appends: &mut Appends) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some((number, ..)) = appends.next_record() {
        numbers.push(number);
        appends.handed_over();
    }
    numbers
}

fn written(end: u64) -> Verdict {
    Verdict::Written(Some(Offset(end)))
}

fn answers(appends: &mut Appends, now: Instant) -> Vec<Result<u64, AppendFault>> {
    let answers = std::iter::from_fn(|| appends.next_answer(now));
    answers.map(|answer| answer.map(|end| end.0)).collect()
}

/// Two appends of which the first timed out.
fn down(now: Instant) -> Appends {
    let mut appends = appends();
    appends.submit(batch(2), now);
    assert_eq!(hand_over(&mut appends), [0, 0]);
    appends.reported(0, 2, Verdict::Failed, now);
    assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
    assert!(!appends.is_outstanding());
    assert!(appends.is_down());
    appends
}

#[test]
fn an_append_is_answered_when_all_of_it_and_all_before_it_is_reported() {
    let now = Instant::now();
    let mut appends = appends();
    for records in [2, 1, 3] {
        appends.submit(batch(records), now);
    }
    assert_eq!(hand_over(&mut appends), [0, 0, 1, 2, 2, 2]);
    appends.reported(1, 1, written(13), now);
    appends.reported(0, 1, written(11), now);
    assert_eq!(answers(&mut appends, now), []);
    appends.reported(0, 1, written(12), now);
    assert_eq!(answers(&mut appends, now), [Ok(12), Ok(13)]);
    appends.reported(2, 3, written(16), now);
    assert_eq!(answers(&mut appends, now), [Ok(16)]);
    assert_eq!(appends.end(), Offset(16));
    assert!(!appends.is_outstanding());
}

#[test]
fn a_record_that_a_broker_had_already_counts_as_written() {
    let now = Instant::now();
    let mut appends = appends();
    appends.submit(batch(1), now);
    appends.submit(batch(1), now);
    hand_over(&mut appends);
    appends.reported(0, 1, written(5), now);
    appends.reported(1, 1, Verdict::Written(None), now);
    appends.read(Offset(100), Some(1));
    assert_eq!(answers(&mut appends, now), [Ok(5), Ok(100)]);
}

#[test]
fn a_record_behind_what_is_not_known_is_confirmed_when_that_was_read() {
    let now = Instant::now();
    let mut appends = appends();
    for records in [1, 2, 1, 1] {
        appends.submit(batch(records), now);
    }
    hand_over(&mut appends);
    appends.reported(0, 1, written(101), now);
    // Somebody else wrote 101.
    appends.reported(1, 2, written(104), now);
    appends.reported(2, 1, written(105), now);
    assert_eq!(answers(&mut appends, now), [Ok(101)]);
    appends.read(Offset(101), None);
    assert_eq!(answers(&mut appends, now), []);
    appends.read(Offset(102), None);
    assert_eq!(answers(&mut appends, now), [Ok(104), Ok(105)]);
    appends.reported(3, 1, written(106), now);
    assert_eq!(answers(&mut appends, now), [Ok(106)]);
}

#[test]
fn a_record_of_which_only_is_known_that_it_is_there_is_confirmed_when_it_was_read() {
    let now = Instant::now();
    let mut appends = appends();
    appends.submit(batch(2), now);
    appends.submit(batch(1), now);
    hand_over(&mut appends);
    appends.reported(0, 2, Verdict::Written(None), now);
    appends.reported(1, 1, written(103), now);
    appends.read(Offset(101), Some(0));
    assert_eq!(answers(&mut appends, now), []);
    appends.read(Offset(102), Some(1));
    assert_eq!(answers(&mut appends, now), [Ok(102), Ok(103)]);
}

#[test]
fn one_lost_record_makes_its_append_unknown_and_stops_the_rest_of_it() {
    let now = Instant::now();
    let mut appends = appends();
    appends.submit(batch(3), now);
    appends.next_record();
    appends.handed_over();
    appends.next_record();
    appends.handed_over();
    appends.reported(0, 1, written(1), now);
    appends.reported(0, 1, Verdict::Failed, now);
    assert!(hand_over(&mut appends).is_empty());
    assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
}

#[test]
fn what_was_not_begun_when_the_log_went_down_was_certainly_not_written() {
    let now = Instant::now();
    let mut appends = appends();
    (0..3).for_each(|_| appends.submit(batch(1), now));
    appends.next_record();
    appends.handed_over();
    appends.reported(0, 1, Verdict::Failed, now);
    assert_eq!(
        answers(&mut appends, now),
        [
            Err(AppendFault::Unknown),
            Err(AppendFault::Unavailable),
            Err(AppendFault::Unavailable)
        ]
    );
    assert!(!appends.is_outstanding());
}

#[test]
fn a_record_that_the_client_does_not_take_ends_its_append_alone() {
    let now = Instant::now();
    let mut appends = appends();
    appends.submit(batch(1), now);
    appends.submit(batch(1), now);
    appends.next_record();
    appends.not_taken(now);
    assert_eq!(hand_over(&mut appends), [1]);
    appends.reported(1, 1, written(1), now);
    assert_eq!(
        answers(&mut appends, now),
        [Err(AppendFault::Unavailable), Ok(1)]
    );
}

#[test]
fn while_the_log_is_down_all_is_refused_at_once_but_for_a_probe_in_a_while() {
    let now = Instant::now();
    let mut appends = down(now);
    appends.submit(batch(1), now + PROBE_PAUSE / 2);
    assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unavailable)]);

    let probed = now + PROBE_PAUSE;
    appends.submit(batch(1), probed);
    appends.submit(batch(1), probed);
    assert_eq!(hand_over(&mut appends), [2]);
    assert_eq!(answers(&mut appends, probed), []);
    let both = [Err(AppendFault::Unknown), Err(AppendFault::Unavailable)];
    assert_eq!(answers(&mut appends, probed + PROBE_WAIT), both);
    // As long as nothing is known of the probe, there is no second one.
    appends.submit(batch(1), probed + ENOUGH);
    assert!(hand_over(&mut appends).is_empty());
    let refused = [Err(AppendFault::Unavailable)];
    assert_eq!(answers(&mut appends, probed + ENOUGH), refused);
    assert!(appends.is_outstanding());

    let failed = probed + ENOUGH * 2;
    appends.reported(2, 1, Verdict::Failed, failed);
    assert_eq!(answers(&mut appends, failed), []);
    assert!(!appends.is_outstanding());
    appends.submit(batch(1), failed);
    assert_eq!(answers(&mut appends, failed), refused);
}

#[test]
fn a_probe_that_the_client_does_not_take_is_followed_by_another() {
    let now = Instant::now();
    let mut appends = down(now);
    let refused = [Err(AppendFault::Unavailable)];
    let first = now + PROBE_PAUSE;
    appends.submit(batch(1), first);
    appends.next_record();
    appends.not_taken(first);
    assert_eq!(answers(&mut appends, first), refused);
    appends.submit(batch(1), first);
    assert!(hand_over(&mut appends).is_empty(), "not at once");
    assert_eq!(answers(&mut appends, first), refused);
    let second = first + PROBE_PAUSE;
    appends.submit(batch(1), second);
    assert_eq!(hand_over(&mut appends), [3]);
    appends.reported(3, 1, written(9), second);
    assert_eq!(answers(&mut appends, second), [Ok(9)]);
}

#[test]
fn a_probe_that_gets_through_late_ends_the_refusals() {
    let now = Instant::now();
    let mut appends = down(now);
    appends.submit(batch(1), now + ENOUGH);
    assert_eq!(hand_over(&mut appends), [1]);
    let later = now + ENOUGH + PROBE_WAIT;
    assert_eq!(answers(&mut appends, later), [Err(AppendFault::Unknown)]);
    appends.reported(1, 1, written(7), later);
    assert!(!appends.is_down());
    appends.submit(batch(1), later);
    assert_eq!(hand_over(&mut appends), [2]);
    appends.reported(2, 1, written(8), later);
    assert_eq!(answers(&mut appends, later), [Ok(8)]);
}

#[test]
fn what_was_handed_over_to_a_client_that_is_no_more_is_unknown_and_its_reports_too_late() {
    let now = Instant::now();
    let mut appends = appends();
    (0..2).for_each(|_| appends.submit(batch(2), now));
    appends.next_record();
    appends.handed_over();
    appends.give_up(now);
    assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
    appends.reported(0, 1, written(1), now);
    assert_eq!(hand_over(&mut appends), [1, 1]);
    appends.reported(1, 2, written(2), now);
    assert_eq!(answers(&mut appends, now), [Ok(2)]);
}
