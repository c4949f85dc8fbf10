//! The producing client: records go in, and what became of them is gathered until the lane asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rookery_schema::claims::{Claim, STAMP_HEADER, Stamp};
use rookery_schema::{Offset, PartitionId};

use super::appends::Verdict;
use super::client_log::ClientLog;
use super::error::RedpandaError;
use super::settings::Settings;

/// The number that a dead letter travels under; appends count from 0.
const DEAD_LETTER_TICKET: usize = usize::MAX;
/// Reports that are taken from the client at once: each is of a whole batch.
const POLLS_MAX: usize = 64;

/// What became of records that were handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Of records of the append with this number.
    Append {
        partition: PartitionId,
        number: u64,
        records: u32,
        verdict: Verdict,
    },
    /// Of the dead letter.
    DeadLetter(Result<(), KafkaError>),
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The client has as much as it may hold: again when it has sent some of it.
    Full,
    /// It will not take this one.
    Refused(KafkaError),
}

/// See the module.
pub(super) struct Producer {
    client: BaseProducer<Reports>,
    topic: String,
    dead_letter_topic: String,
    settings: Settings,
}

impl Producer {
    /// Makes a client, whose threads may run wherever the caller may.
    pub(super) fn new(settings: &Settings) -> Result<Self, RedpandaError> {
        let client =
            BaseProducer::from_config_and_context(&settings.producer(), Reports::default());
        Ok(Self {
            client: client.map_err(RedpandaError::Client)?,
            topic: settings.topic.clone(),
            dead_letter_topic: settings.dead_letter_topic(),
            settings: settings.clone(),
        })
    }

    /// Another client instead of this one, of which nothing more is heard.
    pub(super) fn renew(&mut self) -> Result<(), RedpandaError> {
        *self = Self::new(&self.settings)?;
        Ok(())
    }

    /// Takes a record of the append with this number.
    pub(super) fn append(
        &self,
        partition: PartitionId,
        number: u64,
        stamp: Stamp,
        record: &[u8],
    ) -> Result<(), NotTaken> {
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header {
            key: STAMP_HEADER,
            value: Some(&stamp.encode()),
        });
        self.send(
            BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
                .partition(partition.0 as i32)
                .payload(record)
                .headers(headers),
        )
    }

    /// Takes a claim; it is reported as an append of this number.
    pub(super) fn append_claim(
        &self,
        partition: PartitionId,
        number: u64,
        claim: Claim,
    ) -> Result<(), NotTaken> {
        self.send(
            BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
                .partition(partition.0 as i32)
                .payload(&claim.encode()),
        )
    }

    /// Takes a record that can't be understood.
    pub(super) fn send_dead_letter(
        &self,
        record: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(), NotTaken> {
        self.send(
            BaseRecord::<(), [u8], usize>::with_opaque_to(
                &self.dead_letter_topic,
                DEAD_LETTER_TICKET,
            )
            .partition(0)
            .payload(record)
            .headers(headers),
        )
    }

    fn send(&self, record: BaseRecord<'_, (), [u8], usize>) -> Result<(), NotTaken> {
        self.client.send(record).map_err(|(error, _)| {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
                NotTaken::Full
            } else {
                NotTaken::Refused(error)
            }
        })
    }

    /// Appends what has been reported since the last time, without waiting.
    pub(super) fn reports(&self, reports: &mut Vec<Report>) {
        let context = self.client.context();
        for _ in 0..POLLS_MAX {
            self.client.poll(Duration::ZERO);
            if context.take(reports) == 0 {
                break;
            }
        }
    }

    /// Why this client can't go on, where it can't: it lost track of what the brokers have.
    pub(super) fn fatal(&self) -> Option<String> {
        let (code, reason) = self.client.client().fatal_error()?;
        Some(format!("{code}: {reason}"))
    }
}

/// The client's context.
#[derive(Default)]
struct Reports {
    /// Only the lane's thread ever takes this lock, while it polls and behind that.
    reports: Mutex<Vec<Report>>,
    log: ClientLog,
}

