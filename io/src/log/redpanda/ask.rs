//! Questions to the brokers, which may not be there yet.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaResult;

use super::error::RedpandaError;
use super::settings::Settings;
use crate::startup::Startup;
use crate::throttle::Throttle;

/// How long the answer to one question is waited for.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after a question that was not answered it is asked again.
const ASK_PAUSE: Duration = Duration::from_millis(200);

/// Asks until there is an answer, and says now and then that it waits.
pub(super) fn until_answered<T>(
    startup: &Startup,
    settings: &Settings,
    mut ask: impl FnMut() -> KafkaResult<T>,
) -> Result<T, RedpandaError> {
    let throttle = Throttle::default();
    loop {
        let error = match ask() {
            Ok(answer) => {
                startup.go_on();
                return Ok(answer);
            }
            Err(error) => error,
        };
        if startup.is_interrupted() {
            return Err(RedpandaError::Interrupted);
        }
        let brokers = settings.broker_list();
        startup.wait_for(format!("the log's brokers at {brokers} ({error})"));
        if let Some(held_back) = throttle.pass(Instant::now()) {
            tracing::warn!(brokers, %error, held_back, "waiting for the log's brokers");
        }
        thread::sleep(ASK_PAUSE);
    }
}
