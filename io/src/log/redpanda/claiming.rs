//! How a process takes the partitions of a topic before its shards read them: it looks at what there is, and
//! appends a claim to each. An earlier process that reads them ends.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rookery_schema::claims::{Claim, Epoch};
use rookery_schema::{Offset, PartitionId};

use super::appends::Verdict;
use super::ask::{ASK_TIMEOUT, until_answered};
use super::claimed::Claimed;
use super::consumer::Consumer;
use super::error::RedpandaError;
use super::opening::{self, Found};
use super::producer::{NotTaken, Producer, Report};
use super::settings::Settings;
use crate::entropy;
use crate::log::stored::Stored;
use crate::startup::Startup;

/// How long the brokers' word on claims is waited for before they are asked again.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one look for it takes.
const REPORT_POLL: Duration = Duration::from_millis(1);

/// Claims these partitions, or none where one of them can't be used.
pub(super) fn claim(
    settings: &Settings,
    partitions: &[(PartitionId, Stored)],
    startup: &Startup,
) -> Result<Vec<Claimed>, RedpandaError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let mut opening = [0; 8];
    entropy::fill(&mut opening).map_err(RedpandaError::Entropy)?;
    let opening = u64::from_ne_bytes(opening);
    let consumer = Consumer::new(settings)?;
    let mut claimed = look(&consumer, settings, (partitions, opening), startup)?;
    let mut producer = Producer::new(settings)?;
    let mut waiting: Vec<_> = claimed.iter_mut().collect();
    until_answered(startup, settings, || {
        let outcome = append(&producer, &mut waiting);
        if producer.fatal().is_some() {
            // The next try says why it can't be made anew.
            let _ = producer.renew();
        }
        outcome
    })?;
    Ok(claimed)
}

/// What the brokers have, whether it goes together with the store, and the claims that follow from it.
fn look(
    consumer: &Consumer,
    settings: &Settings,
    (partitions, opening): (&[(PartitionId, Stored)], u64),
    startup: &Startup,
) -> Result<Vec<Claimed>, RedpandaError> {
    let ids: Vec<_> = partitions.iter().map(|&(id, _)| id).collect();
    let committed = until_answered(startup, settings, || consumer.committed(&ids, ASK_TIMEOUT))?;
    let (mut all, mut lowered) = (Vec::new(), Vec::new());
    for (&(id, stored), committed) in partitions.iter().zip(committed) {
        let (low, high) = until_answered(startup, settings, || consumer.bounds(id, ASK_TIMEOUT))?;
        let offset = |bound: i64| Offset(bound.max(0) as u64);
        let mark = committed.and_then(|it| it.mark);
        let committed = committed.map(|it| it.offset);
        let found = Found {
            low: offset(low),
            high: offset(high),
            committed,
        };
        let opened = opening::open(&settings.topic, id, found, stored, settings.window_records)?;
        if committed.is_some_and(|committed| committed > opened.committed) {
            lowered.push((id, opened.committed));
        }
        let epoch = Epoch::at_end(found.high);
        all.push(Claimed {
            id,
            opened,
            claim: Claim { epoch, opening },
            mark,
        });
    }
    if !lowered.is_empty() {
        // The store is filled out of order, and its newest record alone must not count next time.
        until_answered(startup, settings, || consumer.commit_now(&lowered))?;
    }
    Ok(all)
}

/// Appends the claims that wait, until all are confirmed.
fn append(producer: &Producer, waiting: &mut Vec<&mut Claimed>) -> KafkaResult<()> {
    for claimed in &*waiting {
        match producer.append_claim(claimed.id, 0, claimed.claim) {
            Ok(()) => {}
            Err(NotTaken::Full) => break,
            Err(NotTaken::Refused(error)) => return Err(error),
        }
    }
    let deadline = Instant::now() + REPORT_TIMEOUT;
    let mut reports = Vec::new();
    while !waiting.is_empty() {
        producer.reports(&mut reports);
        for report in reports.drain(..) {
            let Report::Append {
                partition, verdict, ..
            } = report
            else {
                continue;
            };
            match verdict {
                Verdict::Written(end) => waiting.retain_mut(|claimed| {
                    if claimed.id == partition {
                        // What is appended comes behind the claim.
                        claimed.opened.end = claimed.opened.end.max(end.unwrap_or_default());
                    }
                    claimed.id != partition
                }),
                Verdict::Failed => return Err(unconfirmed()),
            }
        }
        if Instant::now() >= deadline {
            return Err(unconfirmed());
        }
        std::thread::sleep(REPORT_POLL);
    }
    Ok(())
}

const fn unconfirmed() -> KafkaError {
    KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)
}