impl Reports {
    fn take(&self, into: &mut Vec<Report>) -> usize {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reports.len();
        into.append(&mut reports);
        count
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        let message = match result {
            Ok(message) | Err((_, message)) => message,
        };
        let error = result.as_ref().err().map(|(error, _)| error);
        if let Some(error) = error {
            let text = format_args!("a record was not confirmed: {error}");
            self.log.warn(text);
        }
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if ticket == DEAD_LETTER_TICKET {
            reports.push(Report::DeadLetter(error.cloned().map_or(Ok(()), Err)));
            return;
        }
        let verdict = if error.is_some() {
            Verdict::Failed
        } else {
            let offset = u64::try_from(message.offset()).ok();
            Verdict::Written(offset.map(|offset| Offset(offset + 1)))
        };
        let partition = PartitionId(message.partition() as u32);
        gather(&mut reports, partition, ticket as u64, verdict);
    }
}

/// Adds one record's verdict, to that of the record before it where the two can be told as one: records that
/// were written are so only where they follow each other in the log.
fn gather(reports: &mut Vec<Report>, partition: PartitionId, number: u64, verdict: Verdict) {
    if let Some(Report::Append {
        partition: last_partition,
        number: last_number,
        records,
        verdict: last,
    }) = reports.last_mut()
        && (*last_partition, *last_number) == (partition, number)
    {
        match (&mut *last, verdict) {
            (Verdict::Written(Some(end)), Verdict::Written(Some(new))) if new == end.plus(1) => {
                *end = new;
                *records += 1;
                return;
            }
            (Verdict::Written(None), Verdict::Written(None))
            | (Verdict::Failed, Verdict::Failed) => {
                *records += 1;
                return;
            }
            _ => {}
        }
    }
    reports.push(Report::Append {
        partition,
        number,
        records: 1,
        verdict,
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::ffi::CString;

    use rdkafka::bindings::{rd_kafka_resp_err_t, rd_kafka_test_fatal_error};

    use super::*;
    use crate::config::Endpoint;
    use crate::log::partitions::Partitions;

    const P: PartitionId = PartitionId(2);

    fn report(number: u64, records: u32, verdict: Verdict) -> Report {
        Report::Append {
            partition: P,
            number,
            records,
            verdict,
        }
    }

    #[test]
    fn verdicts_on_an_append_are_told_as_few_as_they_can_be() {
        let written = |end| Verdict::Written(Some(Offset(end)));
        let mut reports = Vec::new();
        for (number, verdict) in [
            (0, written(1)),
            (0, written(2)),
            (0, Verdict::Written(None)),
            (0, Verdict::Written(None)),
            (0, written(5)),
            (0, written(7)),
            (0, Verdict::Failed),
            (1, Verdict::Failed),
            (1, Verdict::Failed),
            (1, written(4)),
        ] {
            gather(&mut reports, P, number, verdict);
        }
        let expected = [
            report(0, 2, written(2)),
            report(0, 2, Verdict::Written(None)),
            report(0, 1, written(5)),
            report(0, 1, written(7)),
            report(0, 1, Verdict::Failed),
            report(1, 2, Verdict::Failed),
            report(1, 1, written(4)),
        ];
        assert_eq!(reports, expected);
    }

    #[test]
    fn a_client_that_is_broken_says_so_and_its_successor_takes_records() {
        let nobody = Endpoint {
            host: "127.0.0.1".into(),
            port: 1,
        };
        let name = || "t".to_owned();
        let settings = Settings::new(vec![nobody], name(), name(), Partitions::IfNew(1));
        let mut producer = Producer::new(&settings).unwrap();
        assert_eq!(producer.fatal(), None);
        let reason = CString::new("on purpose").unwrap();
        // SAFETY: the client lives, and the library copies the text.
        unsafe {
            rd_kafka_test_fatal_error(
                producer.client.client().native_ptr(),
                rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                reason.as_ptr(),
            );
        }
        assert!(producer.fatal().unwrap().contains("on purpose"));
        let refused = producer.append(PartitionId(0), 0, Stamp::default(), b"record");
        assert!(matches!(refused, Err(NotTaken::Refused(_))));
        producer.renew().unwrap();
        assert_eq!(producer.fatal(), None);
        producer
            .append(PartitionId(0), 0, Stamp::default(), b"record")
            .unwrap();
    }
}
