//! Limits that a server has and does not declare. No RFC obliges a server to
//! take long messages: what is over its limit is beside every rule, and what
//! the server takes on another connection is not.

use rfc6455::{Frame, StatusCode};

use super::{Incoming, Peer, apart};
use crate::verdict::Finding;

/// A message of so many bytes fits into the shortest frame, and is under no
/// limit.
const SHORTEST: u64 = 125;

/// How a user declares a limit.
pub(super) const HINT: &str =
    "--max-message (in a server.toml max-message) declares it";

/// What becomes of a message on a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Echoed,
    /// The connection was closed with 1009.
    TooBig,
    /// Something else.
    Lost,
}

impl Peer {
    /// What it means that this comes instead of what is expected.
    pub(crate) async fn instead_of(
        &self,
        expected: Incoming,
        got: Incoming,
    ) -> Finding {
        let length = match &expected {
            Incoming::Message(_, payload) => payload.len() as u64,
            _ => 0,
        };
        self.instead_of_message(length, expected, got)
            .await
    }

    /// The same for the echo of a message of this length.
    pub(crate) async fn instead_of_message(
        &self,
        length: u64,
        expected: impl std::fmt::Display,
        got: Incoming,
    ) -> Finding {
        let violation = Finding::violation(&expected, &got);
        if length <= SHORTEST {
            return violation;
        }
        let is_refused = match &got {
            Incoming::Close(_) => {
                got.status_code() == Some(StatusCode::MESSAGE_TOO_BIG)
            }
            Incoming::End(_) => false,
            _ => return violation,
        };
        if let Some(most) = self.declared().max_message {
            return match length > most {
                true => Finding::Unsupported(format!(
                    "the declared max-message is under {length} bytes"
                )),
                false => violation,
            };
        }
        if matches!(got, Incoming::Close(_)) && !is_refused {
            return violation;
        }
        match (is_refused, self.fate(length).await) {
            (_, Fate::Echoed) => violation,
            (true, Fate::TooBig) => {
                let taken = self.taken_under(length).await;
                Finding::Unsupported(format!(
                    "the server has a limit: it echoes a message of {taken} \
                     bytes and closes with 1009 at one of {length}; {HINT}"
                ))
            }
            _ => {
                let taken = self.taken_under(length).await;
                Finding::violation(
                    expected,
                    format_args!(
                        "{got} (a message of {taken} bytes is echoed; if the \
                         server has a limit, {HINT})"
                    ),
                )
            }
        }
    }

    /// What becomes of a binary message of this length.
    async fn fate(&self, length: u64) -> Fate {
        let Ok(mut other) = apart::another(&self.wire.setting).await else {
            return Fate::Lost;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let message = Frame::binary(vec![b'l'; length]);
        let until_answered = super::Cut::UntilAnswered;
        let sent = other.send_cut(until_answered, [message.clone()]);
        if Box::pin(sent).await.is_err() {
            return Fate::Lost;
        }
        match other.next().await {
            Ok(got) if got == Incoming::from(message) => Fate::Echoed,
            Ok(got)
                if got.status_code() == Some(StatusCode::MESSAGE_TOO_BIG) =>
            {
                Fate::TooBig
            }
            _ => Fate::Lost,
        }
    }

    /// The largest power of two under this length that is echoed as a message.
    async fn taken_under(&self, length: u64) -> u64 {
        let mut taken = (length - 1).next_power_of_two() / 2;
        while taken > SHORTEST && self.fate(taken).await != Fate::Echoed {
            taken /= 2;
        }
        taken
    }
}
